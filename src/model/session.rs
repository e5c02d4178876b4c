//! Sessions.

use std::fmt;

use crate::model::id::{SessionId, UserId};
use crate::model::time::Timestamp;
use crate::model::user::Epoch;

/// A signed-in browser or application.
///
/// Stored under the digest of its token; who reads the store cannot sign in with what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The SHA-256 digest of the session token.
    pub digest: TokenDigest,
    /// Names the session towards its user.
    pub id: SessionId,
    /// Whose session it is.
    pub user: UserId,
    /// Counts only while the user's epoch is equal.
    pub epoch: Epoch,
    /// The kind of session.
    pub kind: SessionKind,
    /// How the person proved to be the user.
    pub method: Method,
    /// When it was opened, which is when the person was authenticated; where a code was redeemed for it, at
    /// most five minutes later.
    pub created_at: Timestamp,
    /// When it was last used, as far as recorded; recording is coarse.
    pub accessed_at: Timestamp,
    /// When it ends unless it is used before, as computed when this was written.
    pub ends_at: Timestamp,
}

/// The kind of a session.
///
/// Exhaustive, because a store that cannot keep a new one must break its build.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SessionKind {
    /// A browser's, held by a cookie.
    Cookie,
    /// A client's, held by a refresh token.
    Refresh(ClientId),
}

/// The name of a client application: 1 to 128 printable ASCII characters without space.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(String);

impl ClientId {
    /// Most characters of a client ID.
    pub const MAX_LENGTH: usize = 128;

    /// The client ID that `text` spells, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_LENGTH).contains(&text.len());
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(text.to_owned()))
    }

    /// The text of the client ID.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a person proved to be a user.
///
/// Exhaustive, because a store that cannot keep a new one must break its build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// By nothing: this is the session that an anonymous user without a key was given at sign-up.
    Anonymous,
    /// By a signature with the device's key.
    DeviceKey,
    /// By a password.
    Password,
    /// By an identity that the host has proven itself.
    ProvenIdentity,
}

/// The SHA-256 digest of a session token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("..")
    }
}
