//! The errors of the OAuth endpoints.

use http::StatusCode;
use http::header::{HeaderValue, WWW_AUTHENTICATE};
use serde_json::json;

use super::answer::{self, BUSY_SECONDS, Cause, Failure, LIMITED_SECONDS, Response};
use crate::rules::Rejection;

/// An error as RFC 6749 section 5.2 and RFC 6750 section 3 write it.
///
/// `invalid_grant` makes a client forget its credentials for good, so it is said only when they are
/// over for good.
#[derive(Debug)]
pub(super) struct OAuthError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) description: &'static str,
    retry_after_seconds: Option<u32>,
    cause: Option<Cause>,
}

impl OAuthError {
    pub(super) const fn new(
        status: StatusCode,
        code: &'static str,
        description: &'static str,
    ) -> Self {
        Self { status, code, description, retry_after_seconds: None, cause: None }
    }

    pub(super) const fn invalid_request(description: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    pub(super) const fn invalid_grant(description: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_grant", description)
    }

    fn limited() -> Self {
        Self {
            retry_after_seconds: Some(LIMITED_SECONDS),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "x_rate_limited", "request rate limited")
        }
    }

    fn later(cause: Cause) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self {
            retry_after_seconds: Some(BUSY_SECONDS),
            cause: Some(cause),
            ..Self::new(status, "temporarily_unavailable", "try again in a moment")
        }
    }

    fn broken(cause: Cause) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self {
            cause: Some(cause),
            ..Self::new(status, "server_error", "unexpected error occurred")
        }
    }

    pub(super) fn into_response(self) -> Response {
        let body = json!({ "error": self.code, "error_description": self.description });
        let mut response = answer::json(self.status, &body);
        if self.status == StatusCode::UNAUTHORIZED {
            let (code, description) = (self.code, self.description);
            let challenge = format!("Bearer error=\"{code}\", error_description=\"{description}\"");
            if let Ok(challenge) = HeaderValue::try_from(challenge) {
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            }
        }
        let response = answer::because(response, self.cause);
        match self.retry_after_seconds {
            Some(seconds) => answer::retry_after(response, seconds),
            None => response,
        }
    }

    /// Why a session was not accepted where a session is needed.
    pub(super) fn of_session(failure: Failure) -> Self {
        let unauthorized =
            |code, description| Self::new(StatusCode::UNAUTHORIZED, code, description);
        match failure {
            Failure::Rejected(rejection) => match rejection {
                Rejection::SessionUnknown | Rejection::SessionExpired => {
                    unauthorized("invalid_grant", "invalid session")
                }
                // The client may hold a newer credential: the one that ended this. One that the policy
                // does not have may be there again tomorrow.
                Rejection::SessionSuperseded
                | Rejection::ClientUnknown
                | Rejection::ClientNotAllowed
                | Rejection::AccessTokenExpired
                | Rejection::AccessTokenInvalid
                | Rejection::AlreadyPromoted
                | Rejection::AlreadyMerged
                | Rejection::Deleted
                | Rejection::Collected
                | Rejection::UserUnknown
                | Rejection::Denied => unauthorized("invalid_token", "invalid session"),
                Rejection::Disabled => {
                    Self::new(StatusCode::FORBIDDEN, "access_denied", "user is disabled")
                }
                Rejection::LimitReached => Self::limited(),
                Rejection::ClientMismatch => Self::mismatch(),
                Rejection::AnonymousDisabled
                | Rejection::NotAnonymous
                | Rejection::DeviceKeyNeeded
                | Rejection::IdentityTaken
                | Rejection::TicketInvalid
                | Rejection::TicketExpired
                | Rejection::TicketSpent
                | Rejection::ActionMismatch
                | Rejection::PasswordTooShort
                | Rejection::PasswordTooLong
                | Rejection::NoPassword
                | Rejection::NoLoginId => Self::invalid_request("invalid request"),
            },
            Failure::Later(cause) => Self::later(cause),
            Failure::Broken(cause) => Self::broken(cause),
        }
    }

    /// Why a grant did not give tokens; `refused` describes a grant that is not (any longer) good.
    pub(super) fn of_grant(failure: Failure, refused: &'static str) -> Self {
        match failure {
            Failure::Rejected(rejection) => match rejection {
                Rejection::Denied
                | Rejection::SessionUnknown
                | Rejection::SessionExpired
                | Rejection::SessionSuperseded
                | Rejection::TicketInvalid
                | Rejection::TicketExpired
                | Rejection::TicketSpent
                | Rejection::ActionMismatch
                | Rejection::UserUnknown
                | Rejection::NotAnonymous
                | Rejection::DeviceKeyNeeded => Self::invalid_grant(refused),
                Rejection::AlreadyPromoted => Self::invalid_grant("promoted"),
                Rejection::AlreadyMerged => Self::invalid_grant("merged"),
                Rejection::Deleted => Self::invalid_grant("deleted"),
                Rejection::Collected => Self::invalid_grant("collected"),
                Rejection::Disabled => {
                    Self::new(StatusCode::BAD_REQUEST, "access_denied", "user is disabled")
                }
                Rejection::AnonymousDisabled => {
                    let status = StatusCode::BAD_REQUEST;
                    Self::new(status, "unauthorized_client", "AnonymousUserDisallowed")
                }
                Rejection::ClientUnknown => Self::client_unknown(),
                Rejection::ClientNotAllowed => Self::client_not_allowed(),
                Rejection::ClientMismatch => Self::mismatch(),
                Rejection::LimitReached => Self::limited(),
                Rejection::AccessTokenExpired
                | Rejection::AccessTokenInvalid
                | Rejection::IdentityTaken
                | Rejection::PasswordTooShort
                | Rejection::PasswordTooLong
                | Rejection::NoPassword
                | Rejection::NoLoginId => Self::invalid_request("invalid request"),
            },
            Failure::Later(cause) => Self::later(cause),
            Failure::Broken(cause) => Self::broken(cause),
        }
    }

    pub(super) const fn client_unknown() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_client", "invalid client ID")
    }

    pub(super) const fn client_not_allowed() -> Self {
        let description = "this client may not do this";
        Self::new(StatusCode::BAD_REQUEST, "unauthorized_client", description)
    }

    pub(super) const fn foreign_page() -> Self {
        let description = "this page has no redirect URI of the client";
        Self::new(StatusCode::FORBIDDEN, "unauthorized_client", description)
    }

    pub(super) const fn mismatch() -> Self {
        Self::invalid_request("the token was issued to another client")
    }
}
