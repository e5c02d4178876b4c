//! Random bytes that come again, or do not come: nothing is issued twice, and no two users become one.

use std::time::Instant;

use guestpass::Error;

use super::cast::{Answer, Cast};
use super::methods::{METHODS, Method};
use crate::long;
use crate::support::{Held, Place, run};

/// More draws than any method makes.
const MAX_DRAWS: u64 = 64;

/// Calls a method twice; says what came of it.
fn twice(cast: &Cast, method: &Method, what: &str) -> Vec<Held> {
    let mut opened = Vec::new();
    for time in 0..2 {
        match run((method.call)(cast, time)) {
            Ok(Answer { held, .. }) => opened.extend(held),
            // Refused, or to be tried again.
            Err(Error::Rejected(_) | Error::Contended | Error::Store(_) | Error::Entropy(_)) => {}
            Err(other) => panic!("{what}: {other:?}"),
        }
    }
    opened
}

/// Every user is whole and has what is its own, and whoever got a session got one that nobody else has.
fn is_sound(cast: &Cast, opened: &[Held], ended: &[&Held], what: &str) {
    cast.world.entropy.flow();
    cast.look();
    let before = [&cast.guest, &cast.rival, &cast.owner, &cast.app, &cast.two[0], &cast.two[1]];
    let all: Vec<&Held> = before.into_iter().chain(opened).collect();
    for (number, one) in all.iter().enumerate() {
        if let Ok(caller) = cast.world.authenticate(one) {
            assert_eq!(caller.user.id, one.user, "{what}: a token of two users");
        }
        for other in &all[..number] {
            let is_same = one.session.digest == other.session.digest;
            assert!(!is_same, "{what}: one token was given twice");
        }
    }
    for one in ended {
        assert_ne!(cast.counts(one), "counts", "{what}: a session was inherited");
    }
}

/// The sessions that end when the method does what it should.
fn to_end<'a>(cast: &'a Cast, method: &Method, opened: &[Held]) -> Vec<&'a Held> {
    let is_promoted = |held: &&Held| {
        let word = format!("{:?}", held.outcome);
        word.starts_with("Promoted") || word.starts_with("Merged")
    };
    if !method.names.contains("promote") || opened.iter().find(is_promoted).is_none() {
        return Vec::new();
    }
    if method.names.contains("by_key") { vec![&cast.guest] } else { vec![&cast.rival] }
}

/// Calls a method twice while random bytes come again; says how often.
fn comes_again(place: Place, method: &Method, again: impl Fn(&Cast, u64)) -> u64 {
    let reached = (0..MAX_DRAWS).find(|&draw| {
        let cast = Cast::new(place, method);
        again(&cast, draw);
        let what = format!("{} on {place:?}, from draw {draw} on", method.name());
        let opened = twice(&cast, method, &what);
        let is_reached = draw < cast.world.entropy.draws();
        let ended = to_end(&cast, method, &opened);
        is_sound(&cast, &opened, &ended, &what);
        !is_reached
    });
    reached.unwrap_or_else(|| panic!("{} draws without end", method.name()))
}

#[test]
fn random_bytes_may_be_the_same_from_any_draw_on() {
    let mut count = 0;
    for method in METHODS {
        count +=
            comes_again(Place::Memory, method, |cast, draw| cast.world.entropy.stop_after(draw));
    }
    println!("{count} draws from which on all bytes are the same");
}

#[test]
fn random_bytes_may_begin_again_at_any_draw() {
    let mut count = 0;
    for (index, method) in METHODS.iter().enumerate() {
        // Somebody else's each time; the long run has them all.
        count += comes_again(Place::Pair, method, |cast, draw| {
            cast.world.entropy.begin_again_after(draw, cast.counted[index % 3]);
        });
    }
    println!("{count} draws from which on all bytes are those of somebody else");
}

/// Lets random bytes come again until it is time. Counts the draws at which they do.
pub(crate) fn random_repeats(seed: u64, until: Instant) -> u64 {
    long::repeat(seed, until, |random| {
        let (method, &place) = (random.pick(METHODS), random.pick(Place::ALL));
        let whose = random.below(4);
        let count = comes_again(place, method, |cast, draw| match cast.counted.get(whose) {
            Some(from) => cast.world.entropy.begin_again_after(draw, *from),
            None => cast.world.entropy.stop_after(draw),
        });
        // One that comes after the end comes again too.
        count + 1
    })
}

#[test]
fn random_bytes_may_fail_at_any_draw() {
    let mut count = 0;
    for method in METHODS {
        for draw in 0..MAX_DRAWS {
            let cast = Cast::new(Place::Pair, method);
            let before = cast.look();
            cast.world.entropy.dry_up_after(draw);
            let answer = run((method.call)(&cast, 0));
            cast.world.entropy.flow();
            let what = format!("{} without draw {draw}", method.name());
            let answer = match answer {
                Err(Error::Entropy(_)) => {
                    // The proof that the host has of an identity stands by itself, and so does the first
                    // of two methods.
                    let is_noted = method.way.contains("proof") || method.is("sign_out_all sweep");
                    assert!(cast.look() == before || is_noted, "{what}: nothing happened");
                    count += 1;
                    continue;
                }
                answer => Answer::of(answer),
            };
            if let Some(held) = &answer.held {
                assert_eq!(cast.counts(held), "counts", "{what}");
            }
            assert!(!answer.has_failed(), "{what}");
            break;
        }
    }
    println!("{count} draws that failed");
}
