//! What the engine is asked with, and what it answers.

use std::fmt;

use crate::credential::SessionToken;
use crate::model::{
    ClientId, IdentityKey, LoginId, ProvenIdentity, Session, SessionId, SessionKind, Timestamp,
    User, UserId,
};
use crate::rules::GuestProof;
use crate::store::Nonce;

/// What an operation is to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Open {
    /// A session, at once.
    Session(SessionKind),
    /// A code that a client redeems for a session.
    Code(CodeRequest),
}

/// What an authorization code is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeRequest {
    /// The client that may redeem it.
    pub client: ClientId,
    /// The redirect URI that it is sent to.
    pub redirect_uri: String,
    /// The PKCE code challenge, by the method `S256` (RFC 7636, section 4.2).
    pub code_challenge: String,
    /// What the client wants to find in the ID token (OpenID Connect Core 1.0, section 3.1.2.1), at most
    /// [`MAX_NONCE`](Self::MAX_NONCE) bytes.
    pub nonce: Option<String>,
}

impl CodeRequest {
    /// Most bytes of a nonce.
    pub const MAX_NONCE: usize = 256;
}

/// What somebody signs up, signs in or is promoted with.
pub struct Credential(pub(super) CredentialKind);

pub(super) enum CredentialKind {
    Password { login_id: LoginId, password: zeroize::Zeroizing<String> },
    Proven(ProvenIdentity),
}

impl Credential {
    /// A login ID and a password.
    pub fn password(login_id: LoginId, password: &str) -> Self {
        Self(CredentialKind::Password { login_id, password: password.to_owned().into() })
    }

    /// An identity that the host has proven by its own means.
    pub fn proven(identity: ProvenIdentity) -> Self {
        Self(CredentialKind::Proven(identity))
    }

    pub(super) fn key(&self) -> IdentityKey {
        match &self.0 {
            CredentialKind::Password { login_id, .. } => login_id.into(),
            CredentialKind::Proven(identity) => identity.key(),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            CredentialKind::Password { .. } => "Credential::password([redacted])",
            CredentialKind::Proven(_) => "Credential::proven([redacted])",
        })
    }
}

/// Somebody who has shown a credential of an anonymous user.
///
/// The credential may be of a time before the user was promoted; then the operation says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    pub(super) proof: GuestProof,
    /// The challenge that the credential answers, to be spent with what it allows.
    pub(super) spend: Option<(Nonce, Timestamp)>,
}

impl Guest {
    /// The anonymous user.
    pub fn user(&self) -> UserId {
        self.proof.user()
    }
}

/// A ticket as it is given away. Whoever has its text may use it, so it prints without.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// The text of the ticket.
    pub text: String,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issued([redacted], until {:?})", self.expires_at)
    }
}

/// Somebody whose session was found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user.
    pub user: User,
    /// The session. [`Session::created_at`] is when it was opened.
    pub session: Session,
}

/// Somebody was let in.
#[derive(Debug)]
pub struct SignedIn {
    /// The user, as of the commit that let them in.
    pub user: User,
    /// How it came about.
    pub outcome: SignInOutcome,
    /// What was opened.
    pub opened: Opened,
    /// The nonce that the code was asked for with, once it is redeemed; it belongs into the ID token.
    pub nonce: Option<String>,
}

/// How somebody came to be let in.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignInOutcome {
    /// As a user that did not exist before.
    SignedUp,
    /// As a user that existed before.
    SignedIn,
    /// As a user that was anonymous until now, under the same `sub`.
    Promoted,
    /// As a user that existed before and that an anonymous user was merged into.
    Merged {
        /// The user that was anonymous until now.
        guest: UserId,
    },
}

/// What was opened for somebody who was let in.
#[derive(Debug)]
pub enum Opened {
    /// A session.
    Session {
        /// Its token: the value of the cookie, or the refresh token.
        token: SessionToken,
        /// The session.
        session: Session,
    },
    /// An authorization code.
    Code(Issued),
}

impl SignedIn {
    /// The session that was opened, with its user; `None` if a code was issued instead.
    pub fn into_session(self) -> Option<(SessionToken, Caller)> {
        match self.opened {
            Opened::Session { token, session } => {
                Some((token, Caller { user: self.user, session }))
            }
            Opened::Code(_) => None,
        }
    }
}

/// An access token as it is given away.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessTokenIssued {
    /// The text of the token.
    pub text: String,
    /// How long it is good for, in seconds.
    pub expires_in_seconds: u64,
}

impl fmt::Debug for AccessTokenIssued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessTokenIssued([redacted], {} s)", self.expires_in_seconds)
    }
}

/// The live sessions that a portion of a user's sessions has.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveSessions {
    /// The sessions, in the order of their IDs.
    pub sessions: Vec<Session>,
    /// After which ID to go on, also if there are fewer sessions than were asked for: those that have
    /// ended and were not swept yet had to be looked through as well. `None` if no more follow.
    pub next: Option<SessionId>,
}

/// How much a sweep removed.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Sessions that had ended, and nonces that need not be remembered any more.
    pub sessions_and_nonces: u32,
    /// Anonymous users that nothing could have signed in again.
    pub guests: u32,
    /// Anonymous users whose time is over and that could not be collected: what is stored of them
    /// cannot be read, or others kept changing them. They are tried again by the next sweep, and so are those
    /// that come after one at which the store failed.
    pub left: u32,
    /// Whether a portion was full.
    pub(super) has_more: bool,
}
