//! What happened to users, for the host and the operator to read.

use crate::model::device_key::Thumbprint;
use crate::model::id::{SessionId, UserId};
use crate::model::session::Method;
use crate::model::time::Timestamp;

/// Something that happened to a user, written in the commit that made it happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The user it happened to.
    pub user: UserId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
}

/// What happened to a user.
///
/// Exhaustive, because a store that cannot keep a new kind must break its build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The user was signed up as an anonymous one.
    SignedUpAnonymously,
    /// The user was signed up as a regular one.
    SignedUp,
    /// The user was signed in.
    SignedIn {
        /// The session that was opened; `None` if a code was issued that will open one.
        session: Option<SessionId>,
        /// How the person proved to be the user.
        method: Method,
    },
    /// The anonymous user became a regular one.
    Promoted,
    /// The anonymous user turned out to be another one.
    Merged {
        /// The user that it turned out to be.
        into: UserId,
    },
    /// The user has another password.
    PasswordChanged,
    /// The user has no password any more: somebody else has proven the identity that whoever set the
    /// password had only claimed.
    PasswordRemoved,
    /// An identity of the user was proven that was only claimed until then.
    IdentityProven,
    /// The operator locked the user out.
    Disabled,
    /// The operator let the user in again.
    Enabled,
    /// The user was deleted.
    Deleted,
    /// The anonymous user was collected: nothing could have signed it in again.
    Collected,
    /// A request that names the user's device key had a signature that is not by that key.
    KeyRefused {
        /// The key that was named.
        thumbprint: Thumbprint,
    },
}

/// A place in the sequence of events.
///
/// Events are read in the order of their commits, and an event never appears before the reader's
/// place once a later one was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventCursor(pub u64);

impl EventCursor {
    /// Before the first event.
    pub const START: Self = Self(0);
}
