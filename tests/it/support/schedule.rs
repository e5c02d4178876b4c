//! Whose step is next of several operations, and every order in which their steps can come.

use std::collections::BTreeSet;
use std::fmt;

use super::{Footprint, Random};

/// Which of several futures goes on at each step, as far as it was chosen, and as it was in the end.
#[derive(Clone, Default)]
pub(crate) struct Schedule {
    chosen: Vec<usize>,
    /// Chooses beyond what was chosen.
    dice: Option<Random>,
    /// Which orders beyond what was chosen are as good as others; `None` if none is.
    pruning: Option<Pruning>,
    taken: Vec<Step>,
}

/// A future that can take the next step, and what that step is.
#[derive(Clone)]
pub(super) struct Open {
    pub(super) number: usize,
    pub(super) footprint: Footprint,
}

/// One step of one of several futures.
#[derive(Clone)]
struct Step {
    turn: usize,
    /// Those that could have taken the step.
    open: Vec<Open>,
    /// Those of which every order that goes on with them is as good as one that is gone through elsewhere.
    asleep: Vec<usize>,
}

impl Step {
    fn is_open(&self, number: usize) -> bool {
        self.open.iter().any(|open| open.number == number)
    }

    fn footprint(&self, number: usize) -> &Footprint {
        &self.open.iter().find(|open| open.number == number).unwrap().footprint
    }
}

/// Whether two steps of different futures, one right after the other, come to the same in either order.
pub(crate) type Commutes = fn(&Footprint, &Footprint) -> bool;

#[derive(Clone)]
struct Pruning {
    commutes: Commutes,
    /// Those that sleep after what was chosen.
    asleep: Vec<usize>,
}

impl Pruning {
    /// Those of `sleepers` that go on sleeping when `turn` takes its step.
    fn still_asleep(&self, sleepers: &[usize], step: &Step, turn: usize) -> Vec<usize> {
        let of_turn = step.footprint(turn);
        let is_left = |one: &usize| (self.commutes)(step.footprint(*one), of_turn);
        sleepers.iter().copied().filter(is_left).collect()
    }
}

impl Schedule {
    /// Chooses at random: one step in three is somebody else's.
    pub(crate) fn random(dice: Random) -> Self {
        Self { dice: Some(dice), ..Self::default() }
    }

    /// Whose step is next of those in `open`: who was chosen, or who had the last, or the first. `None` if
    /// whatever follows is as good as what is gone through elsewhere.
    pub(super) fn next(&mut self, open: Vec<Open>) -> Option<usize> {
        let last = self.taken.last().map(|step| step.turn);
        let chosen = self.chosen.get(self.taken.len()).copied().or_else(|| {
            let dice = self.dice.as_mut()?;
            (dice.below(3) == 0).then(|| dice.pick(&open).number)
        });
        let asleep = self.asleep();
        let is_awake = |number: usize| {
            open.iter().any(|open| open.number == number) && !asleep.contains(&number)
        };
        let first = open.iter().map(|open| open.number).find(|number| is_awake(*number))?;
        let at_once = self.at_once(&open);
        let turn = [chosen, at_once, last].into_iter().flatten().find(|turn| is_awake(*turn));
        let turn = turn.unwrap_or(first);
        let is_followed = chosen.is_none_or(|chosen| chosen == turn);
        assert!(is_followed, "an order that came once is not to be had again");
        self.taken.push(Step { turn, open, asleep });
        assert!(self.taken.len() < MAX_STEPS, "a future does not end");
        Some(turn)
    }

    /// Sees that nothing of what was chosen is left when all futures have ended.
    pub(super) fn end(&self) {
        let is_followed = self.chosen.len() <= self.taken.len();
        assert!(is_followed, "an order that came once is not to be had again");
    }

    /// Those that sleep at the next step.
    fn asleep(&self) -> Vec<usize> {
        let Some(pruning) = &self.pruning else { return Vec::new() };
        match self.taken.last() {
            _ if self.taken.len() < self.chosen.len() => Vec::new(),
            Some(step) if self.chosen.len() < self.taken.len() => {
                pruning.still_asleep(&step.asleep, step, step.turn)
            }
            Some(_) | None => pruning.asleep.clone(),
        }
    }

    /// Who makes no store call next, where that allows not to try anybody else.
    fn at_once(&self, open: &[Open]) -> Option<usize> {
        self.pruning.as_ref()?;
        open.iter().find(|open| open.footprint.is_nothing()).map(|open| open.number)
    }

    /// All that tells this order from others that do not come to the same: of each two steps that do not
    /// commute, which was the first. A step is told by its turn, and how many its future took before.
    pub(crate) fn what_matters(&self, commutes: Commutes) -> BTreeSet<[(usize, usize); 2]> {
        let mut taken = Vec::new();
        let mut matters = BTreeSet::new();
        for step in &self.taken {
            let number = taken.iter().filter(|(turn, _, _)| *turn == step.turn).count();
            let footprint = step.footprint(step.turn);
            let before = taken.iter().filter(|(_, _, other)| !commutes(other, footprint));
            matters.extend(before.map(|(turn, at, _)| [(*turn, *at), (step.turn, number)]));
            taken.push((step.turn, number, footprint.clone()));
        }
        matters
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
        let others = taken.open.iter().map(|open| open.number);
        let others = others.filter(move |turn| *turn != taken.turn);
        let others = others.filter(move |turn| {
            let is_change = last.is_some_and(|last| last != *turn && taken.is_open(last));
            changes + usize::from(is_change) <= most_changes
        });
        others.map(move |turn| turns().chain([turn]).collect())
    }

    /// The same up to `step`, and then each of the others that does not sleep. Whoever went on there
    /// before sleeps for those who come after, until somebody takes a step that makes a difference to its
    /// own.
    fn others_awake_at(&self, step: usize) -> Vec<Self> {
        let (Some(pruning), taken) = (&self.pruning, &self.taken[step]) else { return Vec::new() };
        if taken.footprint(taken.turn).is_nothing() {
            return Vec::new();
        }
        let mut sleepers = [&taken.asleep[..], &[taken.turn]].concat();
        let mut others = Vec::new();
        for Open { number, .. } in &taken.open {
            if sleepers.contains(number) {
                continue;
            }
            let turns = self.taken[..step].iter().map(|step| step.turn);
            let asleep = pruning.still_asleep(&sleepers, taken, *number);
            others.push(Self {
                chosen: turns.chain([*number]).collect(),
                pruning: Some(Pruning { asleep, ..pruning.clone() }),
                ..Self::default()
            });
            sleepers.push(*number);
        }
        others
    }
}

/// Whether whoever had the last step could have taken this one too, and did not.
fn is_change(last: usize, step: &Step) -> bool {
    last != step.turn && step.is_open(last)
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

/// Calls `play` with a schedule for every order that there is, whatever its changes, but for those that
/// come to the same as one that is played: the one can be made of the other by exchanging steps, one right
/// after the other, that commute. `play` says whether the schedule let it go on to the end; says how often
/// it did.
///
/// Sleep sets (Godefroid, *Partial-Order Methods for the Verification of Concurrent Systems*, 1996, chapter
/// 5): where a future has been tried, it sleeps while the others are tried in its place, until one of them
/// takes a step that does not commute with its own. So of orders that come to the same, one is played.
pub(crate) fn in_every_order_that_matters(
    commutes: Commutes,
    mut play: impl FnMut(&mut Schedule) -> bool,
) -> u64 {
    let pruning = Some(Pruning { commutes, asleep: Vec::new() });
    let mut open = vec![Schedule { pruning, ..Schedule::default() }];
    let mut played = 0;
    while let Some(mut schedule) = open.pop() {
        played += u64::from(play(&mut schedule));
        for step in schedule.chosen.len()..schedule.taken.len() {
            open.extend(schedule.others_awake_at(step));
        }
    }
    played
}

/// Most steps of all futures together.
const MAX_STEPS: usize = 256;
/// Most changes between two futures that are chosen. What two operations can do to each other takes
/// few: one reads, the other writes between, and it all again once it was lost.
pub(crate) const MAX_CHANGES: usize = 3;
