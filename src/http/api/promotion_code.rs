//! `POST /api/anonymous_user/promotion_code`: takes a guest of the web to the sign-up page.

use serde_json::json;

use super::{ApiError, SessionType, Shape, body, result};
use crate::credential::SessionToken;
use crate::engine::{Error, Issued};
use crate::http::Http;
use crate::http::answer::{Failure, Response};
use crate::http::call::Call;
use crate::http::cookie::Found;
use crate::model::SessionKind;
use crate::rules::Rejection;

pub(in crate::http) async fn promotion_code(http: &Http, call: &Call) -> Response {
    answer(http, call).await.unwrap_or_else(ApiError::into_response)
}

async fn answer(http: &Http, call: &Call) -> Result<Response, ApiError> {
    let object = body(call)?;
    let mut shape = Shape::of(&object);
    let session_type = shape.one_of("session_type", &SessionType::VALUES);
    let refresh_token = shape.optional("refresh_token");
    shape.check()?;
    let issued = match (session_type, refresh_token) {
        (Some(SessionType::Cookie) | None, _) => by_cookie(http, call).await?,
        (Some(SessionType::RefreshToken), None) => return Err(ApiError::unauthorized()),
        (Some(SessionType::RefreshToken), Some(text)) => by_refresh_token(http, text).await?,
    };
    let expire_at = issued.expires_at.to_rfc3339();
    Ok(result(&json!({ "promotion_code": issued.text, "expire_at": expire_at })))
}

async fn by_cookie(http: &Http, call: &Call) -> Result<Issued, ApiError> {
    http.refuse_foreign_sender(call)?;
    let token = match http.site().cookies.session(call.headers()) {
        Found::One(text) => SessionToken::parse(text).ok_or(ApiError::unauthorized())?,
        Found::Nothing | Found::Several => return Err(ApiError::unauthorized()),
    };
    http.caller_by_cookie(&token).await.map_err(Failure::from)?;
    Ok(http.engine().promotion_code(&token).await.map_err(Failure::from)?)
}

async fn by_refresh_token(http: &Http, text: &str) -> Result<Issued, ApiError> {
    let token = SessionToken::parse(text).ok_or(ApiError::forbidden("invalid refresh token"))?;
    let issued = match http.engine().authenticate(&token).await {
        Ok(caller) => match caller.session.kind {
            SessionKind::Refresh(_) => http.engine().promotion_code(&token).await,
            SessionKind::Cookie => Err(Error::Rejected(Rejection::SessionUnknown)),
        },
        Err(error) => Err(error),
    };
    issued.map_err(|error| match Failure::from(error) {
        Failure::Rejected(
            Rejection::SessionUnknown | Rejection::SessionExpired | Rejection::SessionSuperseded,
        ) => ApiError::forbidden("invalid refresh token"),
        failure @ (Failure::Rejected(_) | Failure::Later(_) | Failure::Broken(_)) => failure.into(),
    })
}
