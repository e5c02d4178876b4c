//! Signing in: somebody who has proven to be a user is let in.

use crate::model::{
    Account, Commit, Epoch, Event, EventKind, Expect, Method, SessionId, Standing, Timestamp,
    UserId,
};
use crate::rules::lifetime::is_past_fence;
use crate::rules::{Proof, Rejection};

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

/// Decides whether who made `proof` may sign in to `account`.
///
/// # Errors
///
/// - [`Rejection::Denied`] if the proof was made on another state of the account;
/// - [`Rejection::Disabled`] if the user is locked out;
/// - [`Rejection::AlreadyMerged`], [`Rejection::Deleted`], [`Rejection::Collected`] if the user is
///   over;
/// - [`Rejection::SessionExpired`] if the user's fence has passed.
///
/// There are no others.
pub(crate) fn decide(
    account: &Account,
    proof: &Proof,
    now: Timestamp,
) -> Result<Admission, Rejection> {
    match account.user.standing {
        Standing::Anonymous | Standing::Regular => {}
        Standing::Merged { .. } => return Err(Rejection::AlreadyMerged),
        Standing::Deleted => return Err(Rejection::Deleted),
        Standing::Collected => return Err(Rejection::Collected),
    }
    if !proof.holds_for(account) {
        return Err(Rejection::Denied);
    }
    if is_past_fence(&account.user, now) {
        return Err(Rejection::SessionExpired);
    }
    if account.user.is_disabled {
        return Err(Rejection::Disabled);
    }
    Ok(Admission::to(account, proof.method()))
}
