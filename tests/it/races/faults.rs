//! Two acts at once while a store call of one of them fails: the other comes to what it comes to with that
//! one done or not done, and everybody is whole.

use super::act::Act;
use super::outcome::Outcome;
use super::race::{GAVE_UP, Race};
use super::scene::{Answer, Scene};
use crate::support::{Fault, Schedule, interleave_all};

impl Race<'_> {
    /// Lets the acts come in the order of `schedule` while the store call with this number fails; says
    /// whether there is such a call.
    ///
    /// Whoever is told of the failure may have done what was asked, or not. What only the sessions of that
    /// act show, and the events, is not compared.
    pub(super) fn play_with(&mut self, schedule: &mut Schedule, fault: Fault, number: u32) -> bool {
        let scene = Scene::on(self.stage, self.acts);
        scene.world.script.step_and_fail(fault, number);
        let futures = self.acts.iter().enumerate();
        let futures = futures.map(|(side, act)| Box::pin(scene.act(*act, side)) as _);
        let answers: Vec<Answer> = interleave_all(schedule, futures);
        let is_reached = number < scene.world.script.calls();
        let outcome = scene.outcome(answers.into_iter().map(Some));

        let sides = 0..self.acts.len();
        let is = |side: usize, what: &str| outcome.answers[side] == what;
        let failed: Vec<usize> = sides.clone().filter(|side| is(*side, FAILED)).collect();
        let others: Vec<usize> =
            sides.filter(|side| !is(*side, FAILED) && !is(*side, GAVE_UP)).collect();
        let with_failed: Vec<usize> = {
            let mut both = [&failed[..], &others[..]].concat();
            both.sort_unstable();
            both
        };
        let unheard: Vec<usize> =
            (0..self.acts.len()).filter(|side| !others.contains(side)).collect();
        let found = seen(self.blur(outcome.clone(), &unheard), &others);
        let mut expected = Vec::new();
        for done in [&others, &with_failed] {
            let serial = self.serially(done).to_vec();
            expected.extend(serial.into_iter().map(|one| seen(self.blur(one, &unheard), &others)));
        }
        // A sweep is done in parts, of which one may fail.
        let is_swept_in_part = failed.iter().any(|side| self.acts[*side] == Act::SweepLater);
        let is_expected = if is_swept_in_part {
            let is_answered = expected.iter().any(|(answers, _)| *answers == found.0);
            let is_one = |user| expected.iter().any(|(_, users)| users.contains(user));
            is_answered && found.1.iter().all(is_one)
        } else {
            expected.contains(&found)
        };
        assert!(
            is_expected,
            "{:?} on {:?} by {schedule:?} with {fault:?} at {number}\n\
             came to {outcome:#?}\n\
             one after the other to {expected:#?}",
            self.acts, self.stage.place,
        );
        is_reached
    }
}

/// What must be as with the failed act done or not: what the others were answered, and who there is.
type Seen = (Vec<String>, Vec<(&'static str, String)>);

fn seen(outcome: Outcome, heard: &[usize]) -> Seen {
    let answers = heard.iter().map(|side| outcome.answers[*side].clone()).collect();
    (answers, outcome.users.into_iter().collect())
}

/// What an act is answered whose store call has failed.
const FAILED: &str = "store";
