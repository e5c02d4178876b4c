//! Laws about the use of sessions.

use crate::model::{Account, Commit, Expect, Session, User, Write};
use crate::store::conformance::sample::{at, change, digest, guest, keep, session};
use crate::store::conformance::sessions::{add, assert_gone, assert_there};
use crate::store::{Backend, Lookup, SessionUse};

/// A use that was noted is there once a later write is acknowledged, and with it the fence of the user;
/// another session stays as it is.
pub async fn a_noted_use_is_there_after_a_later_write(backend: &dyn Backend) {
    let account = keep(backend.users(), &guest(1)).await;
    for number in [1, 101, 102] {
        add(backend.sessions(), &session(number, 1)).await;
    }
    let user = User { ends_at: Some(at(1_000)), ..account.user.clone() };
    let fence = change(&account, vec![Write::PutUser(user)]);
    note(backend, 1, Some(fence.clone())).await;
    note(backend, 101, None).await;
    assert_there(backend.sessions(), &used(1)).await;
    assert_there(backend.sessions(), &used(101)).await;
    assert_there(backend.sessions(), &session(102, 1)).await;
    let found = backend.users().load(Lookup::User(account.user.id)).await;
    let after = Account::after(Some(&account), &fence);
    assert_eq!(found.expect("it can be read"), after, "the fence is moved");
}

/// Where the fence cannot be moved, because its user has changed, the use is not recorded.
pub async fn a_use_without_its_fence_is_not_recorded(backend: &dyn Backend) {
    let account = keep(backend.users(), &guest(1)).await;
    add(backend.sessions(), &session(1, 1)).await;
    let stale = Expect::At(account.user.version.next());
    let fence =
        Commit { expect: stale, ..change(&account, vec![Write::PutUser(account.user.clone())]) };
    note(backend, 1, Some(fence)).await;
    assert_there(backend.sessions(), &session(1, 1)).await;
}

/// The use of a session that is gone does not bring it back.
pub async fn a_use_brings_no_session_back(backend: &dyn Backend) {
    keep(backend.users(), &guest(1)).await;
    note(backend, 1, None).await;
    assert_gone(backend.sessions(), 1).await;
}

/// Notes that the session with this number was used, and waits for a write that was asked for later.
async fn note(backend: &dyn Backend, number: u8, fence: Option<Commit>) {
    let Session { digest: of, accessed_at, ends_at, .. } = used(number);
    // Where the answer waits for the fence, it may tell that this was stale.
    let _noted_or_stale =
        backend.record_use(&SessionUse { digest: of, accessed_at, ends_at, fence }).await;
    let removed = backend.sessions().remove(&digest(255)).await;
    assert!(!removed.expect("a session can be removed"), "there is no such session");
}

fn used(number: u8) -> Session {
    Session { accessed_at: at(30), ends_at: at(500), ..session(number, 1) }
}
