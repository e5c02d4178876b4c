//! Extractors: a handler names in its signature who may call it.

use ::axum::body::Body;
use ::axum::extract::{FromRef, FromRequestParts};
use ::axum::response::{IntoResponse, Response};
use ::http::request::Parts;

use crate::engine::Caller;
use crate::http::{Http, Refusal, Refused};

/// Somebody with a session, anonymous or regular.
///
/// By the access token in `Authorization`, else by the session cookie; see [`Http::caller`] for when a
/// cookie does not count. Anybody else is refused with status 401, a disabled guest with 403, and so is a
/// request without an access token that changes things and that a page elsewhere has the browser send; one
/// with two session cookies, of which ours cannot be told, with 400. A regular user's sessions are over when
/// it is disabled.
#[derive(Clone, Debug)]
pub struct AnyUser(pub Caller);

/// A regular user with a session. Anonymous users are refused with status 403, others as by [`AnyUser`].
#[derive(Clone, Debug)]
pub struct RegularUser(pub Caller);

/// Whoever calls, with or without a session.
///
/// A cookie whose session is over counts as none. So whoever makes a guest of `None` may make one of a member
/// whose password was changed elsewhere; [`Http::caller`] tells the two apart, and a page can ask that person
/// to log in.
///
/// An access token that does not count is refused with status 401, so that its holder renews it; a disabled
/// guest with 403, and so is a request that changes things and that a page elsewhere has the browser send.
/// Two session cookies, of which ours cannot be told, count as none where nothing is changed, and are refused
/// with 400 where something is.
#[derive(Clone, Debug)]
pub struct OptionalUser(pub Option<Caller>);

/// Why a handler was not called. As a response it is JSON; a page for people takes the [`Refused`] and
/// says it in words, or leads on:
///
/// ```
/// use axum::response::{IntoResponse, Redirect, Response};
/// use guestpass::axum::{RegularUser, UserRejection};
/// use guestpass::http::Refusal;
///
/// async fn order(user: Result<RegularUser, UserRejection>) -> Response {
///     match user {
///         Ok(RegularUser(caller)) => format!("an order of {}", caller.user.id).into_response(),
///         Err(rejection) => match rejection.refusal() {
///             Refusal::Anonymous => Redirect::to("/keep").into_response(),
///             Refusal::NoSession => Redirect::to("/log-in").into_response(),
///             _ => rejection.into_response(),
///         },
///     }
/// }
/// # let _ = axum::Router::<guestpass::http::Http>::new().route("/order", axum::routing::get(order));
/// ```
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct UserRejection(Box<Refused>);

impl UserRejection {
    /// Why the handler was not called.
    pub fn refusal(&self) -> Refusal {
        self.0.refusal
    }

    /// The same with the response.
    pub fn into_inner(self) -> Refused {
        *self.0
    }
}

impl IntoResponse for UserRejection {
    fn into_response(self) -> Response {
        self.0.response.map(Body::from)
    }
}

impl<S> FromRequestParts<S> for AnyUser
where
    S: Send + Sync,
    Http: FromRef<S>,
{
    type Rejection = UserRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, UserRejection> {
        let caller = Http::from_ref(state).any_user(parts).await;
        caller.map(Self).map_err(UserRejection)
    }
}

impl<S> FromRequestParts<S> for RegularUser
where
    S: Send + Sync,
    Http: FromRef<S>,
{
    type Rejection = UserRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, UserRejection> {
        let caller = Http::from_ref(state).regular_user(parts).await;
        caller.map(Self).map_err(UserRejection)
    }
}

impl<S> FromRequestParts<S> for OptionalUser
where
    S: Send + Sync,
    Http: FromRef<S>,
{
    type Rejection = UserRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, UserRejection> {
        let caller = Http::from_ref(state).optional_user(parts).await;
        caller.map(Self).map_err(UserRejection)
    }
}
