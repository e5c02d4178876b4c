//! `GET` and `POST /oauth2/userinfo`: what a client may know about its user.

use http::StatusCode;

use super::Http;
use super::answer::{self, Response};
use super::call::Call;
use super::oauth::OAuthError;

pub(super) async fn userinfo(http: &Http, call: &Call) -> Response {
    answer(http, call).await.unwrap_or_else(OAuthError::into_response)
}

async fn answer(http: &Http, call: &Call) -> Result<Response, OAuthError> {
    let caller = http.caller_or_failure(&call.parts).await.map_err(OAuthError::of_session)?;
    let info = http.engine().caller_info(&caller).await;
    let info = info.map_err(|error| OAuthError::of_session(error.into()))?;
    Ok(answer::json(StatusCode::OK, &info))
}
