//! Races for as long as there is time.

use std::time::Instant;

use guestpass::rules::OnConflict;

use super::{Act, Race, Stage, groups, race};
use crate::long::repeat;
use crate::support::{Place, Random, Schedule};

/// Lets two or three acts race in orders that are drawn, with any number of changes from one to another,
/// wherever operations race; says how many orders there were.
pub(crate) fn random_orders(seed: u64, until: Instant) -> u64 {
    repeat(seed, until, |random| {
        let on_conflict = *random.pick(&[OnConflict::Login, OnConflict::Error]);
        let stage = Stage::new(*random.pick(Place::RACED), on_conflict);
        let mut played = 0;
        for _ in 0..GROUPS_PER_STAGE {
            let size = 2 + random.below(2);
            let among = if size == 2 { Act::ALL } else { Act::KINDS };
            let acts: Vec<Act> = (0..size).map(|_| *random.pick(among)).collect();
            let mut race = Race::new(&stage, &acts);
            for _ in 0..ORDERS_PER_GROUP {
                let schedule = &mut Schedule::random(Random::new(random.number()));
                played += u64::from(race.play(schedule).is_some());
            }
        }
        played
    })
}

/// Lets two acts, or three of different kinds, that are drawn race in every order that comes to something else,
/// wherever operations race; says how many orders there were.
pub(crate) fn every_order(seed: u64, until: Instant) -> u64 {
    let all = [groups(Act::ALL, 2), groups(Act::KINDS, 3)].concat();
    repeat(seed, until, |random| race(*random.pick(Place::RACED), random.pick::<Vec<Act>>(&all)))
}

/// A stage grows with every scene.
const GROUPS_PER_STAGE: usize = 16;
const ORDERS_PER_GROUP: usize = 16;
