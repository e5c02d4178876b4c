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
