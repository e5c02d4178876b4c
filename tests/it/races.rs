//! Operations on the same users at once, in every order in which their store calls can come.
//!
//! Whatever the order, what all of them answer and what is there afterwards is as if one had come after
//! the other, in one of the orders.

mod act;
pub(crate) mod drill;
mod faults;
mod matrix;
mod outcome;
mod race;
pub(crate) mod scene;
mod stage;

pub(crate) use act::Act;
use race::Race;
use stage::Stage;

use std::collections::BTreeSet;

use guestpass::rules::OnConflict;

use crate::long::complete::{Figure, told};
use crate::support::{
    Call, Commutes, Fault, MAX_CHANGES, Place, Schedule, in_every_order_of,
    in_every_order_that_matters,
};

/// Lets each of `groups` of acts race, by each answer to a conflict that makes a difference to it, in
/// every order that changes at most `most_changes` times from one act to another; says how many schedules
/// there were. Acts that have nothing to do with each other need no more than one change.
fn race(place: Place, groups: &[Vec<Act>], most_changes: usize) -> u64 {
    let played = |acts: &Vec<Act>| {
        let most_changes = if meet(acts) { most_changes } else { most_changes.min(1) };
        on_each_stage(place, acts, |race| {
            in_every_order_of(most_changes, |schedule| drop(race.play(schedule)))
        })
    };
    groups.iter().map(played).sum()
}

/// Lets acts race in every order whatever, but that of those which differ only in which of two reads comes
/// first, one stands for all; says how many there were.
fn race_to_the_end(place: Place, acts: &[Act]) -> u64 {
    on_each_stage(place, acts, |race| {
        in_every_order_that_matters(Call::commutes, |schedule| drop(race.play(schedule)))
    })
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

/// The figure of the manual is that of its latest run to the end, since when an act may make a call more.
fn is_nearly(orders: u64, told: Option<u64>) {
    let told = told.unwrap();
    assert!(orders.abs_diff(told) < told / 10, "{orders} orders, and the manual tells of {told}");
}

#[test]
fn two_acts_at_once_in_memory_are_as_one_after_the_other() {
    let orders = race(Place::Memory, &groups(Act::ALL, 2), MAX_CHANGES);
    is_nearly(orders, told(Figure::OrdersOfTwo, Place::Memory));
}

#[test]
fn two_acts_at_once_on_stores_apart_are_as_one_after_the_other() {
    let orders = race(Place::Pair, &groups(Act::ALL, 2), MAX_CHANGES);
    is_nearly(orders, told(Figure::OrdersOfTwo, Place::Pair));
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

/// What was seen of some acts, in whatever order they come.
#[derive(Default)]
struct Seen {
    outcomes: BTreeSet<String>,
    /// One for all those that differ only in which of two reads comes first.
    orders: BTreeSet<Vec<usize>>,
    played: u64,
}

fn see(acts: &[Act], commutes: Option<Commutes>) -> Seen {
    let mut seen = Seen::default();
    let stage = Stage::new(Place::Memory, OnConflict::Login);
    let mut race = Race::new(&stage, acts);
    let play = |schedule: &mut Schedule| {
        seen.outcomes.insert(format!("{:?}", race.play(schedule)));
        seen.orders.insert(schedule.normal_form());
    };
    seen.played = match commutes {
        Some(commutes) => in_every_order_that_matters(commutes, play),
        None => in_every_order_of(usize::MAX, play),
    };
    seen
}

#[test]
fn of_orders_that_differ_in_which_read_is_first_one_is_played() {
    for acts in PAIRS {
        let (all, some) = (see(acts, None), see(acts, Some(Call::commutes)));
        assert_eq!(some.orders, all.orders, "{acts:?}");
        assert_eq!(some.outcomes, all.outcomes, "{acts:?}");
        assert_eq!(usize::try_from(some.played), Ok(some.orders.len()), "{acts:?}");
        assert!(some.played < all.played, "{acts:?}");
    }
}

#[test]
fn it_is_noticed_if_an_order_that_matters_is_left_out() {
    for acts in PAIRS {
        let (all, some) = (see(acts, None), see(acts, Some(|_, _| true)));
        assert!(some.orders.len() < all.orders.len(), "{acts:?}");
    }
}

/// Of each two, both read before they write, and either may be first.
const PAIRS: &[&[Act]] = &[
    &[Act::Promote, Act::PromoteRival],
    &[Act::Promote, Act::SignInByKey],
    &[Act::Merge, Act::Delete],
    &[Act::SignInByKey, Act::Disable],
];
