//! Each store call of each method fails once, before its effect or after it, or all fail from that one on;
//! and each method is dropped at each of them.

use std::time::Instant;

use super::cast::{Answer, Cast, Look};
use super::methods::{METHODS, Method};
use crate::long;
use crate::support::{Fault, Place, abandon_after, run};

/// More store calls than any method makes.
pub(super) const MAX_CALLS: u32 = 64;

/// What comes of a method without any fault.
pub(super) struct Course {
    before: Look,
    pub(super) once: (Look, String),
    pub(super) twice: (Look, String),
}

impl Course {
    pub(super) fn of(place: Place, method: &Method) -> Self {
        let mut cast = Cast::new(place, method);
        let before = cast.look();
        let [once, twice] = [0, 1].map(|time| {
            cast.turn_to(time);
            let answer = Answer::of(run((method.call)(&cast, time)));
            assert!(!answer.has_failed());
            is_honest(&cast, &answer, &method.name());
            (cast.look(), answer.word)
        });
        Self { before, once, twice }
    }
}

fn survives(place: Place, method: &Method, faults: &[Fault]) -> u32 {
    let course = Course::of(place, method);
    let mut count = 0;
    for &fault in faults {
        let reached = (0..MAX_CALLS).find(|&number| {
            let cast = Cast::new(place, method);
            cast.world.script.fail(fault, number);
            let answer = Answer::of(run((method.call)(&cast, 0)));
            let is_reached = number < cast.world.script.calls();
            let what = format!("{} on {place:?} with {fault:?} at {number}", method.name());
            let after = cast.look();
            is_between(&after, &course, method, &what);
            is_honest(&cast, &answer, &what);
            if answer.has_failed() {
                converges(method, &cast, 1, &course, &what);
            } else {
                assert_eq!(answer.word, course.once.1, "{what}");
            }
            count += u32::from(is_reached);
            !is_reached
        });
        assert!(reached.is_some(), "{} calls the store without end", method.name());
    }
    count
}

/// Whoever called goes away while a store call is under way.
fn survives_being_dropped(place: Place, method: &Method) -> u32 {
    let course = Course::of(place, method);
    let ended = (0..MAX_CALLS).find(|&number| {
        let cast = Cast::new(place, method);
        cast.world.script.step();
        let answer = abandon_after(number, (method.call)(&cast, 0));
        let what = format!("{} on {place:?} dropped at {number}", method.name());
        is_between(&cast.look(), &course, method, &what);
        if answer.is_none() {
            converges(method, &cast, 1, &course, &what);
        }
        answer.is_some()
    });
    ended.unwrap_or_else(|| panic!("{} calls the store without end", method.name()))
}

/// Every user is as before or as after, and every session that was there counts or not as before or as
/// after: nothing is half done, and nothing is revoked by a fault.
pub(super) fn is_between(found: &Look, course: &Course, method: &Method, what: &str) {
    let (before, once, twice) = (&course.before, &course.once.0, &course.twice.0);
    for (name, state) in &found.users {
        let expected = [before, once, twice].map(|look| look.users.get(name));
        // Between two calls of one method that undo each other.
        let is_within = method.is("disable enable") && name == "guest";
        let is_within = is_within || method.is("sign_out_all sweep") && name == "rival";
        assert!(expected.contains(&Some(state)) || is_within, "{what}: the {name} is {state}");
    }
    for (name, state) in &found.sessions {
        let expected = [before, once, twice].map(|look| look.sessions[name]);
        // The password is changed, and the caller's session has not been moved.
        let is_left_behind = method.is("change_password") && *state == "superseded";
        let is_within = method.is("disable enable") && *state == "disabled"
            || method.names.starts_with("sign_out") && *state == "expired";
        assert!(
            expected.contains(state) || is_left_behind || is_within,
            "{what}: the {name} session is {state}"
        );
    }
}

/// Who was let in has a session that counts, of the user as it is.
pub(super) fn is_honest(cast: &Cast, answer: &Answer, what: &str) {
    if let Some(held) = &answer.held {
        assert_eq!(cast.counts(held), "counts", "{what}");
    }
}

/// Asking again comes to what asking once or twice without a fault comes to.
pub(super) fn converges(method: &Method, cast: &Cast, time: usize, course: &Course, what: &str) {
    cast.world.script.rest();
    let answer = Answer::of(run((method.call)(cast, time)));
    is_honest(cast, &answer, what);
    let after = cast.look();
    let expected = [&course.once.0.users, &course.twice.0.users];
    // Whom nobody was told of is a newcomer too many.
    let is_fine = expected
        .iter()
        .any(|users| users.iter().all(|(name, state)| after.users.get(name) == Some(state)));
    assert!(is_fine, "{what}, and again: {after:#?}\nand not {expected:#?}");
    // Of what was done the first time nothing is left to do; a code may be spent without a session, or
    // with one that nobody has and that ends with the second use.
    let excused: &[(&str, &str)] = &[
        ("redeem_code", "ticket_spent"),
        ("change_password", "session_superseded"),
        ("change_password", "denied"),
        ("sign_out", "false"),
        ("sign_out_access", "false"),
        ("sign_out_session", "false"),
        ("sign_out_all sweep", "0"),
    ];
    let is_expected = [&course.once.1, &course.twice.1].contains(&&answer.word)
        || excused.contains(&(method.names, answer.word.as_str()));
    assert!(is_expected, "{what}, and again: {}", answer.word);
}

/// A fault, and another when the same is asked again, until it is time. Counts the pairs.
pub(crate) fn random_pairs_of_faults(seed: u64, until: Instant) -> u64 {
    let faults = [Fault::Before, Fault::After, Fault::Onwards];
    long::repeat(seed, until, |random| {
        let (method, &place) = (random.pick(METHODS), random.pick(Place::ALL));
        let course = Course::of(place, method);
        let cast = Cast::new(place, method);
        let mut what = format!("{} on {place:?}", method.name());
        let mut failures = 0;
        for time in 0..2 {
            let (fault, number) = (*random.pick(&faults), u32::try_from(random.below(12)).unwrap());
            what = format!("{what}, {fault:?} at {number}");
            cast.world.script.fail(fault, number);
            let answer = Answer::of(run((method.call)(&cast, time)));
            cast.world.script.rest();
            is_between(&cast.look(), &course, method, &what);
            is_honest(&cast, &answer, &what);
            if !answer.has_failed() {
                break;
            }
            failures += 1;
        }
        if failures == 2 {
            converges(method, &cast, 2, &course, &what);
        }
        // A fault that comes after the end is one too.
        failures + 1
    })
}

#[test]
fn every_method_survives_a_fault_at_every_call() {
    let faults = [Fault::Before, Fault::After, Fault::Onwards];
    let mut count = 0;
    for method in METHODS {
        for &place in Place::QUICK {
            count += survives(place, method, &faults);
        }
    }
    println!("{count} faults at store calls");
}

#[test]
fn every_method_survives_a_fault_in_a_file() {
    let mut count = 0;
    // Every third; the long run has them all.
    for method in METHODS.iter().step_by(3) {
        count += survives(Place::Sqlite, method, &[Fault::After]);
    }
    println!("{count} faults at store calls in a file");
}

#[test]
fn whatever_is_dropped_half_way_is_done_whole_or_not_at_all() {
    let mut count = 0;
    for method in METHODS {
        for &place in Place::QUICK {
            count += survives_being_dropped(place, method);
        }
    }
    println!("{count} calls dropped");
}
