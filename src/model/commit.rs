//! A change to one user, as a value.

use crate::model::authenticator::Authenticator;
use crate::model::device_key::{DeviceKey, Thumbprint};
use crate::model::event::Event;
use crate::model::id::{AuthenticatorId, UserId};
use crate::model::identity::{Identity, IdentityKey};
use crate::model::time::Timestamp;
use crate::model::user::{Epoch, User, Version};

/// A change to one user that lands whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The user that it changes.
    pub user: UserId,
    /// What must still be true of the user.
    pub expect: Expect,
    /// One more user, who must exist at this epoch at the instant the commit lands. It is not changed.
    pub also: Option<(UserId, Epoch)>,
    /// The rows to write, in order. If there are any, the version moves by one.
    pub writes: Vec<Write>,
    /// The events that tell of it, appended in order.
    pub events: Vec<Event>,
}

/// What must still be true of a user for a commit to land.
///
/// Exhaustive, because a store that overlooks a condition is a hole: a new one must break its build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// There is no such user.
    Absent,
    /// The user is at this version.
    At(Version),
    /// The user is at this epoch, at whatever version. Only a commit without writes asks for this.
    Epoch(Epoch),
}

/// One row to write. The vocabulary is that of storage: a new rule adds no variant.
///
/// Exhaustive, because a store that skips a write it does not know is a hole: a new one must break
/// its build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Replaces the root record. The store sets the version, whatever this one says.
    PutUser(User),
    /// Adds an identity, or replaces the one with the same key. With a device key in it, the key
    /// becomes this user's, unless it ever was anybody's.
    PutIdentity(Identity),
    /// Removes an identity; [`IdentityKey::Anonymous`] takes its device key with it, unless a
    /// [`Write::RetireKey`] of the same commit keeps that.
    DropIdentity(IdentityKey),
    /// Adds an authenticator, or replaces the one with the same ID.
    PutAuthenticator(Authenticator),
    /// Removes an authenticator.
    DropAuthenticator(AuthenticatorId),
    /// Keeps a device key for the one purpose of telling its holder what became of the user, or
    /// replaces what was kept under the same thumbprint. Both its names stay taken.
    RetireKey(RetiredKey),
}

/// A device key that signs nobody in any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetiredKey {
    /// The key.
    pub key: DeviceKey,
    /// What became of its user.
    pub outcome: Outcome,
    /// When it was retired.
    pub retired_at: Timestamp,
}

/// What became of an anonymous user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is a regular user now.
    Promoted,
    /// It turned out to be another user.
    Merged,
    /// It was deleted.
    Deleted,
}

/// Finds a device key by one of its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyName<'a> {
    /// By its thumbprint.
    Thumbprint(&'a Thumbprint),
    /// By its `kid`.
    Kid(&'a str),
}

/// A device key that the store knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Whose key it is or was.
    pub user: UserId,
    /// The key.
    pub key: DeviceKey,
    /// What became of the user, if the key is retired.
    pub outcome: Option<Outcome>,
}
