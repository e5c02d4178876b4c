//! The root record of a user.

use std::fmt;

use crate::model::entropy::{Entropy, EntropyError, draw};
use crate::model::id::UserId;
use crate::model::time::Timestamp;

/// What every request needs to know about a user, in one record.
///
/// `standing`, `is_verified` and `can_reauthenticate` follow from the user's identities and
/// authenticators; the copy here saves two reads on each request, and the commit that changes the
/// facts changes the copy. [`Account::check`](crate::model::Account::check) compares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The `sub`. It never changes.
    pub id: UserId,
    /// Counts the commits on this user, from 1. The store sets it.
    pub version: Version,
    /// A session, ticket or proof counts only while its own copy is equal.
    pub epoch: Epoch,
    /// Where the user is in its life.
    pub standing: Standing,
    /// Whether the operator has locked the user out.
    pub is_disabled: bool,
    /// Whether one of the identities is proven to be under the user's control.
    pub is_verified: bool,
    /// Whether the user has an authenticator.
    pub can_reauthenticate: bool,
    /// When the user was signed up.
    pub created_at: Timestamp,
    /// The fence of an anonymous user without a device key: nothing of it counts from then on.
    /// Once it has signed out, that is [`Timestamp::EPOCH`]. `None` for everybody who has a way to sign in again.
    pub ends_at: Option<Timestamp>,
}

impl User {
    /// Whether the user can have sessions at all: neither merged nor deleted nor collected.
    pub fn is_alive(&self) -> bool {
        match self.standing {
            Standing::Anonymous | Standing::Regular => true,
            Standing::Merged { .. } | Standing::Deleted | Standing::Collected => false,
        }
    }

    /// Whether the user is anonymous.
    pub fn is_anonymous(&self) -> bool {
        self.standing == Standing::Anonymous
    }
}

/// Where a user is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Has exactly one identity, the anonymous one, and no authenticator.
    Anonymous,
    /// Has at least one identity, and none of them is anonymous.
    Regular,
    /// Turned out to be another user; has no identity.
    Merged {
        /// The user it turned out to be.
        into: UserId,
    },
    /// Was deleted; only this record is left.
    Deleted,
    /// Was anonymous, and nothing could sign it in again; only this record is left.
    Collected,
}

/// Counts the commits on a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl Version {
    /// The version after the first commit.
    pub const FIRST: Self = Self(1);

    /// The version after one more commit.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// 64 random bits that are drawn anew whenever everything issued before must end.
///
/// Compared for equality only; there is no order, so a restored backup cannot climb back to a
/// value that was used before.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch([u8; 8]);

impl Epoch {
    /// The epoch with these bytes.
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The bytes of the epoch.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }

    pub(crate) fn draw(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        draw(entropy).map(Self)
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}
