//! Futures, polled in the order of a schedule, and every schedule that there is.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::Random;

thread_local! {
    static GAVE_WAY: Cell<bool> = const { Cell::new(false) };
}

/// Which of several futures goes on at each step, as far as it was chosen, and as it was in the end.
#[derive(Clone, Default)]
pub(crate) struct Schedule {
    chosen: Vec<usize>,
    /// Chooses beyond what was chosen.
    dice: Option<Random>,
    taken: Vec<Step>,
}

/// One step of one of several futures.
#[derive(Clone)]
struct Step {
    turn: usize,
    /// Those that could have taken the step.
    open: Vec<usize>,
}

impl Schedule {
    /// Chooses at random: one step in three is somebody else's.
    pub(crate) fn random(dice: Random) -> Self {
        Self { dice: Some(dice), ..Self::default() }
    }

    /// Whose step is next of those in `open`: who was chosen, or who had the last, or the first.
    fn next(&mut self, open: Vec<usize>) -> usize {
        let last = self.taken.last().map(|step| step.turn);
        let chosen = self.chosen.get(self.taken.len()).copied().or_else(|| {
            let dice = self.dice.as_mut()?;
            (dice.below(3) == 0).then(|| *dice.pick(&open))
        });
        let turn = [chosen, last].into_iter().flatten().find(|turn| open.contains(turn));
        let turn = turn.unwrap_or(open[0]);
        self.taken.push(Step { turn, open });
        assert!(self.taken.len() < MAX_STEPS, "a future does not end");
        turn
    }

    /// The same up to `step`, and then somebody else: each way in which that changes at most
    /// `most_changes` times from one who could have gone on to another.
    fn others_at(&self, step: usize, most_changes: usize) -> impl Iterator<Item = Vec<usize>> {
        let turns = move || self.taken[..step].iter().map(|step| step.turn);
        let changes =
            self.taken[..step].windows(2).filter(|pair| is_change(pair[0].turn, &pair[1]));
        let changes = changes.count();
        let last = turns().next_back();
        let taken = &self.taken[step];
        let others = taken.open.iter().copied().filter(move |turn| *turn != taken.turn);
        let others = others.filter(move |turn| {
            let is_change = last.is_some_and(|last| last != *turn && taken.open.contains(&last));
            changes + usize::from(is_change) <= most_changes
        });
        others.map(move |turn| turns().chain([turn]).collect())
    }
}

/// Whether whoever had the last step could have taken this one too, and did not.
fn is_change(last: usize, step: &Step) -> bool {
    last != step.turn && step.open.contains(&last)
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.taken.iter().map(|step| step.turn)).finish()
    }
}

/// Calls `play` with a schedule for every order in which the steps of futures can come and which changes
/// from one to another [`MAX_CHANGES`] times at most.
pub(crate) fn in_every_order(play: impl FnMut(&mut Schedule)) {
    in_every_order_of(MAX_CHANGES, play);
}

/// The same with another limit; says how many schedules there were. Going on with another future when
/// one has ended is no change.
pub(crate) fn in_every_order_of(most_changes: usize, mut play: impl FnMut(&mut Schedule)) -> u64 {
    let mut open = vec![Vec::new()];
    let mut played = 0;
    while let Some(chosen) = open.pop() {
        let first_free = chosen.len();
        let mut schedule = Schedule { chosen, ..Schedule::default() };
        play(&mut schedule);
        played += 1;
        for step in first_free..schedule.taken.len() {
            open.extend(schedule.others_at(step, most_changes));
        }
    }
    played
}

/// Runs a future until it has given way `times` times, and then drops it; `None` if it had not ended.
pub(crate) fn abandon_after<T>(times: u32, future: impl Future<Output = T>) -> Option<T> {
    let mut stepped = Stepped::of(Box::pin(future));
    for _ in 0..times {
        stepped.advance();
    }
    stepped.done
}

/// Runs all futures to their ends. While two or more have not ended, each step lets the one that
/// `schedule` has chosen run until it gives way the next time.
pub(crate) fn interleave_all<'a, T>(
    schedule: &mut Schedule,
    futures: impl IntoIterator<Item = Pin<Box<dyn Future<Output = T> + 'a>>>,
) -> Vec<T> {
    let mut all: Vec<_> = futures.into_iter().map(Stepped::of).collect();
    loop {
        let is_open = |number: &usize| all[*number].done.is_none();
        let open: Vec<usize> = (0..all.len()).filter(is_open).collect();
        if open.len() < 2 {
            return all.into_iter().map(Stepped::finish).collect();
        }
        all[schedule.next(open)].advance();
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

/// Lets another future run, once.
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
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    done: Option<T>,
}

impl<'a, T> Stepped<'a, T> {
    fn of(future: Pin<Box<dyn Future<Output = T> + 'a>>) -> Self {
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

/// Most steps of all futures together.
const MAX_STEPS: usize = 256;
/// Most changes between two futures that are chosen. What two operations can do to each other takes
/// few: one reads, the other writes between, and it all again once it was lost.
pub(crate) const MAX_CHANGES: usize = 3;
