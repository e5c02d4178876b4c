//! `POST /oauth2/token`: tokens for a code, a refresh token, a signed request or a session.

use http::StatusCode;
use serde_json::{Map, Value};

use super::Http;
use super::answer::{self, Failure, Response};
use super::call::Call;
use super::fields::Fields;
use super::oauth::OAuthError;
use crate::credential::SessionToken;
use crate::engine::{Caller, Error, Open, SignedIn};
use crate::model::{ClientId, SessionKind};

pub(super) async fn token(http: &Http, call: &Call) -> Response {
    grant(http, call).await.unwrap_or_else(OAuthError::into_response)
}

async fn grant(http: &Http, call: &Call) -> Result<Response, OAuthError> {
    let form = call.form().map_err(|error| OAuthError::invalid_request(error.message()))?;
    let grant_type = required(&form, "grant_type", "grant_type is required")?;
    let client = required(&form, "client_id", "client_id is required")?;
    let known = http.engine().policy().client(client).is_some();
    let client = ClientId::parse(client).filter(|_| known).ok_or(OAuthError::client_unknown())?;
    match grant_type {
        "authorization_code" => by_code(http, &form, &client).await,
        "refresh_token" => by_refresh_token(http, &form, &client).await,
        "urn:authgear:params:oauth:grant-type:anonymous-request" => {
            by_signed_request(http, call, &form, client).await
        }
        "urn:authgear:params:oauth:grant-type:id-token" => by_session(http, call, &client).await,
        _ => {
            let description = "this grant_type is not supported";
            let status = StatusCode::BAD_REQUEST;
            Err(OAuthError::new(status, "unsupported_grant_type", description))
        }
    }
}

async fn by_code(http: &Http, form: &Fields, client: &ClientId) -> Result<Response, OAuthError> {
    let code = required(form, "code", "code is required")?;
    let redirect_uri = required(form, "redirect_uri", "redirect_uri is required")?;
    let verifier = required(form, "code_verifier", "code_verifier is required")?;
    let redeemed = http.engine().redeem_code(code, client, redirect_uri, verifier).await;
    opened(http, client, redeemed, "invalid code")
}

async fn by_refresh_token(
    http: &Http,
    form: &Fields,
    client: &ClientId,
) -> Result<Response, OAuthError> {
    const REFUSED: &str = "invalid refresh token";
    let text = required(form, "refresh_token", "refresh_token is required")?;
    let token = SessionToken::parse(text).ok_or(OAuthError::invalid_grant(REFUSED))?;
    let refreshed = http.engine().refresh(&token, client).await;
    let caller = refreshed.map_err(|error| OAuthError::of_grant(error.into(), REFUSED))?;
    tokens(http, client, &caller, None, None)
}

async fn by_signed_request(
    http: &Http,
    call: &Call,
    form: &Fields,
    client: ClientId,
) -> Result<Response, OAuthError> {
    let request = required(form, "jwt", "jwt is required")?;
    let open = Open::Session(SessionKind::Refresh(client.clone()));
    let signed_in = http.engine().sign_in_with_device_key(request, open, call.address).await;
    opened(http, &client, signed_in, "InvalidCredentials")
}

/// A new ID token for whoever holds an access token or a session cookie.
async fn by_session(http: &Http, call: &Call, client: &ClientId) -> Result<Response, OAuthError> {
    let caller = http.caller_or_failure(&call.parts).await.map_err(OAuthError::of_session)?;
    match &caller.session.kind {
        SessionKind::Refresh(owner) if owner != client => return Err(OAuthError::mismatch()),
        // A cookie comes along by itself, from whatever page asks: one of another client must not get what
        // proves who somebody is to this one.
        SessionKind::Cookie if !http.site().origins.is_of_client(call.headers(), client) => {
            return Err(OAuthError::foreign_page());
        }
        SessionKind::Refresh(_) | SessionKind::Cookie => {}
    }
    let id_token = http.engine().id_token(&caller, client, None);
    let id_token = id_token.map_err(|error| OAuthError::of_session(error.into()))?;
    let body = Map::from_iter([("id_token".to_owned(), Value::from(id_token))]);
    Ok(answer::json(StatusCode::OK, &body))
}

fn opened(
    http: &Http,
    client: &ClientId,
    signed_in: Result<SignedIn, Error>,
    refused: &'static str,
) -> Result<Response, OAuthError> {
    let signed_in =
        signed_in.map_err(|error| OAuthError::of_grant(Failure::from(error), refused))?;
    let nonce = signed_in.nonce.clone();
    match signed_in.into_session() {
        Some((token, caller)) => tokens(http, client, &caller, Some(&token), nonce.as_deref()),
        None => Err(OAuthError::invalid_grant(refused)),
    }
}

fn tokens(
    http: &Http,
    client: &ClientId,
    caller: &Caller,
    refresh_token: Option<&SessionToken>,
    nonce: Option<&str>,
) -> Result<Response, OAuthError> {
    let refused = |error: Error| OAuthError::of_session(error.into());
    let access = http.engine().access_token(caller).map_err(refused)?;
    let mut body = Map::new();
    body.insert("token_type".to_owned(), "Bearer".into());
    body.insert("access_token".to_owned(), access.text.into());
    body.insert("expires_in".to_owned(), access.expires_in_seconds.into());
    body.insert(
        "id_token".to_owned(),
        http.engine().id_token(caller, client, nonce).map_err(refused)?.into(),
    );
    if let Some(token) = refresh_token {
        body.insert("refresh_token".to_owned(), token.reveal().as_str().into());
    }
    Ok(answer::json(StatusCode::OK, &body))
}

fn required<'a>(
    form: &'a Fields,
    name: &str,
    missing: &'static str,
) -> Result<&'a str, OAuthError> {
    form.get(name).ok_or(OAuthError::invalid_request(missing))
}
