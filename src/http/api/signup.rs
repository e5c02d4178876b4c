//! `POST /api/anonymous_user/signup`: a guest of the web.

use http::header::SET_COOKIE;
use serde_json::{Map, json};

use super::{ApiError, SessionType, Shape, body, result};
use crate::credential::SessionToken;
use crate::engine::{Caller, Open, Opened};
use crate::http::Http;
use crate::http::answer::{Failure, Response};
use crate::http::call::Call;
use crate::http::cookie::Found;
use crate::model::{ClientId, SessionKind};
use crate::rules::Rejection;

pub(in crate::http) async fn signup(http: &Http, call: &Call) -> Response {
    answer(http, call).await.unwrap_or_else(ApiError::into_response)
}

async fn answer(http: &Http, call: &Call) -> Result<Response, ApiError> {
    let object = body(call)?;
    let mut shape = Shape::of(&object);
    let session_type = shape.one_of("session_type", &SessionType::VALUES);
    let refresh_token = shape.optional("refresh_token");
    let client_id = match session_type {
        Some(SessionType::RefreshToken) => shape.required("client_id"),
        Some(SessionType::Cookie) | None => shape.optional("client_id"),
    };
    shape.check()?;
    match (session_type, client_id) {
        (Some(SessionType::RefreshToken), Some(client_id)) => {
            let client = ClientId::parse(client_id).ok_or(Rejection::ClientUnknown)?;
            match refresh_token {
                None => open_by_refresh_token(http, call, client).await,
                Some(text) => resume_by_refresh_token(http, &client, text).await,
            }
        }
        (Some(_) | None, _) => by_cookie(http, call).await,
    }
}

async fn open_by_refresh_token(
    http: &Http,
    call: &Call,
    client: ClientId,
) -> Result<Response, ApiError> {
    let open = Open::Session(SessionKind::Refresh(client));
    let signed_in = http.engine().sign_up_anonymously(open, call.address).await;
    let opened = signed_in.map_err(Failure::from)?.into_session();
    let Some((token, caller)) = opened else { return Err(ApiError::invalid("invalid request")) };
    tokens(http, &caller, Some(&token))
}

async fn resume_by_refresh_token(
    http: &Http,
    client: &ClientId,
    text: &str,
) -> Result<Response, ApiError> {
    if http.engine().policy().client(client.as_str()).is_none() {
        return Err(Rejection::ClientUnknown.into());
    }
    let over = || ApiError::invalid("invalid refresh token");
    let token = SessionToken::parse(text).ok_or_else(over)?;
    let resumed = http.engine().refresh(&token, client).await;
    let caller = resumed.map_err(|error| match Failure::from(error) {
        Failure::Rejected(
            Rejection::SessionUnknown | Rejection::SessionExpired | Rejection::SessionSuperseded,
        ) => over(),
        failure @ (Failure::Rejected(_) | Failure::Later(_) | Failure::Broken(_)) => failure.into(),
    })?;
    if !caller.user.is_anonymous() {
        return Err(ApiError::regular_user());
    }
    tokens(http, &caller, None)
}

fn tokens(
    http: &Http,
    caller: &Caller,
    refresh_token: Option<&SessionToken>,
) -> Result<Response, ApiError> {
    let access = http.engine().access_token(caller).map_err(Failure::from)?;
    let mut fields = Map::new();
    fields.insert("token_type".to_owned(), "Bearer".into());
    fields.insert("access_token".to_owned(), access.text.into());
    fields.insert("expires_in".to_owned(), access.expires_in_seconds.into());
    if let Some(token) = refresh_token {
        fields.insert("refresh_token".to_owned(), token.reveal().as_str().into());
    }
    Ok(result(&fields))
}

async fn by_cookie(http: &Http, call: &Call) -> Result<Response, ApiError> {
    http.refuse_foreign_sender(call)?;
    let present = match http.site().cookies.session(call.headers()) {
        Found::Nothing => None,
        Found::One(text) => SessionToken::parse(text),
        // A new cookie would be a third one, and every call would make another guest.
        Found::Several => return Err(ApiError::bad_request("more than one session cookie")),
    };
    if let Some(token) = present {
        match http.caller_by_cookie(&token).await.map_err(Failure::from) {
            Ok(caller) if caller.user.is_anonymous() => return Ok(result(&json!({}))),
            Ok(_) => return Err(ApiError::regular_user()),
            Err(Failure::Rejected(Rejection::SessionSuperseded)) => {
                // The promotion may be another tab's, or one whose answer this browser has never heard: the
                // cookie of another guest would take the browser from the user.
                if http.engine().has_become_regular(&token).await.map_err(Failure::from)? {
                    return Err(ApiError::regular_user());
                }
            }
            Err(Failure::Rejected(Rejection::SessionUnknown | Rejection::SessionExpired)) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    let open = Open::Session(SessionKind::Cookie);
    let signed_in = http.engine().sign_up_anonymously(open, call.address).await;
    match signed_in.map_err(Failure::from)?.opened {
        Opened::Session { token, .. } => {
            let mut response = result(&json!({}));
            for cookie in http.session_cookies(&token) {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            Ok(response)
        }
        Opened::Code(_) => Err(ApiError::invalid("invalid request")),
    }
}
