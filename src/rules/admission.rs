//! The right to open a session.

use crate::model::{
    Account, Commit, Epoch, Event, EventKind, Expect, Method, SessionId, Timestamp, UserId,
};

/// The right to open one session: for a user, at the epoch on which the decision was made.
#[derive(Debug)]
pub(crate) struct Admission {
    user: UserId,
    epoch: Epoch,
    method: Method,
}

impl Admission {
    /// Admits to the user of `account` as it stands, after a commit of ours made it so.
    pub(crate) fn to(account: &Account, method: Method) -> Self {
        Self { user: account.user.id, epoch: account.user.epoch, method }
    }

    /// Admits to what a code says, which was sealed when the person was admitted.
    pub(crate) fn sealed(user: UserId, epoch: Epoch, method: Method) -> Self {
        Self { user, epoch, method }
    }

    pub(crate) fn user(&self) -> UserId {
        self.user
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(crate) fn method(&self) -> Method {
        self.method
    }

    /// The commit that tells of the sign-in. It lands only while the user is at the epoch of the
    /// admission, and changes nothing else.
    pub(crate) fn commit(&self, session: Option<SessionId>, now: Timestamp) -> Commit {
        let kind = EventKind::SignedIn { session, method: self.method };
        Commit {
            user: self.user,
            expect: Expect::Epoch(self.epoch),
            also: None,
            writes: Vec::new(),
            events: vec![Event { user: self.user, at: now, kind }],
        }
    }
}
