//! Proving an identity that was only claimed until now.

use crate::model::{
    Account, Commit, Epoch, Event, EventKind, Expect, Identity, IdentityKey, Standing, Timestamp,
    User, Write,
};
use crate::rules::Rejection;
use crate::rules::status::Decision;

/// Whether the user of `account` has `identity` without having proven it, and may sign in.
pub(crate) fn is_only_claimed(account: &Account, identity: &IdentityKey) -> bool {
    claimed(account, identity).is_some() && !account.user.is_disabled
}

/// The commit by which somebody who has proven `identity` takes over the account of whoever had only
/// claimed it, or `None` if there is nothing to take over.
///
/// The two need not be the same person: anybody can sign up with another's address and wait for its
/// owner. So all that the claimant could come back with ends: the passwords go, and the epoch is raised.
pub(crate) fn take_over(
    account: &Account,
    identity: &IdentityKey,
    fresh: Epoch,
    now: Timestamp,
) -> Option<Commit> {
    let identity = claimed(account, identity).filter(|_| !account.user.is_disabled)?;
    let mut writes = vec![prove(identity, now)];
    let mut told = vec![EventKind::IdentityProven];
    for authenticator in &account.authenticators {
        writes.push(Write::DropAuthenticator(authenticator.id));
        told.push(EventKind::PasswordRemoved);
    }
    writes.push(Write::PutUser(User {
        epoch: fresh,
        is_verified: true,
        can_reauthenticate: false,
        ..account.user.clone()
    }));
    Some(commit(account, writes, told, now))
}

/// Decides whether the user of `account`, who is signed in at `epoch`, has now proven `identity`.
/// Nothing ends by it: who has proven the identity is who had claimed it.
///
/// # Errors
///
/// - [`Rejection::UserUnknown`] if the user does not have the identity, or is not regular;
/// - [`Rejection::SessionSuperseded`] if the user is at another epoch;
/// - [`Rejection::Disabled`] if the user is locked out.
///
/// There are no others.
pub(crate) fn confirm(
    account: &Account,
    identity: &IdentityKey,
    epoch: Epoch,
    now: Timestamp,
) -> Result<Decision, Rejection> {
    if account.user.epoch != epoch {
        return Err(Rejection::SessionSuperseded);
    }
    if account.user.is_disabled {
        return Err(Rejection::Disabled);
    }
    if account.user.standing != Standing::Regular || !account.has_identity(identity) {
        return Err(Rejection::UserUnknown);
    }
    let Some(identity) = claimed(account, identity) else { return Ok(Decision::Settled) };
    let user = User { is_verified: true, ..account.user.clone() };
    let writes = vec![prove(identity, now), Write::PutUser(user)];
    Ok(Decision::Change(commit(account, writes, vec![EventKind::IdentityProven], now)))
}

fn claimed<'a>(account: &'a Account, identity: &IdentityKey) -> Option<&'a Identity> {
    let mut identities = account.identities.iter();
    identities
        .find(|one| one.key() == *identity)
        .filter(|one| account.user.standing == Standing::Regular && one.proven_at.is_none())
}

fn prove(identity: &Identity, now: Timestamp) -> Write {
    Write::PutIdentity(Identity { proven_at: Some(now), ..identity.clone() })
}

fn commit(account: &Account, writes: Vec<Write>, told: Vec<EventKind>, now: Timestamp) -> Commit {
    let user = account.user.id;
    Commit {
        user,
        expect: Expect::At(account.user.version),
        also: None,
        writes,
        events: told.into_iter().map(|kind| Event { user, at: now, kind }).collect(),
    }
}
