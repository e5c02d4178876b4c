//! How long sessions last: never shorter than the policy says, and at most a grain longer.

use guestpass::model::{SessionKind, Timestamp};
use guestpass::rules::ClientPolicy;
use guestpass::{Policy, Rejection};

use crate::support::{
    Device, Held, World, on_every_backend, on_every_backend_with, password, refresh, run, seconds,
};
use std::time::Duration;

/// A second of idle time, five in all.
fn short(policy: &mut Policy) {
    policy.session.lifetime_seconds = 5;
    policy.session.idle_timeout_seconds = 1;
    policy.clients = vec![ClientPolicy {
        refresh_token_lifetime_seconds: 5,
        refresh_token_idle_timeout_seconds: 1,
        ..policy.clients[0].clone()
    }];
}

/// A twentieth of the idle time.
const GRAIN: Duration = Duration::from_millis(50);
const ALMOST_A_GRAIN: Duration = Duration::from_millis(49);
const SECOND: Duration = Duration::from_secs(1);
const ALMOST_A_SECOND: Duration = Duration::from_millis(999);
const MILLISECOND: Duration = Duration::from_millis(1);

/// A regular user's session of each kind, and a guest's: with a key and without.
fn one_of_each(world: &World) -> Vec<Held> {
    let ada = world.regular("ada");
    let app = run(world.engine.sign_in(password("ada"), None, refresh("app"), None)).unwrap();
    vec![ada, app.into(), world.guest_on(&Device::new(1)), world.guest()]
}

#[test]
fn an_unused_session_ends_after_the_idle_timeout_late_by_at_most_a_grain() {
    on_every_backend_with(short, |world| {
        let sessions = one_of_each(&world);
        let end = world.clock_now().plus(SECOND).plus(GRAIN);
        world.clock.set(end);
        for held in &sessions {
            assert_eq!(held.session.ends_at, end);
            assert_eq!(world.ended(held), Some(Rejection::SessionExpired));
        }
    });
}

#[test]
fn a_session_is_never_ended_early_by_coarse_recording() {
    on_every_backend_with(short, |world| {
        let sessions = one_of_each(&world);
        // Used just before an access would be recorded, so that the record is as old as it can be.
        for unused in [ALMOST_A_GRAIN, ALMOST_A_SECOND] {
            world.advance(unused);
            for held in &sessions {
                assert_eq!(world.ended(held), None, "unused for less than the idle timeout");
            }
        }
    });
}

#[test]
fn a_session_in_use_lasts_until_its_lifetime_is_over_and_not_beyond() {
    on_every_backend_with(short, |world| {
        let sessions = one_of_each(&world);
        let opened = world.clock_now();
        while world.clock_now() < opened.plus(5 * SECOND).minus(MILLISECOND) {
            for held in &sessions {
                assert_eq!(world.ended(held), None, "{:?}", held.session.kind);
            }
            let left = opened.plus(5 * SECOND).minus(MILLISECOND).since(world.clock_now());
            world.advance(left.min(SECOND));
        }
        for held in &sessions {
            assert_eq!(world.ended(held), None);
        }
        world.advance(MILLISECOND);
        for held in &sessions {
            assert_eq!(world.ended(held), Some(Rejection::SessionExpired));
        }
    });
}

#[test]
fn without_an_idle_timeout_only_the_lifetime_counts() {
    let absolute = |policy: &mut Policy| {
        short(policy);
        policy.session.idle_timeout_enabled = false;
        policy.clients[0].refresh_token_idle_timeout_enabled = false;
    };
    on_every_backend_with(absolute, |world| {
        let sessions = one_of_each(&world);
        world.advance(4 * SECOND + ALMOST_A_SECOND);
        for held in &sessions {
            assert_eq!(world.ended(held), None);
        }
        world.advance(MILLISECOND);
        for held in &sessions {
            assert_eq!(world.ended(held), Some(Rejection::SessionExpired));
        }
    });
}

#[test]
fn a_shorter_policy_acts_at_once_and_a_longer_one_from_the_next_access() {
    on_every_backend_with(
        |policy| policy.session.idle_timeout_seconds = 1000,
        |world| {
            let held = world.regular("ada");
            world.advance(seconds(500));
            let shorter = world.engine_with(|policy| policy.session.idle_timeout_seconds = 100);
            let answer = run(shorter.authenticate(&held.token)).unwrap_err();
            assert_eq!(answer.rejection(), Some(Rejection::SessionExpired));

            let longer = world.engine_with(|policy| policy.session.idle_timeout_seconds = 9000);
            assert!(run(longer.authenticate(&held.token)).is_ok());
            world.advance(seconds(8000));
            assert!(run(longer.authenticate(&held.token)).is_ok());
        },
    );
}

#[test]
fn a_longer_policy_does_not_bring_back_what_has_ended() {
    on_every_backend_with(short, |world| {
        let held = world.regular("ada");
        world.advance(2 * SECOND);
        let longer = world.engine_with(|policy| policy.session = Policy::default().session);
        let answer = run(longer.authenticate(&held.token)).unwrap_err();
        assert_eq!(answer.rejection(), Some(Rejection::SessionExpired));
    });
}

#[test]
fn accesses_are_recorded_coarsely() {
    on_every_backend(|world| {
        let held = world.regular("ada");
        let calls = |world: &World| {
            world.script.rest();
            assert_eq!(world.ended(&held), None);
            world.script.calls()
        };
        assert_eq!(calls(&world), calls(&world));
        let idle = calls(&world);
        world.advance(seconds(60));
        assert!(idle < calls(&world), "the first access after a minute is recorded");
        assert_eq!(calls(&world), idle, "the next one is not");
    });
}

#[test]
fn what_was_swept_stays_over_when_the_clock_is_set_back() {
    on_every_backend_with(short, |world| {
        let sessions = one_of_each(&world);
        world.advance(10 * SECOND);
        run(world.engine.sweep(100)).unwrap();
        run(world.engine.sweep(100)).unwrap();
        world.clock.set(sessions[0].session.created_at);
        for held in &sessions {
            assert_eq!(world.ended(held), Some(Rejection::SessionUnknown));
        }
    });
}

#[test]
fn a_clock_set_back_lengthens_no_session() {
    on_every_backend_with(short, |world| {
        let held = world.regular("ada");
        let end = held.session.ends_at;
        world.clock.set(Timestamp::from_millis(0));
        assert_eq!(world.ended(&held), None);
        world.clock.set(end);
        assert_eq!(world.ended(&held), Some(Rejection::SessionExpired));
    });
}

#[test]
fn times_at_the_ends_of_the_scale_do_no_harm() {
    on_every_backend(|world| {
        let held = world.regular("ada");
        for now in [i64::MIN, -1, 0, i64::MAX - 1, i64::MAX] {
            world.clock.set(Timestamp::from_millis(now));
            let _either_way = world.authenticate(&held);
            let _either_way = run(world
                .engine
                .sign_up_anonymously(guestpass::Open::Session(SessionKind::Cookie), None));
            run(world.engine.sweep(100)).unwrap();
        }
    });
}
