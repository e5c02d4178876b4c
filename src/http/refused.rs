//! Who may go on to a host's own handler, and why nobody else may.

use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue};
use http::request::Parts;

use super::Http;
use super::answer::{self, Failure, Response};
use super::caller::Presented;
use super::oauth::OAuthError;
use crate::engine::Caller;
use crate::rules::Rejection;

/// A request that may not go on to a handler.
#[derive(Debug, thiserror::Error)]
#[error("{refusal}")]
pub struct Refused {
    /// Why, for a host that answers in words of its own.
    pub refusal: Refusal,
    /// The answer, for those who have none: JSON, as scripts and the client SDKs read it.
    pub response: Response,
}

/// Why a request may not go on to a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It comes with no credential that counts: whoever sends it may log in, or become a guest.
    #[error("there is no session that counts")]
    NoSession,
    /// Its user is a guest, who may sign up.
    #[error("only a regular user may do this")]
    Anonymous,
    /// Its user is disabled.
    #[error("the user is disabled")]
    Disabled,
    /// It comes with two session cookies, of which somebody on a neighbouring host has set one.
    #[error("there is more than one session cookie")]
    Ambiguous,
    /// A page elsewhere has a browser send it.
    #[error("a page elsewhere may not do this")]
    Foreign,
    /// It could not be found out whose it is.
    #[error("it could not be found out who asks")]
    Failed,
}

impl Http {
    /// Who makes the request, anonymous or regular; for adapters that hand it to a host's handlers.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSession`] with status 401; [`Refusal::Ambiguous`] with 400; [`Refusal::Disabled`] for a
    /// guest, and [`Refusal::Foreign`] for a request without an access token that changes things and that a page
    /// elsewhere has a browser send, with 403; [`Refusal::Failed`] with 503 or 500.
    ///
    /// # Cancellation
    ///
    /// As with [`caller`](Self::caller).
    pub async fn any_user(&self, parts: &Parts) -> Result<Caller, Box<Refused>> {
        Ok(self.user_of(self.presented(parts), parts).await?)
    }

    /// The regular user who makes the request.
    ///
    /// # Errors
    ///
    /// As with [`any_user`](Self::any_user), and [`Refusal::Anonymous`] with status 403.
    ///
    /// # Cancellation
    ///
    /// As with [`caller`](Self::caller).
    pub async fn regular_user(&self, parts: &Parts) -> Result<Caller, Box<Refused>> {
        let caller = self.any_user(parts).await?;
        if caller.user.is_anonymous() {
            let description = "only a regular user may do this";
            return Err(Reason::forbidden(Refusal::Anonymous, description).into());
        }
        Ok(caller)
    }

    /// Who makes the request, if anybody can be told. A cookie whose session is over counts as none.
    ///
    /// # Errors
    ///
    /// As with [`any_user`](Self::any_user), but for [`Refusal::NoSession`], which only an access token meets
    /// that does not count, and [`Refusal::Ambiguous`], which only a request meets that changes things. A request
    /// that a page elsewhere has a browser send is not nobody's: a host that makes a guest of nobody would put
    /// the new guest in the place of whoever is there. For the same reason it asks
    /// [`Engine::has_become_regular`](crate::Engine::has_become_regular) first, of the
    /// [`session_token`](Self::session_token) that the browser still has.
    ///
    /// # Cancellation
    ///
    /// As with [`caller`](Self::caller).
    pub async fn optional_user(&self, parts: &Parts) -> Result<Option<Caller>, Box<Refused>> {
        let presented = self.presented(parts);
        let must_count = matches!(presented, Presented::Bearer(_));
        match self.user_of(presented, parts).await {
            Ok(caller) => Ok(Some(caller)),
            Err(Reason { refusal: Refusal::NoSession, .. }) if !must_count => Ok(None),
            Err(Reason { refusal: Refusal::Ambiguous, .. }) if parts.method.is_safe() => Ok(None),
            Err(reason) => Err(reason.into()),
        }
    }

    /// Who shows a credential with a request.
    async fn user_of(&self, presented: Presented, parts: &Parts) -> Result<Caller, Reason> {
        let is_foreign = match &presented {
            Presented::Forged => true,
            Presented::Bearer(_) | Presented::Cookie(_) => false,
            Presented::Nothing | Presented::NoToken | Presented::Several => self.is_forged(parts),
        };
        if is_foreign {
            return Err(Reason::forbidden(Refusal::Foreign, "a page elsewhere may not do this"));
        }
        if matches!(presented, Presented::Several) {
            let error = OAuthError::invalid_request("there is more than one session cookie");
            return Err(Reason { refusal: Refusal::Ambiguous, error });
        }
        self.caller_of(presented).await.map_err(Reason::from)
    }
}

/// Why a request is refused, before there is an answer.
struct Reason {
    refusal: Refusal,
    error: OAuthError,
}

impl Reason {
    fn forbidden(refusal: Refusal, description: &'static str) -> Self {
        let error = OAuthError::new(StatusCode::FORBIDDEN, "access_denied", description);
        Self { refusal, error }
    }
}

impl From<Failure> for Reason {
    fn from(failure: Failure) -> Self {
        let refusal = match &failure {
            Failure::Rejected(Rejection::Disabled) => Refusal::Disabled,
            Failure::Rejected(Rejection::LimitReached) | Failure::Later(_) | Failure::Broken(_) => {
                Refusal::Failed
            }
            Failure::Rejected(_) => Refusal::NoSession,
        };
        Self { refusal, error: OAuthError::of_session(failure) }
    }
}

impl From<Reason> for Box<Refused> {
    fn from(Reason { refusal, error }: Reason) -> Self {
        let no_store = HeaderValue::from_static("no-store");
        let response = answer::with_header(error.into_response(), CACHE_CONTROL, no_store);
        Self::new(Refused { refusal, response })
    }
}
