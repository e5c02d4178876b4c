//! `GET /.well-known/openid-configuration` and the public keys.

use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue};
use serde_json::json;

use super::Http;
use super::answer::{self, Response};
use super::route::Endpoint;

pub(super) fn discovery(http: &Http) -> Response {
    let origin = http.engine().policy().public_origin.as_str();
    let at = |endpoint: Endpoint| format!("{origin}{}", endpoint.path());
    cacheable(answer::json(
        StatusCode::OK,
        &json!({
            "issuer": origin,
            "authorization_endpoint": at(Endpoint::Authorize),
            "token_endpoint": at(Endpoint::Token),
            "userinfo_endpoint": at(Endpoint::UserInfo),
            "revocation_endpoint": at(Endpoint::Revoke),
            "end_session_endpoint": at(Endpoint::EndSession),
            "jwks_uri": at(Endpoint::Jwks),
            "scopes_supported": ["openid", "offline_access", FULL_ACCESS],
            "response_types_supported": ["code", "none"],
            "response_modes_supported": ["query"],
            "grant_types_supported": [
                "authorization_code",
                "refresh_token",
                "urn:authgear:params:oauth:grant-type:anonymous-request",
                "urn:authgear:params:oauth:grant-type:id-token",
            ],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "revocation_endpoint_auth_methods_supported": ["none"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["EdDSA"],
            "prompt_values_supported": ["login", "create"],
            "request_parameter_supported": false,
            "request_uri_parameter_supported": false,
        }),
    ))
}

pub(super) fn jwks(http: &Http) -> Response {
    cacheable(answer::json(StatusCode::OK, &http.engine().jwks()))
}

fn cacheable(response: Response) -> Response {
    answer::with_header(response, CACHE_CONTROL, FIVE_MINUTES)
}

const FULL_ACCESS: &str = "https://authgear.com/scopes/full-access";

/// Who verifies tokens looks for a new key at once when it meets an unknown one.
const FIVE_MINUTES: HeaderValue = HeaderValue::from_static("public, max-age=300");
