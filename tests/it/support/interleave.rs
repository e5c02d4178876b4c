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
    static GAVE_WAY: Cell<Option<Call>> = const { Cell::new(None) };
}

/// What the store call does that a future has given way before, and that its next step begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Reads,
    Writes,
}

/// Whether two steps come to the same whichever is the first.
pub(crate) type Commutes = fn(Call, Call) -> bool;

impl Call {
    /// Two reads do. What an operation does between its calls to the store touches nothing that another one
    /// looks at, but for the buckets of the limits, which count the same in either order, and what is drawn,
    /// which decides names alone.
    pub(crate) fn commutes(self, other: Self) -> bool {
        self == Self::Reads && other == Self::Reads
    }
}

/// Which of several futures goes on at each step, as far as it was chosen, and as it was in the end.
#[derive(Clone, Default)]
pub(crate) struct Schedule {
    chosen: Vec<usize>,
    /// Chooses beyond what was chosen.
    dice: Option<Random>,
    /// Those that sleep after what was chosen, if orders are left out.
    asleep: Vec<usize>,
    commutes: Option<Commutes>,
    taken: Vec<Step>,
}

/// One step of one of several futures.
#[derive(Clone)]
struct Step {
    turn: usize,
    /// Those that could have taken the step.
    open: Vec<usize>,
    /// What the next step of each future begins with.
    calls: Vec<Call>,
    /// Those whose step need not be tried here.
    asleep: Vec<usize>,
}

impl Step {
    /// Whether whatever can come from here on was gone through already.
    fn is_asleep(&self) -> bool {
        self.open.iter().all(|turn| self.asleep.contains(turn))
    }

    /// Those of `asleep` who sleep on when `turn` has gone on.
    fn still_asleep(&self, asleep: &[usize], turn: usize, commutes: Commutes) -> Vec<usize> {
        let commute = |one: &usize| commutes(self.calls[*one], self.calls[turn]);
        asleep.iter().copied().filter(commute).collect()
    }
}

impl Schedule {
    /// Chooses at random: one step in three is somebody else's.
    pub(crate) fn random(dice: Random) -> Self {
        Self { dice: Some(dice), ..Self::default() }
    }

    /// Whose step is next of those in `open`: who was chosen, or who had the last, or the first, of those
    /// who are awake.
    fn next(&mut self, open: Vec<usize>, calls: Vec<Call>) -> usize {
        let last = self.taken.last().map(|step| step.turn);
        let chosen = self.chosen.get(self.taken.len()).copied().or_else(|| {
            let dice = self.dice.as_mut()?;
            (dice.below(3) == 0).then(|| *dice.pick(&open))
        });
        let is_free = self.chosen.len() <= self.taken.len();
        let asleep = if is_free { self.asleep.clone() } else { Vec::new() };
        let awake = open.iter().copied().find(|turn| !asleep.contains(turn));
        let turn = [chosen, last]
            .into_iter()
            .flatten()
            .find(|turn| open.contains(turn) && !asleep.contains(turn));
        let turn = turn.or(awake).unwrap_or(open[0]);
        let step = Step { turn, open, calls, asleep };
        if let Some(commutes) = self.commutes.filter(|_| is_free) {
            self.asleep = step.still_asleep(&step.asleep, turn, commutes);
        }
        self.taken.push(step);
        assert!(self.taken.len() < MAX_STEPS, "a future does not end");
        turn
    }

    /// Whose turn it was at each step, in the first of the orders that differ from this one only in which of
    /// two steps that commute is the first.
    pub(crate) fn normal_form(&self) -> Vec<usize> {
        let mut steps: Vec<_> =
            self.taken.iter().map(|step| (step.turn, step.calls[step.turn])).collect();
        let is_astray =
            |pair: &[(usize, Call)]| pair[1].0 < pair[0].0 && pair[0].1.commutes(pair[1].1);
        while let Some(at) = steps.windows(2).position(is_astray) {
            steps.swap(at, at + 1);
        }
        steps.into_iter().map(|(turn, _)| turn).collect()
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

/// Calls `play` with schedules for every order in which the steps of futures can come, but that of those
/// which differ in nothing but which of two steps that commute is the first, one may stand for all; says
/// how many there were.
///
/// Sleep sets (Godefroid, *Partial-Order Methods for the Verification of Concurrent Systems*, 1996, chapter
/// 5): where a future has been tried, it sleeps while the others are tried in its place, until one of them
/// takes a step that does not commute with its own.
pub(crate) fn in_every_order_that_matters(
    commutes: Commutes,
    mut play: impl FnMut(&mut Schedule),
) -> u64 {
    let mut open = vec![(Vec::new(), Vec::new())];
    let mut played = 0;
    while let Some((chosen, asleep)) = open.pop() {
        let first_free = chosen.len();
        let mut schedule =
            Schedule { chosen, asleep, commutes: Some(commutes), ..Schedule::default() };
        play(&mut schedule);
        let taken = &schedule.taken;
        let end = taken.iter().position(Step::is_asleep);
        played += u64::from(end.is_none());
        for (at, step) in taken.iter().enumerate().take(end.unwrap_or(taken.len())).skip(first_free)
        {
            let mut tried = [&step.asleep[..], &[step.turn]].concat();
            for &other in &step.open {
                if !tried.contains(&other) {
                    let turns = taken[..at].iter().map(|step| step.turn);
                    let asleep = step.still_asleep(&tried, other, commutes);
                    open.push((turns.chain([other]).collect(), asleep));
                    tried.push(other);
                }
            }
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

/// Runs all futures to their ends. Each step lets the one that `schedule` has chosen run until it gives way
/// the next time.
pub(crate) fn interleave_all<'a, T>(
    schedule: &mut Schedule,
    futures: impl IntoIterator<Item = Pin<Box<dyn Future<Output = T> + 'a>>>,
) -> Vec<T> {
    let mut all: Vec<_> = futures.into_iter().map(Stepped::of).collect();
    loop {
        let is_open = |number: &usize| all[*number].done.is_none();
        let open: Vec<usize> = (0..all.len()).filter(is_open).collect();
        if open.is_empty() {
            return all.into_iter().filter_map(|one| one.done).collect();
        }
        let calls = all.iter().map(|one| one.next).collect();
        all[schedule.next(open, calls)].advance();
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

/// Lets another future run, once, before a call.
pub(crate) async fn give_way(before: Call) {
    let mut gave_way = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        GAVE_WAY.set(Some(before));
        Poll::Pending
    })
    .await;
}

struct Stepped<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    done: Option<T>,
    /// What its next step begins with. What it does before its first call may be anything.
    next: Call,
}

impl<'a, T> Stepped<'a, T> {
    fn of(future: Pin<Box<dyn Future<Output = T> + 'a>>) -> Self {
        Self { future, done: None, next: Call::Writes }
    }

    /// Runs until the future is done or gives way. If it waits for another thread, so does this one.
    fn advance(&mut self) {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        while self.done.is_none() {
            GAVE_WAY.set(None);
            match (self.future.as_mut().poll(&mut context), GAVE_WAY.get()) {
                (Poll::Ready(done), _) => self.done = Some(done),
                (Poll::Pending, Some(call)) => {
                    self.next = call;
                    return;
                }
                (Poll::Pending, None) => thread::park(),
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
