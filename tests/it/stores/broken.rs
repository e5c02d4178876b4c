//! Stores with one mistake each. A law that no mistake breaks is dead, a mistake that breaks no law is
//! a hole in the laws; so each is asserted to break exactly the laws meant for it.

mod backends;
mod sessions;
mod users;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

use guestpass::store::conformance::{Law, block_on};

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
