//! Operations on the same users at once, in every order in which their store calls can come.
//!
//! Whatever the order, what all of them answer and what is there afterwards is as if one had come after
//! the other, in one of the orders.

mod act;
pub(crate) mod drill;
mod faults;
mod matrix;
mod outcome;
mod pruning;
mod race;
pub(crate) mod scene;
mod stage;

pub(crate) use act::Act;
use race::Race;
use stage::Stage;

use guestpass::rules::OnConflict;

use crate::long::complete::{Figure, told};
use crate::support::{Fault, Footprint, Place, in_every_order_of, in_every_order_that_matters};

/// Lets acts race, by each answer to a conflict that makes a difference to them, in every order that comes to
/// something else; says how many there were.
fn race(place: Place, acts: &[Act]) -> u64 {
    on_each_stage(place, acts, |race| {
        in_every_order_that_matters(Footprint::commutes, |schedule| race.play(schedule).is_some())
    })
}

/// The same with each of `groups` of acts.
fn race_each(place: Place, groups: &[Vec<Act>]) -> u64 {
    groups.iter().map(|acts| race(place, acts)).sum()
}

/// Lets two acts race, in every order that changes at most once from one to the other, with a
/// fault of this kind at this store call; says how many orders there were in which it was reached.
fn race_with(place: Place, acts: &[Act], fault: Fault, number: u32) -> u64 {
    on_each_stage(place, acts, |race| {
        let mut reached = 0;
        in_every_order_of(1, |schedule| {
            reached += u64::from(race.play_with(schedule, fault, number));
        });
        reached
    })
}

/// Plays a race by each answer to a conflict that makes a difference to it, and adds up. Each has a stage
/// of its own: what other scenes have left on one is swept with the rest, in calls of its own.
fn on_each_stage(place: Place, acts: &[Act], mut play: impl FnMut(&mut Race<'_>) -> u64) -> u64 {
    let answers: &[OnConflict] = if acts.iter().any(|act| act.depends_on_conflict()) {
        &[OnConflict::Login, OnConflict::Error]
    } else {
        &[OnConflict::Login]
    };
    let played = |on_conflict: &OnConflict| {
        let stage = Stage::new(place, *on_conflict);
        play(&mut Race::new(&stage, acts))
    };
    answers.iter().map(played).sum()
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

/// Lets each two acts race, and sees that there are about as many orders as the manual tells: the figure is
/// that of its latest run to the end, since when an act may make a call more.
fn each_two(place: Place) {
    let orders = race_each(place, &groups(Act::ALL, 2));
    let told = told(Figure::OrdersOfTwo, place).unwrap();
    assert!(orders.abs_diff(told) < told / 10, "{orders} orders, and the manual tells of {told}");
}

/// Lets the most dangerous threes race.
fn three(place: Place) {
    assert!(1_500 < race_each(place, &Act::MOST_DANGEROUS.map(Vec::from)));
}

#[test]
fn two_acts_at_once_in_memory_are_as_one_after_the_other() {
    each_two(Place::Memory);
}

#[test]
fn two_acts_at_once_on_stores_apart_are_as_one_after_the_other() {
    each_two(Place::Pair);
}

#[test]
fn two_acts_at_once_in_a_file_are_as_one_after_the_other() {
    each_two(Place::Sqlite);
}

#[test]
fn two_acts_at_once_through_two_engines_over_one_file_are_as_one_after_the_other() {
    each_two(Place::TwoEngines);
}

#[test]
fn three_acts_at_once_in_memory_are_as_one_after_the_other() {
    three(Place::Memory);
}

#[test]
fn three_acts_at_once_on_stores_apart_are_as_one_after_the_other() {
    three(Place::Pair);
}

#[test]
fn three_acts_at_once_in_a_file_are_as_one_after_the_other() {
    three(Place::Sqlite);
}

#[test]
fn three_acts_at_once_through_two_engines_over_one_file_are_as_one_after_the_other() {
    three(Place::TwoEngines);
}

#[test]
fn two_acts_at_once_of_which_one_fails_are_as_with_that_one_or_without() {
    let mut count = 0;
    for place in [Place::Memory, Place::Pair] {
        for (index, acts) in groups(Act::KINDS, 2).iter().enumerate() {
            // One fault each; to the end they are tried elsewhere.
            let fault = if index % 2 == 0 { Fault::Before } else { Fault::After };
            let number = u32::try_from(index / 2 % 8).unwrap();
            count += race_with(place, acts, fault, number);
        }
    }
    assert!(900 < count, "{count}");
}
