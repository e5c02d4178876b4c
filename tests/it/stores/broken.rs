//! Stores with one mistake each. A law that no mistake breaks is dead, a mistake that breaks no law is
//! a hole in the laws; so each is asserted to break exactly the laws meant for it.

mod backends;
mod sessions;
mod users;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

use guestpass::store::conformance::{
    BACKEND_LAWS, Law, SESSION_STORE_LAWS, USER_STORE_LAWS, block_on,
};

/// What a function that stands for a method gives.
type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The names of the laws that a fresh store of this make breaks.
fn broken<S: ?Sized, T>(
    laws: &[Law<S>],
    make: impl Fn() -> T,
    door: impl Fn(&T) -> &S,
) -> Vec<&'static str> {
    let is_broken = |law: &&Law<S>| {
        let store = make();
        catch_unwind(AssertUnwindSafe(|| block_on((law.hold)(door(&store))))).is_err()
    };
    laws.iter().filter(is_broken).map(|law| law.name).collect()
}

/// A law that no broken store breaks might be dead, and nobody would see it.
#[test]
fn every_law_is_broken_by_a_store() {
    let sources = [
        include_str!("broken/users.rs"),
        include_str!("broken/users/rows.rs"),
        include_str!("broken/sessions.rs"),
        include_str!("broken/backends.rs"),
    ];
    let users = USER_STORE_LAWS.iter().map(|law| law.name);
    let sessions = SESSION_STORE_LAWS.iter().map(|law| law.name);
    let together = BACKEND_LAWS.iter().map(|law| law.name);
    let laws: Vec<_> = users.chain(sessions).chain(together).collect();
    let is_dead = |law: &&str| !sources.iter().any(|it| it.contains(&format!("\"{law}\"")));
    let dead: Vec<_> = laws.iter().copied().filter(is_dead).collect();
    assert_eq!(dead, [""; 0]);

    let broken = sources.iter().map(|source| source.matches("..sound()").count()).sum::<usize>();
    let told = format!("{broken} broken stores for {} laws", laws.len());
    let manual = include_str!("../../../src/manual/canaries.md");
    assert!(manual.contains(&told), "the manual should speak of {told}");
}

/// Lets others go first, once.
async fn give_way() {
    let mut was_polled = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut was_polled, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
