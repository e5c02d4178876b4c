//! Futures, polled in the order of a schedule.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::Footprint;
use super::entropy::draw_for;
use super::schedule::{Open, Schedule};

thread_local! {
    /// What the future that has given way is about to do.
    static GAVE_WAY: RefCell<Option<Footprint>> = const { RefCell::new(None) };
}

/// Runs a future until it has given way `times` times, and then drops it; `None` if it had not ended.
pub(crate) fn abandon_after<T>(times: u32, future: impl Future<Output = T>) -> Option<T> {
    let mut stepped = Stepped::of(None, Footprint::nothing(), Box::pin(future));
    for _ in 0..times {
        stepped.advance();
    }
    stepped.done
}

/// Runs all futures to their ends. Each step lets the one that `schedule` has chosen run until it gives way
/// the next time.
pub(crate) fn interleave_all<'a, T>(
    schedule: &mut Schedule,
    futures: impl IntoIterator<Item = Pin<Box<dyn Future<Output = T> + 'a>>>,
) -> Vec<T> {
    let futures = futures.into_iter().map(|future| (Footprint::nothing(), future));
    interleave_unless_known(schedule, futures).unwrap()
}

/// The same, or `None` if the schedule leaves out whatever would follow. Each future comes with the footprint
/// of what it does before it gives way for the first time.
pub(crate) fn interleave_unless_known<'a, T>(
    schedule: &mut Schedule,
    futures: impl IntoIterator<Item = (Footprint, Pin<Box<dyn Future<Output = T> + 'a>>)>,
) -> Option<Vec<T>> {
    let futures = futures.into_iter().enumerate();
    let futures = futures.map(|(side, (first, future))| Stepped::of(Some(side), first, future));
    let mut all: Vec<_> = futures.collect();
    loop {
        let is_open = |(_, stepped): &(usize, &Stepped<'_, T>)| stepped.done.is_none();
        let open = all.iter().enumerate().filter(is_open);
        let open = open.map(|(number, stepped)| Open { number, footprint: stepped.next.clone() });
        let open: Vec<Open> = open.collect();
        if open.is_empty() {
            schedule.end();
            return Some(all.into_iter().filter_map(|one| one.done).collect());
        }
        all[schedule.next(open)?].advance();
    }
}

/// The same for two futures that come to different things.
pub(crate) fn interleave<A, B>(
    schedule: &mut Schedule,
    a: impl Future<Output = A>,
    b: impl Future<Output = B>,
) -> (A, B) {
    let (mut one, mut other) = (None, None);
    let a: Pin<Box<dyn Future<Output = ()> + '_>> = Box::pin(async { one = Some(a.await) });
    let b: Pin<Box<dyn Future<Output = ()> + '_>> = Box::pin(async { other = Some(b.await) });
    interleave_all(schedule, [a, b]);
    (one.unwrap(), other.unwrap())
}

/// Lets another future run, once, before a step with this footprint.
pub(super) async fn give_way(footprint: Footprint) {
    let mut next = Some(footprint);
    std::future::poll_fn(|_| match next.take() {
        Some(footprint) => {
            GAVE_WAY.set(Some(footprint));
            Poll::Pending
        }
        None => Poll::Ready(()),
    })
    .await;
}

struct Stepped<'a, T> {
    /// Which of several it is.
    side: Option<usize>,
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    done: Option<T>,
    /// What its next step has to do with.
    next: Footprint,
}

impl<'a, T> Stepped<'a, T> {
    fn of(
        side: Option<usize>,
        next: Footprint,
        future: Pin<Box<dyn Future<Output = T> + 'a>>,
    ) -> Self {
        Self { side, future, done: None, next }
    }

    /// Runs until the future is done or gives way. If it waits for another thread, so does this one.
    fn advance(&mut self) {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        draw_for(self.side);
        while self.done.is_none() {
            GAVE_WAY.set(None);
            match (self.future.as_mut().poll(&mut context), GAVE_WAY.take()) {
                (Poll::Ready(done), _) => self.done = Some(done),
                (Poll::Pending, Some(next)) => {
                    self.next = next;
                    break;
                }
                (Poll::Pending, None) => thread::park(),
            }
        }
        draw_for(None);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
mod tests {
    use guestpass::model::TokenDigest;

    use super::*;
    use crate::support::{in_every_order_of, in_every_order_that_matters};

    /// Reads twice and then writes, all of them the same.
    async fn reads_and_writes() {
        give_way(Footprint::reads_users()).await;
        give_way(Footprint::reads_users()).await;
        give_way(Footprint::writes_users()).await;
    }

    /// Writes what nobody else does.
    async fn writes(number: u8) {
        give_way(Footprint::writes_session(&TokenDigest::from_bytes([number; 32]))).await;
    }

    fn count<F: Future<Output = ()>>(futures: impl Fn() -> Vec<F>) -> (u64, u64) {
        let boxed = || {
            let futures = futures().into_iter();
            futures.map(|future| (Footprint::nothing(), Box::pin(future) as _))
        };
        let all = in_every_order_of(usize::MAX, |schedule| {
            interleave_unless_known::<()>(schedule, boxed()).unwrap();
        });
        let some = in_every_order_that_matters(Footprint::commutes, |schedule| {
            interleave_unless_known::<()>(schedule, boxed()).is_some()
        });
        (all, some)
    }

    /// Of two that write one after the other, the second reads twice, each before the first write or after
    /// it, which is 3 ways; the third reads before the first write, after it or after both, which is 6.
    #[test]
    fn of_orders_that_come_to_the_same_one_is_played() {
        assert_eq!(count(|| (0..2).map(|_| reads_and_writes()).collect()), (70, 2 * 3));
        assert_eq!(count(|| (0..3).map(|_| reads_and_writes()).collect()), (34_650, 6 * 3 * 6));
        assert_eq!(count(|| (0..3).map(writes).collect()), (90, 1));
    }
}
