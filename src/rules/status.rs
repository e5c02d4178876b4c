//! What an operator, or a person about itself, does to a user as a whole.

use crate::model::{
    Account, Commit, Epoch, Event, EventKind, Expect, IdentityKey, Outcome, RetiredKey, Standing,
    Timestamp, User, Write,
};
use crate::rules::Rejection;

/// What a decision about a user comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Commit this.
    Change(Commit),
    /// The user already is as asked.
    Settled,
}

/// Decides to lock a user out.
///
/// A regular user's sessions end. A guest, who may have no other way back, keeps its own for the day
/// it is enabled. Its fence stays where it is: beyond that no session would be left to come back by.
///
/// # Errors
///
/// [`Rejection::UserUnknown`] if the user is over. There are no others.
pub(crate) fn disable(
    account: &Account,
    fresh: Epoch,
    now: Timestamp,
) -> Result<Decision, Rejection> {
    check_alive(account)?;
    if account.user.is_disabled {
        return Ok(Decision::Settled);
    }
    let epoch = if account.user.is_anonymous() { account.user.epoch } else { fresh };
    let user = User { is_disabled: true, epoch, ..account.user.clone() };
    Ok(change(account, vec![Write::PutUser(user)], Some(EventKind::Disabled), now))
}

/// Decides to let a user in again.
///
/// # Errors
///
/// [`Rejection::UserUnknown`] if the user is over. There are no others.
pub(crate) fn enable(account: &Account, now: Timestamp) -> Result<Decision, Rejection> {
    check_alive(account)?;
    if !account.user.is_disabled {
        return Ok(Decision::Settled);
    }
    #[cfg(canary)]
    if crate::canary::Canary::BackToGuest.sings() {
        return Ok(Decision::Change(crate::canary::back_to_guest(account, now)));
    }
    let user = User { is_disabled: false, ..account.user.clone() };
    Ok(change(account, vec![Write::PutUser(user)], Some(EventKind::Enabled), now))
}

/// Decides to delete a user: everything but the root record goes, and its device keys stay retired.
pub(crate) fn delete(account: &Account, fresh: Epoch, now: Timestamp) -> Decision {
    if account.user.standing == Standing::Deleted {
        return Decision::Settled;
    }
    let live = account.device_key().cloned();
    let retired = account.retired_keys.iter().map(|retired| retired.key.clone());
    let keys = live.into_iter().chain(retired).map(|key| {
        Write::RetireKey(RetiredKey { key, outcome: Outcome::Deleted, retired_at: now })
    });
    let mut writes = strip(account, User { standing: Standing::Deleted, ..over(account, fresh) });
    writes.extend(keys);
    change(account, writes, Some(EventKind::Deleted), now)
}

/// Decides to end every session of a user. A guest without a device key ends with them.
///
/// # Errors
///
/// [`Rejection::UserUnknown`] if the user is over. There are no others.
pub(crate) fn sign_out_all(
    account: &Account,
    fresh: Epoch,
    now: Timestamp,
) -> Result<Decision, Rejection> {
    check_alive(account)?;
    let ends_at = account.user.ends_at.map(|_| NO_TIME);
    let user = User { epoch: fresh, ends_at, ..account.user.clone() };
    Ok(change(account, vec![Write::PutUser(user)], None, now))
}

/// Decides to move the fence of an anonymous user without a device key to `ends_at` or beyond.
///
/// It never comes nearer: what asks for less may have been decided before what asked for more.
///
/// # Errors
///
/// Those of [`check_fence`]. There are no others.
pub(crate) fn raise_fence(
    account: &Account,
    ends_at: Timestamp,
    now: Timestamp,
) -> Result<Decision, Rejection> {
    if ends_at <= check_fence(account, now)? {
        return Ok(Decision::Settled);
    }
    Ok(fence_at(account, ends_at, now))
}

/// Decides that nothing of an anonymous user without a device key counts any more, because its last
/// session was signed out; also if its fence has passed, which only the present clock says. Whoever has no
/// fence by now was promoted, merged or deleted.
pub(crate) fn lower_fence(account: &Account, now: Timestamp) -> Decision {
    match account.user.ends_at {
        Some(fence) if fence != NO_TIME => fence_at(account, NO_TIME, now),
        Some(_) | None => Decision::Settled,
    }
}

/// The fence of an anonymous user that has not passed.
///
/// # Errors
///
/// - [`Rejection::SessionSuperseded`] if the user is no longer one that has a fence;
/// - [`Rejection::SessionExpired`] if the fence has passed.
///
/// There are no others.
fn check_fence(account: &Account, now: Timestamp) -> Result<Timestamp, Rejection> {
    match account.user.ends_at {
        Some(fence) if now < fence => Ok(fence),
        Some(_) => Err(Rejection::SessionExpired),
        None => Err(Rejection::SessionSuperseded),
    }
}

fn fence_at(account: &Account, ends_at: Timestamp, now: Timestamp) -> Decision {
    let user = User { ends_at: Some(ends_at), ..account.user.clone() };
    change(account, vec![Write::PutUser(user)], None, now)
}

/// The root record of a user that is over, but for its standing.
pub(super) fn over(account: &Account, fresh: Epoch) -> User {
    User {
        epoch: fresh,
        is_disabled: false,
        is_verified: false,
        can_reauthenticate: false,
        ends_at: None,
        ..account.user.clone()
    }
}

/// The writes that leave nothing of a user but its root record.
pub(super) fn strip(account: &Account, user: User) -> Vec<Write> {
    let mut writes = vec![Write::PutUser(user)];
    #[cfg(canary)]
    if crate::canary::Canary::RemainsOfTheDeleted.sings() {
        return writes;
    }
    writes.extend(account.identities.iter().map(|one| Write::DropIdentity(one.key())));
    writes.extend(account.authenticators.iter().map(|one| Write::DropAuthenticator(one.id)));
    debug_assert!(!account.user.is_anonymous() || account.has_identity(&IdentityKey::Anonymous));
    writes
}

pub(super) fn change(
    account: &Account,
    writes: Vec<Write>,
    event: Option<EventKind>,
    now: Timestamp,
) -> Decision {
    let user = account.user.id;
    Decision::Change(Commit {
        user,
        expect: Expect::At(account.user.version),
        also: None,
        writes,
        events: event.into_iter().map(|kind| Event { user, at: now, kind }).collect(),
    })
}

fn check_alive(account: &Account) -> Result<(), Rejection> {
    if account.user.is_alive() { Ok(()) } else { Err(Rejection::UserUnknown) }
}

/// The fence of a guest who has signed out. No clock is before it, so that none brings the guest back that is
/// set back, or is another node's.
const NO_TIME: Timestamp = Timestamp::EPOCH;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::sample::{START, after, guest, member};

    #[test]
    fn a_fence_is_moved_until_it_has_passed_and_not_at_that_instant() {
        let guest = guest(after(10));
        let raise = |now| raise_fence(&guest, after(100), now);
        assert!(matches!(raise(after(9)), Ok(Decision::Change(_))));
        for now in [after(10), after(11)] {
            assert_eq!(raise(now), Err(Rejection::SessionExpired));
        }
        assert_eq!(raise_fence(&member(), after(100), START), Err(Rejection::SessionSuperseded));
    }

    #[test]
    fn a_fence_is_lowered_once_and_whatever_the_clock_says() {
        for now in [after(9), after(11)] {
            let guest = guest(after(10));
            let Decision::Change(commit) = lower_fence(&guest, now) else {
                panic!("it is not lowered");
            };
            let guest = Account::after(Some(&guest), &commit).unwrap();
            assert_eq!(guest.user.ends_at, Some(NO_TIME));
            assert_eq!(lower_fence(&guest, now), Decision::Settled);
        }
        assert_eq!(lower_fence(&member(), START), Decision::Settled);
    }

    #[test]
    fn a_fence_comes_no_nearer_when_it_is_raised() {
        let guest = guest(after(10));
        for ends_at in [after(5), after(10)] {
            assert_eq!(raise_fence(&guest, ends_at, START), Ok(Decision::Settled));
        }
    }
}
