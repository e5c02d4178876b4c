//! Who makes a request: by access token, else by session cookie.

use http::header::{AUTHORIZATION, HeaderMap};
use http::request::Parts;

use super::Http;
use super::answer::Failure;
use super::cookie::Found;
use super::origin::Sender;
use crate::credential::SessionToken;
use crate::engine::{Caller, Error};
use crate::model::SessionKind;
use crate::rules::Rejection;

/// The credential that a request comes with.
pub(super) enum Presented {
    Nothing,
    Bearer(String),
    Cookie(SessionToken),
    /// A session cookie that cannot be one of ours.
    NoToken,
    /// A session cookie that a page elsewhere makes the browser send.
    Forged,
    /// Two session cookies, of which somebody on a neighbouring host has set one.
    Several,
}

impl Http {
    /// The credential of a request. A bearer token, where there is one, decides alone.
    pub(super) fn presented(&self, parts: &Parts) -> Presented {
        let mut authorizations = parts.headers.get_all(AUTHORIZATION).iter();
        match (authorizations.next(), authorizations.next()) {
            (Some(one), None) => {
                // Another scheme is another door's business.
                if let Some(token) = bearer(one.as_bytes()) {
                    return Presented::Bearer(token.to_owned());
                }
            }
            (Some(_), Some(_)) => return Presented::Bearer(String::new()),
            (None, _) => {}
        }
        match self.site().cookies.session(&parts.headers) {
            Found::Nothing => Presented::Nothing,
            Found::Several => Presented::Several,
            Found::One(text) => match SessionToken::parse(text) {
                None => Presented::NoToken,
                Some(_) if self.is_forged(parts) => Presented::Forged,
                Some(token) => Presented::Cookie(token),
            },
        }
    }

    /// Whether a page elsewhere lets the browser ask for something that changes things.
    pub(super) fn is_forged(&self, parts: &Parts) -> bool {
        if parts.method.is_safe() {
            return false;
        }
        match self.site().origins.sender(&parts.headers) {
            Sender::Own | Sender::Listed | Sender::Unknown => false,
            Sender::Foreign => true,
        }
    }

    /// Who holds a session cookie; one of a refresh token's sessions does not count here.
    pub(super) async fn caller_by_cookie(&self, token: &SessionToken) -> Result<Caller, Error> {
        let caller = self.engine().authenticate(token).await?;
        match caller.session.kind {
            SessionKind::Cookie => Ok(caller),
            SessionKind::Refresh(_) => Err(Error::Rejected(Rejection::SessionUnknown)),
        }
    }

    /// The session token in a request's cookie, if there is exactly one that can be ours.
    ///
    /// The session may be over; [`caller`](Self::caller) says. This looks at no `Origin`: before anything is
    /// changed in its name, ask [`is_same_origin`](Self::is_same_origin), or take `caller`, which does.
    pub fn session_token(&self, headers: &HeaderMap) -> Option<SessionToken> {
        match self.site().cookies.session(headers) {
            Found::One(text) => SessionToken::parse(text),
            Found::Nothing | Found::Several => None,
        }
    }

    /// Who makes a request: by the access token in `Authorization`, else by the session cookie.
    ///
    /// `None` if the request comes with neither, or with a session cookie on a method that changes things when
    /// the request was made on an origin that the policy does not name. Of two session cookies neither counts.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] if the credential does not count (any more), and the failures of the
    /// engine's [`authenticate`](crate::Engine::authenticate) and
    /// [`authenticate_access`](crate::Engine::authenticate_access).
    ///
    /// # Cancellation
    ///
    /// Safe: at most the access to the session is not recorded.
    pub async fn caller(&self, parts: &Parts) -> Result<Option<Caller>, Error> {
        match self.presented(parts) {
            Presented::Nothing | Presented::Forged => Ok(None),
            // Somebody, though it cannot be told who: not nobody, of whom a host might make a guest.
            Presented::NoToken | Presented::Several => {
                Err(Error::Rejected(Rejection::SessionUnknown))
            }
            Presented::Bearer(token) => self.engine().authenticate_access(&token).await.map(Some),
            Presented::Cookie(token) => self.caller_by_cookie(&token).await.map(Some),
        }
    }
}

impl Http {
    /// Who makes the request, where somebody must.
    pub(super) async fn caller_or_failure(&self, parts: &Parts) -> Result<Caller, Failure> {
        self.caller_of(self.presented(parts)).await
    }

    /// The same, of a credential that was looked for before.
    pub(super) async fn caller_of(&self, presented: Presented) -> Result<Caller, Failure> {
        let caller = match presented {
            // Without any credential there is none to forget, and a client that keeps its session in
            // a cookie learns that it has none.
            Presented::Nothing | Presented::NoToken => {
                return Err(Failure::Rejected(Rejection::SessionUnknown));
            }
            Presented::Forged | Presented::Several => {
                return Err(Failure::Rejected(Rejection::AccessTokenInvalid));
            }
            Presented::Bearer(token) => self.engine().authenticate_access(&token).await,
            Presented::Cookie(token) => self.caller_by_cookie(&token).await,
        };
        Ok(caller?)
    }
}

/// The token of an `Authorization` header with the scheme `Bearer`, which may be empty.
fn bearer(value: &[u8]) -> Option<&str> {
    let text = str::from_utf8(value).ok()?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_bearer_token_is_one() {
        assert_eq!(bearer(b"Bearer abc"), Some("abc"));
        assert_eq!(bearer(b"bearer  abc "), Some("abc"));
        assert_eq!(bearer(b"Bearer "), Some(""));
        assert_eq!(bearer(b"Bearer"), Some(""));
        assert_eq!(bearer(b"Basic abc"), None);
        assert_eq!(bearer(b"Bearerabc"), None);
    }
}
