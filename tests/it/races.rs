//! Operations on the same users at once, in every order in which their store calls can come.
//!
//! Whatever the order, what all of them answer and what is there afterwards is as if one had come after
//! the other, in one of the orders.

mod act;
pub(crate) mod drill;
mod outcome;
mod race;
pub(crate) mod scene;
mod stage;

pub(crate) use act::Act;
use race::Race;
use stage::Stage;

use guestpass::rules::OnConflict;

use crate::support::{MAX_CHANGES, Place, in_every_order_of};

/// Lets each of `groups` of acts race, by each answer to a conflict that makes a difference to it, in
/// every order that changes at most `most_changes` times from one act to another; says how many schedules
/// there were. Acts that have nothing to do with each other need no more than one change.
fn race(place: Place, groups: &[Vec<Act>], most_changes: usize) -> u64 {
    let mut played = 0;
    for on_conflict in [OnConflict::Login, OnConflict::Error] {
        let stage = Stage::new(place, on_conflict);
        for acts in groups {
            if on_conflict == OnConflict::Error && !acts.iter().any(|act| act.depends_on_conflict())
            {
                continue;
            }
            let most_changes = if meet(acts) { most_changes } else { most_changes.min(1) };
            let mut race = Race::new(&stage, acts);
            played += in_every_order_of(most_changes, |schedule| race.play(schedule));
        }
    }
    played
}

/// Whether each of the acts has to do with another of them.
fn meet(acts: &[Act]) -> bool {
    let others = |at: usize| [&acts[..at], &acts[at + 1..]].concat();
    acts.iter().enumerate().all(|(at, act)| others(at).iter().any(|other| act.meets(*other)))
}

/// Every group of `size` of `acts`, in which an act may come more than once.
fn groups(acts: &[Act], size: usize) -> Vec<Vec<Act>> {
    if size == 0 {
        return vec![Vec::new()];
    }
    let with = |(at, first): (usize, &Act)| {
        let first = *first;
        let rest = groups(&acts[at..], size - 1);
        rest.into_iter().map(move |rest| [&[first], &rest[..]].concat()).collect::<Vec<_>>()
    };
    acts.iter().enumerate().flat_map(with).collect()
}

/// Every group of three different ones of `acts`.
fn triples(acts: &[Act]) -> Vec<Vec<Act>> {
    let is_set = |group: &Vec<Act>| group.windows(2).all(|pair| pair[0] != pair[1]);
    groups(acts, 3).into_iter().filter(is_set).collect()
}

#[test]
fn two_acts_at_once_in_memory_are_as_one_after_the_other() {
    assert!(11_000 < race(Place::Memory, &groups(Act::ALL, 2), MAX_CHANGES));
}

#[test]
fn two_acts_at_once_on_stores_apart_are_as_one_after_the_other() {
    assert!(20_000 < race(Place::Pair, &groups(Act::ALL, 2), MAX_CHANGES));
}

#[test]
fn two_acts_at_once_in_a_file_are_as_one_after_the_other() {
    assert!(600 < race(Place::Sqlite, &groups(Act::KINDS, 2), 1));
}

#[test]
fn two_acts_at_once_through_two_engines_over_one_file_are_as_one_after_the_other() {
    assert!(600 < race(Place::TwoEngines, &groups(Act::KINDS, 2), 1));
}

#[test]
fn three_acts_at_once_in_memory_are_as_one_after_the_other() {
    assert!(4_000 < race(Place::Memory, &groups(Act::DANGEROUS, 3), 1));
}

#[test]
fn three_acts_at_once_on_stores_apart_are_as_one_after_the_other() {
    assert!(2_000 < race(Place::Pair, &triples(Act::DANGEROUS), 1));
}
