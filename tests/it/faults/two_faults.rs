//! Two store calls fail, both of one try, or one of the first try and one of the next: every two that there
//! are, each before its effect or after it.

use std::time::Instant;

use super::cast::{Answer, Cast};
use super::every_call::{Course, MAX_CALLS, converges, is_between, is_honest};
use super::methods::{METHODS, Method};
use crate::long;
use crate::long::complete::{Figure, differences};
use crate::support::{Fault, Place, run};

/// A fault, and the number of the call that it happens to, counted over both tries.
type At = (Fault, u32);

/// What came of two faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    Neither,
    First,
    Both,
}

/// Lets two calls fail, and asks again for as long as the answer is a failure.
fn meets(place: Place, method: &Method, course: &Course, first: At, second: At) -> Reached {
    let mut cast = Cast::new(place, method);
    let script = cast.world.script.clone();
    let what = format!("{} on {place:?} with {first:?} and {second:?}", method.name());
    script.fail_each(vec![first, second]);
    let mut calls = 0;
    for time in 0..2 {
        cast.turn_to(time);
        let answer = Answer::of(run((method.call)(&cast, time)));
        calls += script.calls();
        is_between(&cast.look(), course, method, &what);
        is_honest(&cast, &answer, &what);
        if !answer.has_failed() {
            break;
        }
        if time == 1 {
            cast.turn_to(2);
            converges(method, &cast, 2, course, &what);
        } else if calls <= second.1 {
            script.fail(second.0, second.1 - calls);
        }
    }
    match (first.1 < calls, second.1 < calls) {
        (false, _) => Reached::Neither,
        (true, false) => Reached::First,
        (true, true) => Reached::Both,
    }
}

/// Every two faults of these kinds that a method can meet with; says how many there are.
fn every_two(place: Place, method: &Method, (one, other): (Fault, Fault)) -> u64 {
    let course = Course::of(place, method);
    let mut count = 0;
    let ended = (0..MAX_CALLS).find(|&at| {
        let reached = |second| meets(place, method, &course, (one, at), (other, second));
        let last = (at + 1..2 * MAX_CALLS).map(reached).find(|reached| {
            count += u64::from(*reached == Reached::Both);
            *reached != Reached::Both
        });
        last.unwrap() == Reached::Neither
    });
    assert!(ended.is_some(), "{} calls the store without end", method.name());
    count
}

#[test]
fn every_method_survives_two_faults() {
    let mut count = 0;
    for (index, method) in METHODS.iter().enumerate() {
        // One kind in four for each method; to the end they are tried elsewhere. A hash that is renewed
        // takes its time.
        if !method.makes_other_hashes {
            count += every_two(Place::Pair, method, KINDS[index % KINDS.len()]);
        }
    }
    println!("{count} times two faults");
}

#[test]
#[ignore = "it goes on to the end"]
fn every_two_faults_to_the_end() {
    let times = |place| {
        let of = |method| KINDS.map(|kinds| every_two(place, method, kinds)).iter().sum::<u64>();
        METHODS.iter().map(of).sum()
    };
    let wrong = differences(Figure::TwoFaults, times);
    assert!(wrong.is_empty(), "the manual tells other figures: {wrong:?}");
}

/// Two faults of every kind that is drawn, wherever they can happen, until it is time. Counts the pairs.
pub(crate) fn random_methods(seed: u64, until: Instant) -> u64 {
    long::repeat(seed, until, |random| {
        let (method, &place) = (random.pick(METHODS), random.pick(PLACES));
        // Two of which one comes after the end are two as well.
        every_two(place, method, *random.pick(&KINDS)) + 1
    })
}

/// Everything that there is; with two engines the next try goes through the other one.
const PLACES: &[Place] =
    &[Place::Memory, Place::Pair, Place::Sqlite, Place::SqliteUsers, Place::TwoEngines];
/// Whether each of the two calls fails before its effect or after it.
const KINDS: [(Fault, Fault); 4] = [
    (Fault::Before, Fault::Before),
    (Fault::Before, Fault::After),
    (Fault::After, Fault::Before),
    (Fault::After, Fault::After),
];
