//! Races for as long as there is time.

use std::time::Instant;

use guestpass::rules::OnConflict;

use super::{Act, Race, Stage, groups, race};
use crate::support::{MAX_CHANGES, Place, Random, Schedule};

/// Lets two or three acts race in orders that are chosen at random, with any number of changes from one to
/// another, wherever operations race; says how many schedules there were.
pub(crate) fn random_orders(seed: u64, until: Instant) -> u64 {
    let mut dice = Random::new(seed);
    let mut played = 0;
    loop {
        let place = *dice.pick(Place::RACED);
        let stage = Stage::new(place, *dice.pick(&[OnConflict::Login, OnConflict::Error]));
        for _ in 0..GROUPS_PER_STAGE {
            let acts: Vec<Act> = (0..2 + dice.below(2)).map(|_| *dice.pick(Act::ALL)).collect();
            let mut race = Race::new(&stage, &acts);
            for _ in 0..ORDERS_PER_GROUP {
                race.play(&mut Schedule::random(Random::new(dice.number())));
                played += 1;
            }
        }
        if until <= Instant::now() {
            return played;
        }
    }
}

/// Lets every two acts race, and every three of the dangerous ones, in every order that changes from one
/// to another a few times, wherever operations race, as far as there is time; says how many schedules
/// there were. The seed says where to begin.
pub(crate) fn every_order(seed: u64, until: Instant) -> u64 {
    let pairs = groups(Act::ALL, 2).into_iter().map(|pair| (pair, MAX_CHANGES));
    let triples = groups(Act::DANGEROUS, 3).into_iter().map(|triple| (triple, MAX_CHANGES - 1));
    let all: Vec<(Vec<Act>, usize)> = pairs.chain(triples).collect();
    let mut dice = Random::new(seed);
    let mut played = 0;
    for &place in Place::RACED {
        let first = dice.below(all.len());
        for (acts, most_changes) in all.iter().cycle().skip(first).take(all.len()) {
            played += race(place, std::slice::from_ref(acts), *most_changes);
            if until <= Instant::now() {
                return played;
            }
        }
    }
    played
}

#[test]
fn random_orders_of_acts_are_as_one_after_the_other() {
    assert_ne!(random_orders(1, Instant::now()), 0);
}

#[test]
fn every_order_is_gone_through_from_anywhere() {
    assert_ne!(every_order(1, Instant::now()), 0);
}

/// A stage grows with every scene.
const GROUPS_PER_STAGE: usize = 24;
const ORDERS_PER_GROUP: usize = 12;
