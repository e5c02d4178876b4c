//! Acts at once, and whether what they came to is as if one had come after the other.

use std::collections::BTreeMap;

use super::act::Act;
use super::outcome::Outcome;
use super::scene::{Answer, Scene};
use super::stage::Stage;
use crate::support::{Footprint, Place, Schedule, interleave_unless_known, run};

/// Some acts, at once.
pub(crate) struct Race<'a> {
    pub(super) stage: &'a Stage,
    pub(super) acts: &'a [Act],
    /// What those with these numbers come to, in every order, while the others do nothing.
    serial: BTreeMap<Vec<usize>, Vec<Outcome>>,
}

impl<'a> Race<'a> {
    pub(crate) fn new(stage: &'a Stage, acts: &'a [Act]) -> Self {
        Self { stage, acts, serial: BTreeMap::new() }
    }

    /// Lets the acts come in the order of `schedule`, checks what they came to, and says so.
    ///
    /// It must be what they come to one after the other, in one of the orders. An act may also have given
    /// up because of the others; then it has done nothing. `None` if the schedule leaves out what would
    /// follow.
    pub(crate) fn play(&mut self, schedule: &mut Schedule) -> Option<Outcome> {
        let scene = Scene::on(self.stage, self.acts);
        scene.world.script.step();
        let futures = self.acts.iter().enumerate();
        let futures = futures.map(|(side, act)| {
            (self.before_the_first_call(*act), Box::pin(scene.act(*act, side)) as _)
        });
        let answers: Option<Vec<Answer>> = interleave_unless_known(schedule, futures);
        let Some(answers) = answers else {
            // The next scene begins on the same stage.
            scene.world.script.rest();
            return None;
        };
        let outcome = scene.outcome(answers.into_iter().map(Some));

        let gave_up = |side: &usize| outcome.answers[*side] == GAVE_UP;
        let (gave_up, others): (Vec<usize>, Vec<usize>) =
            (0..self.acts.len()).partition(|side| gave_up(side));
        assert!(!others.is_empty(), "{:?} all gave up by {schedule:?}", self.acts);
        let found = self.blur(outcome.clone(), &gave_up);
        let (acts, place) = (self.acts, self.stage.place);
        let serial = self.serially(&others);
        assert!(
            serial.contains(&found),
            "{acts:?} on {place:?} by {schedule:?}\n\
             came to {outcome:#?}\n\
             one after the other to {serial:#?}"
        );
        Some(outcome)
    }

    /// What an act has to do with before its first store call: it asks for the time, which one act moves.
    /// That one also asks the engine of whom it has noted that earlier sessions are over, which it does
    /// where it writes users.
    fn before_the_first_call(&self, act: Act) -> Footprint {
        if act == Act::SweepLater {
            Footprint::moves_clock().and(Footprint::reads_users())
        } else if self.acts.contains(&Act::SweepLater) {
            Footprint::reads_clock()
        } else {
            Footprint::nothing()
        }
    }

    /// What the acts of these sides come to, one after the other, in every order.
    pub(super) fn serially(&mut self, sides: &[usize]) -> &[Outcome] {
        if !self.serial.contains_key(sides) {
            let gave_up: Vec<usize> =
                (0..self.acts.len()).filter(|side| !sides.contains(side)).collect();
            let orders = orders(sides);
            let outcomes = orders.iter().flat_map(|order| self.in_order(order));
            let outcomes = outcomes.map(|outcome| self.blur(outcome, &gave_up));
            let mut different: Vec<Outcome> = Vec::new();
            for outcome in outcomes {
                if !different.contains(&outcome) {
                    different.push(outcome);
                }
            }
            self.serial.insert(sides.to_vec(), different);
        }
        &self.serial[sides]
    }

    /// What the acts come to in this order. Each acts at its own instant: where one moves the clock, each
    /// of the others may have asked for the time before that or after it, in whatever order they land.
    fn in_order(&self, order: &[usize]) -> Vec<Outcome> {
        // It has moved the clock also if it came to nothing.
        let moves_the_clock = self.acts.contains(&Act::SweepLater);
        let instants = if moves_the_clock { 1 << order.len() } else { 1 };
        (0..instants)
            .map(|late: u32| {
                let scene = Scene::on(self.stage, self.acts);
                let mut answers: Vec<Option<Answer>> = self.acts.iter().map(|_| None).collect();
                for &side in order {
                    let is_late = late >> side & 1 == 1;
                    let late = scene.fence.filter(|_| is_late);
                    scene.world.clock.set(late.unwrap_or(scene.began));
                    answers[side] = Some(run(scene.act(self.acts[side], side)));
                }
                scene.outcome(answers)
            })
            .collect()
    }

    /// The same without what may be as in none of the orders, and harms nobody.
    pub(super) fn blur(&self, mut outcome: Outcome, gave_up: &[usize]) -> Outcome {
        for &side in gave_up {
            GAVE_UP.clone_into(&mut outcome.answers[side]);
        }
        let has = |act: Act| self.acts.contains(&act);
        // Disabling a guest ends no epoch, so a sign-in that was let in before may be told of after it. Its
        // session does not count for as long as the guest is disabled.
        if has(Act::SignInByKey) && has(Act::Disable) {
            outcome.history.sort();
        }
        // An operation that asks twice, or on behalf of two users, need not have done both at one instant.
        // Then only the order of what happened to one user says anything.
        if has(Act::SweepLater) || 2 < self.acts.len() {
            outcome.history.sort_by_key(|what| what.split(':').next().map(str::to_owned));
        }
        if has(Act::SweepLater) {
            self.blur_what_moves_the_clock(&mut outcome);
        }
        // A guest who signs out for good has no time left before its last session goes. Who uses that in
        // between is told so; either way it is over.
        if has(Act::SignOutRival) {
            for (act, answer) in self.acts.iter().zip(&mut outcome.answers) {
                if *act == Act::AccessRival && answer == "session_expired" {
                    "session_unknown".clone_into(answer);
                }
            }
        }
        let is_apart = match self.stage.place {
            Place::Pair | Place::SqliteUsers => true,
            Place::Memory | Place::Sqlite | Place::TwoEngines => false,
        };
        if is_apart {
            self.blur_what_is_apart(&mut outcome);
        }
        outcome
    }

    /// Where the clock moves on by more than an hour while an act is under way.
    fn blur_what_moves_the_clock(&self, outcome: &mut Outcome) {
        // The session that changes the password ends and is swept before its use is recorded.
        let changed = (Act::ChangePassword, "()");
        let is_changed = self
            .acts
            .iter()
            .zip(&outcome.answers)
            .any(|(act, answer)| (*act, answer.as_str()) == changed);
        if is_changed {
            outcome.sessions.insert("owner's", "counts for the owner, or was swept".to_owned());
            // Whoever comes with it after that is told so, and not that the password is another.
            for (act, answer) in self.acts.iter().zip(&mut outcome.answers) {
                if *act == Act::ChangePassword && answer == "session_unknown" {
                    "denied".clone_into(answer);
                }
            }
        }
        // So does a session of a guest, whose fence was moved by then or not. If it was, the guest is
        // collected by a later sweep.
        let is_gone = self.acts.contains(&Act::AccessRival)
            && outcome.sessions.get("rival's").is_some_and(|why| why == "session_unknown");
        if is_gone {
            for (act, answer) in self.acts.iter().zip(&mut outcome.answers) {
                if *act == Act::SweepLater {
                    "1".clone_into(answer);
                } else if *act == Act::AccessRival {
                    "session_unknown".clone_into(answer);
                }
            }
            if outcome.users["rival"].starts_with("Anonymous") {
                let collected = outcome.users["rival"].replace("Anonymous", "Collected");
                outcome.users.insert("rival", collected.replace("\"anonymous\"", ""));
                outcome.history.push("rival: Collected".to_owned());
            }
        }
        // The use of a session is recorded before it is seen that its user is gone: it is swept later then.
        if self.acts.contains(&Act::ChangePassword)
            && let Some(why) = outcome.sessions.get_mut("owner's")
            && why == "session_superseded"
        {
            "session_unknown".clone_into(why);
        }
    }

    /// Where sessions and users are kept apart, what is done to the one may be seen before the other.
    fn blur_what_is_apart(&self, outcome: &mut Outcome) {
        let all_are = |act: Act| self.acts.iter().all(|one| *one == act);
        let changes = self.acts.iter().filter(|act| **act == Act::ChangePassword).count();
        for (act, answer) in self.acts.iter().zip(&mut outcome.answers) {
            // The caller's session does not count between the change of a password and its moving, so
            // another change in the same session is told so, instead of that the password is wrong.
            let is_change = *act == Act::ChangePassword && 1 < changes;
            if is_change && answer == "session_superseded" {
                "denied".clone_into(answer);
            }
            // A session may be read before it is signed out, or swept, and its user after that; then what
            // became of the user is why it does not count.
            let ends_rival = |act: &Act| matches!(act, Act::SignOutRival | Act::SweepLater);
            let is_read = *act == Act::AccessRival && self.acts.iter().any(ends_rival);
            if is_read && matches!(answer.as_str(), "session_expired" | "session_superseded") {
                "session_unknown".clone_into(answer);
            }
        }
        // A code may be seen as spent before its session is there, and then both who redeem it are told
        // that the other has used it. In no order is anything left of the session.
        if all_are(Act::Redeem) && outcome.answers.iter().any(|answer| answer == "ticket_spent") {
            "ticket_spent".clone_into(&mut outcome.answers[0]);
            "ticket_spent".clone_into(&mut outcome.answers[1]);
            outcome.sessions.retain(|_, why| why != "session_unknown");
        }
    }
}

/// Every order of `sides`.
fn orders(sides: &[usize]) -> Vec<Vec<usize>> {
    if sides.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (place, &first) in sides.iter().enumerate() {
        let others = [&sides[..place], &sides[place + 1..]].concat();
        all.extend(orders(&others).into_iter().map(|rest| [&[first], &rest[..]].concat()));
    }
    all
}

pub(super) const GAVE_UP: &str = "contended";
