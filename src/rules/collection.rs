//! Collection: an anonymous user that nothing can ever sign in again is an orphan, and goes.

use crate::model::{Account, Epoch, EventKind, Standing, Timestamp, User};
use crate::rules::lifetime::is_past_fence;
use crate::rules::status::{Decision, change, over, strip};

/// Decides whether the user of `account` is collected: its fence has passed by `now`.
///
/// Its sessions need no look: none of them counts beyond the fence, and whoever would move the fence
/// commits on the same user.
pub(crate) fn decide(account: &Account, fresh: Epoch, now: Timestamp) -> Decision {
    match account.user.standing {
        Standing::Anonymous if is_past_fence(&account.user, now) => {}
        Standing::Anonymous
        | Standing::Regular
        | Standing::Merged { .. }
        | Standing::Deleted
        | Standing::Collected => return Decision::Settled,
    }
    let user = User { standing: Standing::Collected, ..over(account, fresh) };
    change(account, strip(account, user), Some(EventKind::Collected), now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::sample::{START, after, epoch, guest, member};

    /// The fence may have been moved since the sweep has listed the guest.
    #[test]
    fn only_a_guest_whose_fence_has_passed_is_collected() {
        let guest = guest(after(10));
        for now in [START, after(9)] {
            assert_eq!(decide(&guest, epoch(9), now), Decision::Settled);
        }
        for now in [after(10), after(11)] {
            let Decision::Change(commit) = decide(&guest, epoch(9), now) else {
                panic!("it is not collected");
            };
            let collected = Account::after(Some(&guest), &commit).unwrap();
            assert_eq!(collected.check(), Ok(()));
            assert_eq!(collected.user.standing, Standing::Collected);
            assert_eq!(decide(&collected, epoch(9), now), Decision::Settled);
        }
        assert_eq!(decide(&member(), epoch(9), Timestamp::MAX), Decision::Settled);
    }
}
