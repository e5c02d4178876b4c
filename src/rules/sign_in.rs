//! Signing in: somebody who has proven to be a user is let in.

use crate::model::{
    Account, Commit, Epoch, Event, EventKind, Expect, Identity, IdentityKey, Standing, Timestamp,
    User, Write,
};
use crate::rules::lifetime::is_past_fence;
use crate::rules::{Admission, Proof, Rejection};

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

/// The commit by which `account` becomes that of whoever has proven to control `identity`, where nobody
/// had before.
///
/// Whoever signed up under the identity may have been somebody else, who waits for its owner in order to
/// share the account. So from then on nothing else lets anybody in: the authenticators are gone, and
/// every session, code and flow of the earlier epoch with them.
///
/// `None` if the identity is proven already, or is none of the account's.
pub(crate) fn take_over(
    account: &Account,
    identity: &IdentityKey,
    fresh: Epoch,
    now: Timestamp,
) -> Option<Commit> {
    let claimed = account.identities.iter().find(|one| one.key() == *identity)?;
    if claimed.proven_at.is_some() {
        return None;
    }
    let user = account.user.id;
    let drops = account.authenticators.iter().map(|one| Write::DropAuthenticator(one.id));
    let mut writes: Vec<Write> = drops.collect();
    let had_password = account.password().is_some();
    writes.push(Write::PutIdentity(Identity { proven_at: Some(now), ..claimed.clone() }));
    writes.push(Write::PutUser(User {
        epoch: fresh,
        is_verified: true,
        can_reauthenticate: false,
        ..account.user.clone()
    }));
    let changed = Event { user, at: now, kind: EventKind::PasswordChanged };
    Some(Commit {
        user,
        expect: Expect::At(account.user.version),
        also: None,
        writes,
        events: had_password.then_some(changed).into_iter().collect(),
    })
}
