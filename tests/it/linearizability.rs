//! Histories of operations on real threads, and whether some order explains each.
//!
//! A history is linearizable (Herlihy and Wing) if every operation can be thought to have happened at one
//! instant between its call and its answer, so that all answers are those of the model, which does one
//! after the other. The search is that of Wing and Gong, and forgets no state that it has tried in vain.

mod checker;
mod history;

use std::time::Instant;

use guestpass::rules::OnConflict;

use crate::long::repeat;
use crate::support::{Place, Random};
use checker::explains;
use history::History;

/// Makes histories and checks them; says how many there were.
fn check(place: Place, count: u64, random: &mut Random) -> u64 {
    for number in 0..count {
        let on_conflict = *random.pick(&[OnConflict::Error, OnConflict::Login]);
        let history = History::make(place, on_conflict, random);
        assert!(
            explains(&history),
            "no order explains history {number} on {place:?}: {history:#?}"
        );
    }
    count
}

#[test]
fn histories_in_memory_are_linearizable() {
    check(Place::Memory, 100, &mut Random::new(1));
}

#[test]
fn histories_on_stores_apart_are_linearizable() {
    check(Place::Pair, 100, &mut Random::new(2));
}

#[test]
fn histories_in_a_file_are_linearizable() {
    check(Place::Sqlite, 30, &mut Random::new(3));
}

#[test]
fn histories_through_two_engines_over_one_file_are_linearizable() {
    check(Place::TwoEngines, 30, &mut Random::new(4));
}

/// Makes and checks histories until it is time, wherever operations race; counts them.
pub(crate) fn random_histories(seed: u64, until: Instant) -> u64 {
    repeat(seed, until, |random| check(*random.pick(Place::RACED), HISTORIES_AT_ONCE, random))
}

const HISTORIES_AT_ONCE: u64 = 8;
