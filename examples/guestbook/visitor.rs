//! Who is asking, and how somebody becomes a guest.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::{HeaderName, HeaderValue, SET_COOKIE};
use axum::http::request::Parts;
use axum::response::AppendHeaders;
use guestpass::axum::Peer;
use guestpass::model::{SessionKind, UserId};
use guestpass::{Caller, Error, Open, Rejection};

use crate::person::Look;
use crate::site::Site;
use crate::trouble::{TOO_MANY, Trouble};

/// Who is asking.
#[derive(Debug)]
pub(crate) enum Visitor {
    /// Somebody who has done nothing yet.
    New,
    /// A guest, or somebody with an account.
    Known(Box<Caller>),
    /// Somebody whose session is over. Not a new guest without being asked: it may well be a person
    /// with an account, who would write under another name.
    Former,
}

impl FromRequestParts<Site> for Visitor {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Trouble> {
        match site.http().caller(parts).await {
            Ok(Some(caller)) => Ok(Self::Known(Box::new(caller))),
            Ok(None) => Ok(Self::New),
            Err(Error::Rejected(rejection)) if rejection != Rejection::Disabled => Ok(Self::Former),
            // A hiccup says nothing about the session: who takes it for an end loses a guest.
            Err(error) => Err(error.into()),
        }
    }
}

impl Visitor {
    /// The user that the visitor is.
    pub(crate) fn user(&self) -> Option<UserId> {
        match self {
            Self::Known(caller) => Some(caller.user.id),
            Self::New | Self::Former => None,
        }
    }

    /// How the visitor is shown.
    pub(crate) async fn look(&self, site: &Site) -> Result<Option<Look>, Trouble> {
        let Some(user) = self.user() else { return Ok(None) };
        Ok(Some(Look::of(user, &site.data().preferences(user).await?)))
    }

    /// The user to do something as. Somebody new becomes a guest; somebody whose session is over only
    /// if it is `asked_for`.
    pub(crate) async fn actor(
        &self,
        site: &Site,
        address: Option<IpAddr>,
        asked_for: bool,
    ) -> Result<Actor, NoActor> {
        match self {
            Self::Known(caller) => Ok(Actor { user: caller.user.id, cookies: Vec::new() }),
            Self::Former if !asked_for => Err(NoActor::SessionOver),
            Self::New | Self::Former => Actor::new_guest(site, address).await,
        }
    }
}

/// The user that somebody acts as.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) user: UserId,
    cookies: Vec<HeaderValue>,
}

impl Actor {
    async fn new_guest(site: &Site, address: Option<IpAddr>) -> Result<Self, NoActor> {
        let open = Open::Session(SessionKind::Cookie);
        let guest = match site.engine().sign_up_anonymously(open, address).await {
            Ok(guest) => guest,
            Err(Error::Rejected(Rejection::LimitReached)) => return Err(NoActor::TooMany),
            Err(Error::Rejected(Rejection::AnonymousDisabled)) => return Err(NoActor::NoGuests),
            Err(error) => return Err(NoActor::Trouble(error.into())),
        };
        let user = guest.user.id;
        let cookies = match guest.into_session() {
            Some((token, _)) => site.http().session_cookies(&token),
            None => Vec::new(),
        };
        Ok(Self { user, cookies })
    }

    /// What the answer must carry for the visitor to stay this user.
    pub(crate) fn cookies(self) -> AppendHeaders<Vec<(HeaderName, HeaderValue)>> {
        AppendHeaders(self.cookies.into_iter().map(|cookie| (SET_COOKIE, cookie)).collect())
    }
}

/// Why there is nobody to do something as.
#[derive(Debug)]
pub(crate) enum NoActor {
    /// The session is over.
    SessionOver,
    /// Too many guests came from this address.
    TooMany,
    /// The operator lets nobody in as a guest.
    NoGuests,
    /// Something went wrong.
    Trouble(Trouble),
}

impl NoActor {
    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::SessionOver => StatusCode::UNAUTHORIZED,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::NoGuests => StatusCode::FORBIDDEN,
            Self::Trouble(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What to tell the visitor beside the form, which keeps what was typed.
    pub(crate) fn advice(self) -> Result<&'static str, Trouble> {
        match self {
            Self::SessionOver => {
                Ok("Your session is over. Log in to go on as who you were, or send \
                                     this again as a new guest.")
            }
            Self::TooMany => Ok(TOO_MANY),
            Self::NoGuests => Ok("Guests cannot take part at the moment. Log in first."),
            Self::Trouble(trouble) => Err(trouble),
        }
    }
}

/// Where a request came from, which the limits on new guests count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddress(pub(crate) Option<IpAddr>);

impl FromRequestParts<Site> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Self::Rejection> {
        let peer = Peer::of(&parts.extensions);
        Ok(Self(Some(site.http().client_address(peer, &parts.headers))))
    }
}
