//! Promotion: an anonymous user becomes a regular one under the same `sub`.

use crate::model::{
    Account, Commit, Event, EventKind, Expect, IdentityKey, Outcome, RetiredKey, Standing,
    Timestamp, User, UserId, Write,
};
use crate::rules::lifetime::is_past_fence;
use crate::rules::sign_up::{Fresh, password};
use crate::rules::{Claim, GuestProof, Rejection};

/// Decides whether the anonymous user of `account` is promoted by `claim`.
///
/// The commit takes the new identity and authenticator in and the anonymous identity out, retires the
/// device key and raises the epoch, so that nothing issued before counts afterwards.
///
/// # Errors
///
/// Those of [`check_guest`]. There are no others.
pub(crate) fn decide(
    account: &Account,
    guest: &GuestProof,
    claim: &Claim,
    fresh: Fresh,
    now: Timestamp,
) -> Result<Commit, Rejection> {
    check_guest(account, guest, now)?;
    #[cfg(canary)]
    let epoch = crate::canary::Canary::EpochKept.instead(fresh.epoch, account.user.epoch);
    #[cfg(canary)]
    let fresh = Fresh { epoch, authenticator: fresh.authenticator };
    let user = User {
        epoch: fresh.epoch,
        standing: Standing::Regular,
        is_verified: claim.is_proven(),
        can_reauthenticate: claim.password_hash().is_some(),
        ends_at: None,
        ..account.user.clone()
    };
    let mut writes = leave_anonymity(account, user, Outcome::Promoted, now);
    writes.push(Write::PutIdentity(claim.identity(now)));
    writes.extend(password(claim.password_hash(), fresh.authenticator, now));
    Ok(Commit {
        user: account.user.id,
        expect: Expect::At(account.user.version),
        also: None,
        writes,
        events: vec![Event { user: account.user.id, at: now, kind: EventKind::Promoted }],
    })
}

/// Decides whether `guest` proves to be the anonymous user of `account`, and it may act.
///
/// # Errors
///
/// - [`Rejection::AlreadyPromoted`], [`Rejection::AlreadyMerged`], [`Rejection::Deleted`],
///   [`Rejection::Collected`] if that is what became of the user: final answers;
/// - [`Rejection::SessionSuperseded`] if the credential was shown at an earlier epoch;
/// - [`Rejection::SessionExpired`] if the user's fence has passed;
/// - [`Rejection::Disabled`] if the user is locked out.
///
/// There are no others.
pub(crate) fn check_guest(
    account: &Account,
    guest: &GuestProof,
    now: Timestamp,
) -> Result<(), Rejection> {
    match account.user.standing {
        Standing::Anonymous => {}
        Standing::Regular => return Err(Rejection::AlreadyPromoted),
        Standing::Merged { .. } => return Err(Rejection::AlreadyMerged),
        Standing::Deleted => return Err(Rejection::Deleted),
        Standing::Collected => return Err(Rejection::Collected),
    }
    #[cfg(canary)]
    let epoch =
        crate::canary::Canary::GuestProofOfAnyEpoch.instead(guest.epoch(), account.user.epoch);
    #[cfg(canary)]
    let guest = &GuestProof::assertion(guest.user(), epoch);
    if guest.user() != account.user.id || guest.epoch() != account.user.epoch {
        return Err(Rejection::SessionSuperseded);
    }
    if is_past_fence(&account.user, now) {
        return Err(Rejection::SessionExpired);
    }
    if account.user.is_disabled {
        return Err(Rejection::Disabled);
    }
    Ok(())
}

/// The user that the one of `account` is by now, if its time as a guest has ended in one.
///
/// A repeated promotion or merge is recognised by it: who proves to be that user, by the new
/// credential, is signed in.
pub(crate) fn became(account: &Account) -> Option<UserId> {
    #[cfg(canary)]
    if crate::canary::Canary::AskedTwiceRefused.sings() {
        return None;
    }
    match account.user.standing {
        Standing::Regular => Some(account.user.id),
        Standing::Merged { into } => Some(into),
        Standing::Anonymous | Standing::Deleted | Standing::Collected => None,
    }
}

/// The writes by which a user stops being anonymous.
pub(super) fn leave_anonymity(
    account: &Account,
    user: User,
    outcome: Outcome,
    now: Timestamp,
) -> Vec<Write> {
    let mut writes = vec![Write::PutUser(user), Write::DropIdentity(IdentityKey::Anonymous)];
    #[cfg(canary)]
    if crate::canary::Canary::BothKinds.sings() {
        writes.pop();
    }
    #[cfg(canary)]
    if crate::canary::Canary::KeyForgotten.sings() {
        return writes;
    }
    writes.extend(
        account
            .device_key()
            .map(|key| Write::RetireKey(RetiredKey { key: key.clone(), outcome, retired_at: now })),
    );
    writes
}
