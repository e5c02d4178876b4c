//! `GET /resolve`: tells a reverse proxy in headers who makes a request.
//!
//! The proxy asks with GET, whatever the method of the request that it asks about; a cookie counts for
//! all of them, also where a page elsewhere made the browser send it. So the application behind the
//! proxy has to look at `Origin` or `Sec-Fetch-Site` itself before it changes anything, as
//! [`Http::is_same_origin`] does for handlers in process.

use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::Http;
use super::answer::{self, Failure, Response};
use super::call::Call;
use super::caller::Presented;
use super::oauth::OAuthError;
use crate::engine::Caller;
use crate::model::Method;

pub(super) async fn resolve(http: &Http, call: &Call) -> Response {
    let mut response = answer::empty(StatusCode::OK);
    let headers = response.headers_mut();
    if let Presented::Nothing = http.presented(&call.parts) {
        return response;
    }
    match http.caller(&call.parts).await.map_err(Failure::from) {
        Ok(Some(caller)) => describe(&caller, headers),
        Ok(None) | Err(Failure::Rejected(_)) => {
            headers.insert(SESSION_VALID, HeaderValue::from_static("false"));
        }
        // A proxy must not take a failing store for a visitor without a session.
        Err(failure @ (Failure::Later(_) | Failure::Broken(_))) => {
            return OAuthError::of_session(failure).into_response();
        }
    }
    response
}

fn describe(caller: &Caller, headers: &mut HeaderMap) {
    let user = &caller.user;
    headers.insert(SESSION_VALID, boolean(true));
    headers.insert(USER_ANONYMOUS, boolean(user.is_anonymous()));
    headers.insert(USER_VERIFIED, boolean(user.is_verified));
    headers.insert(USER_CAN_REAUTHENTICATE, boolean(user.can_reauthenticate));
    match caller.session.method {
        Method::Password => {
            headers.insert(SESSION_AMR, HeaderValue::from_static("pwd"));
        }
        Method::Anonymous | Method::DeviceKey | Method::ProvenIdentity => {}
    }
    for (name, text) in [
        (USER_ID, user.id.to_string()),
        (SESSION_AUTHENTICATED_AT, caller.session.created_at.to_rfc3339()),
    ] {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
}

fn boolean(value: bool) -> HeaderValue {
    HeaderValue::from_static(if value { "true" } else { "false" })
}

const SESSION_VALID: HeaderName = HeaderName::from_static("x-authgear-session-valid");
const SESSION_AMR: HeaderName = HeaderName::from_static("x-authgear-session-amr");
const SESSION_AUTHENTICATED_AT: HeaderName =
    HeaderName::from_static("x-authgear-session-authenticated-at");
const USER_ID: HeaderName = HeaderName::from_static("x-authgear-user-id");
const USER_ANONYMOUS: HeaderName = HeaderName::from_static("x-authgear-user-anonymous");
const USER_VERIFIED: HeaderName = HeaderName::from_static("x-authgear-user-verified");
const USER_CAN_REAUTHENTICATE: HeaderName =
    HeaderName::from_static("x-authgear-user-can-reauthenticate");
