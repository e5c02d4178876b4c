//! A clock that jumps between any two store calls: nothing panics, nothing lives for longer than it may,
//! and nothing that was ended comes back.

use std::time::{Duration, Instant};

use guestpass::Error;
use guestpass::model::{Session, SessionKind, Timestamp};
use guestpass::rules::Policy;
use guestpass::store::Backend as _;

use super::cast::{Answer, Cast};
use super::methods::{METHODS, Method};
use crate::long;
use crate::support::{Held, Place, days, password, run, seconds};

/// More store calls than any method makes.
const MAX_CALLS: u32 = 64;
const JUMPS: usize = 6;

/// Where the clock goes from `now`.
fn jumps(now: Timestamp) -> [Timestamp; JUMPS] {
    let hour = seconds(3600);
    [
        now.minus(hour),
        now.plus(hour),
        now.minus(days(3650)),
        now.plus(days(3650)),
        Timestamp::from_millis(i64::MIN),
        Timestamp::MAX,
    ]
}

/// Calls a method while the clock goes to `to` before the store call with this number; says whether there
/// is such a call.
fn meets(place: Place, method: &Method, number: u32, to: usize) -> bool {
    let cast = Cast::new(place, method);
    let now = cast.world.clock_now();
    // Ended before: signed out, and followed by another epoch.
    let ended = ended_before(&cast);
    let to = jumps(now)[to];
    cast.world.script.jump(number, &cast.world.clock, to);
    let answer = run((method.call)(&cast, 0));
    let is_reached = number < cast.world.script.calls();
    let what = format!("{} on {place:?}: {to:?} at {number}", method.name());
    let answer = match answer {
        Ok(answer) => answer,
        Err(Error::Rejected(_) | Error::Contended) => Answer::word("refused"),
        Err(other) => panic!("{what}: {other:?}"),
    };
    cast.world.script.rest();

    let held = [&cast.guest, &cast.rival, &cast.owner, &cast.app, &cast.two[0], &cast.two[1]];
    let held: Vec<&Held> = held.into_iter().chain(&answer.held).collect();
    for one in &held {
        let Some((session, _)) = run(cast.world.backend.resolve(&one.session.digest)).unwrap()
        else {
            continue;
        };
        let absolute = session.created_at.plus(lifetime(&session, cast.engine.policy()));
        assert!(session.ends_at <= absolute, "{what}: {session:?}");
        // However often it is used, at whatever time.
        for at in jumps(now) {
            cast.world.clock.set(at);
            let _counts_or_not = cast.world.authenticate(one);
        }
        cast.world.clock.set(absolute);
        assert!(cast.world.authenticate(one).is_err(), "{what}: it lives for longer than it may");
    }
    for at in jumps(now).into_iter().chain([now]) {
        cast.world.clock.set(at);
        for one in &ended {
            assert!(
                cast.world.authenticate(one).is_err(),
                "{what}: what was ended is back at {at:?}"
            );
        }
    }
    // Every user is whole, whatever the time is.
    cast.look();
    // Nobody is locked out once the clock is right again.
    cast.world.clock.set(now);
    match cast.world.sign_in(password("owner")) {
        Ok(_) => {}
        Err(error) => {
            let code = error.rejection().map(guestpass::Rejection::code);
            let because = [Some("denied"), Some("disabled")];
            let is_changed = ["change_password", "set_password", "disable", "delete"];
            let is_changed = is_changed.contains(&method.names) || method.way.contains("proof");
            assert!(is_changed && because.contains(&code), "{what}: {error:?}");
        }
    }
    is_reached
}

/// Sessions that are over for good.
fn ended_before(cast: &Cast) -> [Held; 2] {
    let world = &cast.world;
    let (signed_out, superseded) = (world.guest(), world.guest());
    run(world.engine.sign_out(&signed_out.token)).unwrap();
    let guest = world.by_session(&superseded);
    world.promote(&guest, password("ended-before")).unwrap();
    [signed_out, superseded]
}

fn lifetime(session: &Session, policy: &Policy) -> Duration {
    Duration::from_secs(match &session.kind {
        SessionKind::Cookie => policy.session.lifetime_seconds,
        SessionKind::Refresh(client) => {
            policy.client(client.as_str()).unwrap().refresh_token_lifetime_seconds
        }
    })
}

#[test]
fn the_clock_may_jump_between_any_two_calls() {
    let mut count = 0;
    for (index, method) in METHODS.iter().enumerate() {
        // Every other jump for every other method; the long run has them all.
        for to in (index % 2..JUMPS).step_by(2) {
            // Where users and sessions are kept apart, there are more calls for it to come between.
            let reached = (0..MAX_CALLS).find(|&number| !meets(Place::Pair, method, number, to));
            count += reached.unwrap_or_else(|| panic!("{} has no end", method.name()));
        }
    }
    println!("{count} jumps of the clock");
}

/// Jumps until it is time, and counts them.
pub(crate) fn random_jumps(seed: u64, until: Instant) -> u64 {
    long::repeat(seed, until, |random| {
        let (method, &place) = (random.pick(METHODS), random.pick(Place::ALL));
        let to = random.below(JUMPS);
        let reached = (0..MAX_CALLS).find(|&number| !meets(place, method, number, to));
        // One that comes after the end is a jump too.
        u64::from(reached.unwrap_or_else(|| panic!("{} has no end", method.name()))) + 1
    })
}

#[test]
fn a_jump_locks_nobody_out_and_gives_nobody_more_tries() {
    for to in 0..JUMPS {
        let cast = Cast::new(Place::Memory, &METHODS[0]);
        let world = &cast.world;
        let now = world.clock_now();
        let wrong = || {
            let credential =
                guestpass::Credential::password(crate::support::email("owner"), "a wrong password");
            world.sign_in(credential).unwrap_err().rejection().unwrap().code()
        };
        let most = world.engine.policy().rate_limits.password.per_login_id.burst;
        for _ in 0..most / 2 {
            assert_eq!(wrong(), "denied");
        }
        world.clock.set(jumps(now)[to]);
        wrong();
        world.clock.set(now);
        let tries = (0..2 * most).filter(|_| wrong() == "denied").count();
        // A jump forward fills the bucket once, as that much time would; a jump back does not.
        assert!(tries <= usize::try_from(most).unwrap(), "{tries} tries after {to}");
        world.advance(seconds(3600));
        assert!(world.sign_in(password("owner")).is_ok(), "after {to}");
    }
}
