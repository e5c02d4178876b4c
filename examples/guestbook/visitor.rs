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
use serde::Deserialize;

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

    /// The visitor as who sends a form. Whoever it was shown to, and who is nobody by now, has logged out
    /// in another tab.
    pub(crate) fn sending(self, form: &ShownTo) -> Self {
        match (self, &form.shown_to) {
            (Self::New, Some(sub)) if !sub.is_empty() => Self::Former,
            (visitor, _) => visitor,
        }
    }

    /// Lets pass whoever the form was shown to; somebody whose session is over only if the form says
    /// that they go on as a new guest.
    pub(crate) fn expect_sender_of(&self, form: &ShownTo) -> Result<(), NoActor> {
        match (self, &form.shown_to) {
            (Self::Known(caller), Some(sub)) if *sub != caller.user.id.to_string() => {
                Err(NoActor::SomebodyElse)
            }
            (Self::Former, _) if form.anew.is_none() => Err(NoActor::SessionOver),
            (Self::New | Self::Known(_) | Self::Former, _) => Ok(()),
        }
    }

    /// The user to do something as. Whoever is none becomes a guest.
    pub(crate) async fn actor(
        &self,
        site: &Site,
        address: Option<IpAddr>,
    ) -> Result<Actor, NoActor> {
        match self {
            Self::Known(caller) => Ok(Actor { user: caller.user.id, cookies: Vec::new() }),
            Self::New | Self::Former => Actor::new_guest(site, address).await,
        }
    }
}

/// Whom a form was shown to, as it says itself in hidden fields. Tabs share their cookies: who logs out or
/// in in one of them would write under another name in the next, which still shows the old one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ShownTo {
    /// The `sub`; empty if the form was shown to nobody known.
    shown_to: Option<String>,
    /// Whether to go on as a new guest if the session is over.
    anew: Option<String>,
}

impl ShownTo {
    /// The hidden fields of a form that is shown to `visitor`.
    pub(crate) fn fields(visitor: &Visitor) -> String {
        let anew = match visitor {
            Visitor::Former => "<input type=\"hidden\" name=\"anew\" value=\"yes\">\n",
            Visitor::New | Visitor::Known(_) => "",
        };
        Self::field(visitor.user()) + anew
    }

    /// The one that says to whom.
    pub(crate) fn field(user: Option<UserId>) -> String {
        let sub = user.map(|user| user.to_string()).unwrap_or_default();
        format!("<input type=\"hidden\" name=\"shown_to\" value=\"{sub}\">\n")
    }

    /// Whether it says that it was shown to this user.
    pub(crate) fn names(&self, user: UserId) -> bool {
        self.shown_to.as_ref().is_some_and(|sub| *sub == user.to_string())
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
        set_cookies(self.cookies)
    }
}

/// The headers of an answer that sets or removes cookies.
pub(crate) fn set_cookies(
    cookies: Vec<HeaderValue>,
) -> AppendHeaders<Vec<(HeaderName, HeaderValue)>> {
    AppendHeaders(cookies.into_iter().map(|cookie| (SET_COOKIE, cookie)).collect())
}

/// Why there is nobody to do something as.
#[derive(Debug)]
pub(crate) enum NoActor {
    /// The session is over.
    SessionOver,
    /// The form was shown to somebody else.
    SomebodyElse,
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
            Self::SomebodyElse => StatusCode::CONFLICT,
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
            Self::SomebodyElse => Ok(
                "You are somebody else here by now, perhaps because of another tab. See who, and \
                    send this again to go on as that one.",
            ),
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
