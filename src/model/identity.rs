//! Identities: what makes a user findable, and what sets an anonymous user apart.

use std::fmt;

use crate::model::device_key::DeviceKey;
use crate::model::login_id::{LoginId, LoginIdType};
use crate::model::time::Timestamp;

/// One identity of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What the identity is.
    pub kind: IdentityKind,
    /// When the user got it.
    pub created_at: Timestamp,
    /// When control over it was proven; `None` while it was not.
    pub proven_at: Option<Timestamp>,
}

impl Identity {
    /// The name by which a store finds the identity and keeps it unique.
    pub fn key(&self) -> IdentityKey {
        match &self.kind {
            IdentityKind::Anonymous { .. } => IdentityKey::Anonymous,
            IdentityKind::LoginId(login_id) => login_id.into(),
            IdentityKind::OAuth { issuer, subject } => {
                IdentityKey::OAuth { issuer: issuer.clone(), subject: subject.clone() }
            }
        }
    }
}

/// What an identity is.
///
/// Exhaustive, so that a new kind breaks the build wherever it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityKind {
    /// The mark of an anonymous user, with the key of its device if it has one.
    Anonymous {
        /// The device's key; a user without one lives as long as its sessions.
        key: Option<DeviceKey>,
    },
    /// An e-mail address, phone number or username.
    LoginId(LoginId),
    /// An account at another identity provider.
    OAuth {
        /// The provider's issuer identifier.
        issuer: String,
        /// The account's `sub` there.
        subject: String,
    },
}

/// The name of an identity within a store. It prints without what it says about a person.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentityKey {
    /// The anonymous identity. A user has at most one; it finds nobody.
    Anonymous,
    /// A login ID in its unique form. At most one user has it.
    LoginId {
        /// The type of the login ID.
        kind: LoginIdType,
        /// [`LoginId::key`].
        key: String,
    },
    /// An account at another provider. At most one user has it.
    OAuth {
        /// The provider's issuer identifier.
        issuer: String,
        /// The account's `sub` there.
        subject: String,
    },
}

impl From<&LoginId> for IdentityKey {
    fn from(login_id: &LoginId) -> Self {
        Self::LoginId { kind: login_id.kind(), key: login_id.key().to_owned() }
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("Anonymous"),
            Self::LoginId { kind, .. } => write!(f, "{kind:?}([redacted])"),
            Self::OAuth { issuer, .. } => write!(f, "OAuth({issuer:?}, [redacted])"),
        }
    }
}

/// Most bytes of an issuer, and of a subject.
pub const MAX_OAUTH_LENGTH: usize = 255;

/// An identity whose control the host has proven by its own means: its own mail, its own OAuth.
///
/// Whoever makes one vouches for it; the engine asks no further questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenIdentity(IdentityKind);

impl ProvenIdentity {
    /// Vouches that the person has shown control over `login_id`.
    pub fn login_id(login_id: LoginId) -> Self {
        Self(IdentityKind::LoginId(login_id))
    }

    /// Vouches that `issuer` has signed the person in as `subject`.
    ///
    /// # Errors
    ///
    /// [`OAuthIdentityError`] if either is empty, longer than [`MAX_OAUTH_LENGTH`] bytes, or has a
    /// control character in it.
    pub fn oauth(issuer: &str, subject: &str) -> Result<Self, OAuthIdentityError> {
        let fits = |text: &str| {
            !text.is_empty() && text.len() <= MAX_OAUTH_LENGTH && !text.contains(char::is_control)
        };
        if !fits(issuer) || !fits(subject) {
            return Err(OAuthIdentityError);
        }
        Ok(Self(IdentityKind::OAuth { issuer: issuer.to_owned(), subject: subject.to_owned() }))
    }

    pub(crate) fn into_kind(self) -> IdentityKind {
        self.0
    }

    pub(crate) fn key(&self) -> IdentityKey {
        Identity { kind: self.0.clone(), created_at: Timestamp::EPOCH, proven_at: None }.key()
    }
}

/// An issuer or subject is empty, too long, or has a control character in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("issuer and subject have 1 to {MAX_OAUTH_LENGTH} bytes and no control characters")]
pub struct OAuthIdentityError;
