//! Two futures, polled in the order of a schedule, and every schedule that there is.

use std::cell::Cell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

thread_local! {
    static GAVE_WAY: Cell<bool> = const { Cell::new(false) };
}

/// Which of two futures goes on at each step, as far as it was chosen, and as it was in the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schedule {
    chosen: Vec<Side>,
    taken: Vec<Side>,
}

/// One of two futures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    A,
    B,
}

impl Schedule {
    /// All of the one, then all of the other.
    pub(crate) fn one_first(side: Side) -> Self {
        Self { chosen: vec![side; MAX_STEPS], taken: Vec::new() }
    }
}

/// Calls `play` with a schedule for every order in which the steps of two futures can come and which
/// changes from the one to the other a few times at most.
pub(crate) fn in_every_order(mut play: impl FnMut(&mut Schedule)) {
    let mut open = vec![Vec::new()];
    while let Some(chosen) = open.pop() {
        let first_free = chosen.len();
        let mut schedule = Schedule { chosen, taken: Vec::new() };
        play(&mut schedule);
        // Where nothing was chosen it was A's turn: each time it could have been B's.
        for step in first_free..schedule.taken.len() {
            let next = [&schedule.taken[..step], &[Side::B]].concat();
            if schedule.taken[step] == Side::A && changes(&next) <= MAX_CHANGES {
                open.push(next);
            }
        }
    }
}

/// Runs a future until it has given way `times` times, and then drops it; `None` if it had not ended.
pub(crate) fn abandon_after<T>(times: u32, future: impl Future<Output = T>) -> Option<T> {
    let future = pin!(future);
    let mut stepped = Stepped::of(future);
    for _ in 0..times {
        stepped.advance();
    }
    stepped.done
}

fn changes(sides: &[Side]) -> usize {
    sides.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// Runs both futures to their ends. While neither has ended, each step lets the one that `schedule` has
/// chosen run until it gives way the next time.
pub(crate) fn interleave<A, B>(
    schedule: &mut Schedule,
    a: impl Future<Output = A>,
    b: impl Future<Output = B>,
) -> (A, B) {
    let (a, b) = (pin!(a), pin!(b));
    let (mut a, mut b) = (Stepped::of(a), Stepped::of(b));
    while a.done.is_none() && b.done.is_none() {
        let side = schedule.chosen.get(schedule.taken.len()).copied().unwrap_or(Side::A);
        schedule.taken.push(side);
        assert!(schedule.taken.len() < MAX_STEPS, "a future does not end");
        match side {
            Side::A => a.advance(),
            Side::B => b.advance(),
        }
    }
    (a.finish(), b.finish())
}

/// Lets the other future run, once.
pub(crate) async fn give_way() {
    let mut gave_way = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        GAVE_WAY.set(true);
        Poll::Pending
    })
    .await;
}

struct Stepped<'a, T> {
    future: Pin<&'a mut dyn Future<Output = T>>,
    done: Option<T>,
}

impl<'a, T> Stepped<'a, T> {
    fn of(future: Pin<&'a mut (dyn Future<Output = T> + 'a)>) -> Self {
        Self { future, done: None }
    }

    /// Runs until the future is done or gives way. If it waits for another thread, so does this one.
    fn advance(&mut self) {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        while self.done.is_none() {
            GAVE_WAY.set(false);
            match self.future.as_mut().poll(&mut context) {
                Poll::Ready(done) => self.done = Some(done),
                Poll::Pending if GAVE_WAY.get() => return,
                Poll::Pending => thread::park(),
            }
        }
    }

    fn finish(mut self) -> T {
        loop {
            match self.done.take() {
                Some(done) => return done,
                None => self.advance(),
            }
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Most steps of two futures together.
const MAX_STEPS: usize = 64;
/// Most changes between the two that are chosen. What two operations can do to each other takes few:
/// one reads, the other writes between, and it all again once it was lost.
const MAX_CHANGES: usize = 3;
