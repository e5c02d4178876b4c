//! The same site for scripts: JSON, with an access token or the cookie.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequestParts, Query, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, HeaderValue};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use guestpass::axum::{AnyUser, OptionalUser};
use guestpass::model::UserId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::data::Posted;
use crate::origin::FromOwnPage;
use crate::person::Look;
use crate::site::Site;
use crate::text::Message;
use crate::trouble::Trouble;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Place {
    before: Option<i64>,
}

/// `GET /api/messages`: the wall.
pub(crate) async fn messages(
    State(site): State<Site>,
    OptionalUser(caller): OptionalUser,
    Query(place): Query<Place>,
) -> Result<Response, ApiTrouble> {
    let portion = site.data().wall(place.before).await.map_err(Trouble::from)?;
    let reader = caller.map(|caller| caller.user.id);
    let older = portion.messages.last().filter(|_| portion.is_followed).map(|last| last.id);
    let messages: Vec<Value> =
        portion.messages.iter().map(|posted| message(posted, reader)).collect();
    Ok(Json(json!({ "messages": messages, "older_than": older })).into_response())
}

fn message(posted: &Posted, reader: Option<UserId>) -> Value {
    json!({
        "id": posted.id,
        "author": { "display_name": posted.look.name, "colour": posted.look.colour.name() },
        "is_own": reader == Some(posted.author),
        "text": posted.text,
        "posted_at": posted.at.to_rfc3339(),
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Draft {
    text: String,
}

/// `POST /api/messages` with `{"text": ..}`: puts a message on the wall.
///
/// Only JSON is taken: a form on another site cannot send it.
pub(crate) async fn post(
    State(site): State<Site>,
    _: ByTokenOrFromOwnPage,
    AnyUser(caller): AnyUser,
    draft: Result<Json<Draft>, JsonRejection>,
) -> Result<Response, ApiTrouble> {
    let Json(draft) = match draft {
        Ok(draft) => draft,
        Err(rejection) => {
            return Ok(refusal(rejection.status(), "not_json", &rejection.body_text()));
        }
    };
    let text = match Message::parse(&draft.text) {
        Ok(text) => text,
        Err(error) => {
            return Ok(refusal(StatusCode::UNPROCESSABLE_ENTITY, "text", &error.to_string()));
        }
    };
    let posted = site.data().post(caller.user.id, text, site.engine().now()).await;
    Ok(match posted.map_err(Trouble::from)? {
        Some(id) => (StatusCode::CREATED, Json(json!({ "id": id }))).into_response(),
        None => refusal(StatusCode::UNAUTHORIZED, "gone", "there is no such user any more"),
    })
}

/// `GET /api/me`: who is asking.
pub(crate) async fn me(
    State(site): State<Site>,
    AnyUser(caller): AnyUser,
) -> Result<Response, ApiTrouble> {
    let user = caller.user.id;
    let preferences = site.data().preferences(user).await.map_err(Trouble::from)?;
    let look = Look::of(user, &preferences);
    Ok(Json(json!({
        "sub": user.to_string(),
        "is_anonymous": caller.user.is_anonymous(),
        "display_name": look.name,
        "colour": look.colour.name(),
    }))
    .into_response())
}

/// The request carries an access token, which no browser adds by itself as it adds a cookie or the name and
/// password of `Basic`, or was sent by a page of the site.
#[derive(Debug)]
pub(crate) struct ByTokenOrFromOwnPage;

impl FromRequestParts<Site> for ByTokenOrFromOwnPage {
    type Rejection = ApiTrouble;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, ApiTrouble> {
        let authorization = parts.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let scheme = authorization.and_then(|value| value.get(..BEARER.len()));
        if !scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(BEARER)) {
            FromOwnPage::from_request_parts(parts, site).await?;
        }
        Ok(Self)
    }
}

/// Trouble, told in JSON.
#[derive(Debug)]
pub(crate) struct ApiTrouble(Trouble);

impl From<Trouble> for ApiTrouble {
    fn from(trouble: Trouble) -> Self {
        Self(trouble)
    }
}

impl IntoResponse for ApiTrouble {
    fn into_response(self) -> Response {
        self.0.into_json()
    }
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "error": { "code": code, "message": message } });
    (status, Json(body)).into_response()
}

const BEARER: &[u8] = b"Bearer ";
