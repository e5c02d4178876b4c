//! `POST /oauth2/revoke`: ends the session of a refresh or access token.

use http::StatusCode;

use super::Http;
use super::answer::{self, Failure, Response};
use super::call::Call;
use super::oauth::OAuthError;
use crate::credential::SessionToken;

pub(super) async fn revoke(http: &Http, call: &Call) -> Response {
    answer(http, call).await.unwrap_or_else(OAuthError::into_response)
}

async fn answer(http: &Http, call: &Call) -> Result<Response, OAuthError> {
    let form = call.form().map_err(|error| OAuthError::invalid_request(error.message()))?;
    let text = form.get("token").ok_or(OAuthError::invalid_request("token is required"))?;
    let ended = match SessionToken::parse(text) {
        Some(token) => http.engine().sign_out(&token).await,
        None => http.engine().sign_out_access(text).await,
    };
    match ended.map_err(Failure::from) {
        // A token that ends nothing is over already, which is what was asked for (RFC 7009 section 2.2).
        // The clients take nothing but 200 for a success.
        Ok(_) | Err(Failure::Rejected(_)) => Ok(answer::empty(StatusCode::OK)),
        Err(failure @ (Failure::Later(_) | Failure::Broken(_))) => {
            Err(OAuthError::of_session(failure))
        }
    }
}
