//! The fence of a guest without a device key: nothing of it counts beyond, and then it is collected.

use std::time::Duration;

use guestpass::engine::FlowStart;
use guestpass::model::{EventKind, Session, SessionId, Standing, Timestamp, TokenDigest};
use guestpass::rules::ClientPolicy;
use guestpass::{Policy, Rejection};

use crate::support::{
    Device, Fault, Held, PASSWORD, Place, World, code_for, cookie, days, in_every_order,
    interleave, on_every_backend, on_every_backend_with, password, refused, run, seconds,
};

const OTHER: &str = "another long password";

fn sweep(world: &World) -> u32 {
    run(world.engine.sweep(1000)).unwrap().guests
}

#[test]
fn no_session_of_a_guest_ends_beyond_its_fence() {
    on_every_backend(|world| {
        let guest = world.guest();
        for _ in 0..40 {
            let session = world.authenticate(&guest).unwrap().session;
            assert!(session.ends_at <= world.user(guest.user).ends_at.unwrap());
            world.advance(days(5));
        }
    });
}

#[test]
fn an_access_raises_the_fence_coarsely() {
    on_every_backend(|world| {
        let guest = world.guest();
        let first = world.user(guest.user).ends_at.unwrap();
        world.advance(seconds(3600));
        assert_eq!(world.ended(&guest), None);
        assert_eq!(world.user(guest.user).ends_at, Some(first), "there was room");
        world.advance(days(10));
        assert_eq!(world.ended(&guest), None);
        assert!(first < world.user(guest.user).ends_at.unwrap());
    });
}

#[test]
fn an_access_whose_session_ends_at_the_fence_leaves_it_there() {
    on_every_backend(|world| {
        let guest = world.guest();
        let fence = world.user(guest.user).ends_at.unwrap();
        let room = fence.as_millis() - guest.session.ends_at.as_millis();
        world.advance(Duration::from_millis(room.try_into().unwrap()));
        assert_eq!(world.authenticate(&guest).unwrap().session.ends_at, fence);
        assert_eq!(world.user(guest.user).ends_at, Some(fence));
        world.advance(seconds(60));
        let beyond = world.authenticate(&guest).unwrap().session.ends_at;
        assert!(fence < beyond && beyond <= world.user(guest.user).ends_at.unwrap());
    });
}

/// Of two who end the same session, the later finds the other session of the guest as the only one, and must
/// not take it for the one that it ends.
#[test]
fn a_session_that_is_ended_twice_at_once_leaves_the_guest_the_other_one() {
    for &place in Place::QUICK {
        in_every_order(|schedule| {
            let world = World::new(place);
            let guest = world.guest();
            let other = Session {
                id: SessionId::from_bytes([7; 16]),
                digest: TokenDigest::from_bytes([7; 32]),
                ..guest.session.clone()
            };
            run(world.backend.sessions().insert(&other)).unwrap();
            world.script.step();
            let sign_out = || world.engine.sign_out(&guest.token);
            let (one, two) = interleave(schedule, sign_out(), sign_out());
            world.script.rest();
            assert!(one.unwrap() || two.unwrap());
            let fence = world.user(guest.user).ends_at;
            assert!(Some(world.clock_now()) < fence, "{place:?} by {schedule:?}");
        });
    }
}

#[test]
fn the_last_sign_out_lowers_the_fence_and_the_next_sweep_collects() {
    on_every_backend(|world| {
        let guest = world.guest();
        run(world.engine.sign_out(&guest.token)).unwrap();
        assert_eq!(world.user(guest.user).ends_at, Some(Timestamp::EPOCH));
        assert_eq!(sweep(&world), 1);
        assert_eq!(world.user(guest.user).standing, Standing::Collected);
        assert_eq!(world.history(guest.user).last(), Some(&EventKind::Collected));
        assert_eq!(sweep(&world), 0);
    });
}

#[test]
fn every_way_of_signing_out_lowers_the_fence() {
    on_every_backend(|world| {
        let by_name = world.guest();
        run(world.engine.sign_out_session(by_name.user, by_name.session.id)).unwrap();
        let by_all = world.guest();
        run(world.engine.sign_out_all(by_all.user)).unwrap();
        let by_token: Held =
            run(world.engine.sign_up_anonymously(crate::support::refresh("app"), None))
                .unwrap()
                .into();
        let token = world.access_token(&by_token);
        run(world.engine.sign_out_access(&token)).unwrap();
        for guest in [by_name.user, by_all.user, by_token.user] {
            assert_eq!(world.user(guest).ends_at, Some(Timestamp::EPOCH));
        }
        assert_eq!(sweep(&world), 3);
    });
}

#[test]
fn a_guest_who_stays_away_is_collected_and_one_who_comes_is_not() {
    on_every_backend(|world| {
        let (away, comes) = (world.guest(), world.guest());
        for _ in 0..8 {
            world.advance(days(5));
            assert_eq!(world.ended(&comes), None);
            sweep(&world);
        }
        assert_eq!(world.user(away.user).standing, Standing::Collected);
        assert_eq!(world.user(comes.user).standing, Standing::Anonymous);
    });
}

#[test]
fn a_guest_with_a_device_key_is_never_collected() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let guest = world.guest_on(&device);
        run(world.engine.sign_out(&guest.token)).unwrap();
        run(world.engine.sign_out_all(guest.user)).unwrap();
        world.advance(days(4000));
        assert_eq!(sweep(&world), 0);
        assert_eq!(world.user(guest.user).ends_at, None);
        assert_eq!(world.sign_in_on(&device).unwrap().user, guest.user);
    });
}

#[test]
fn who_was_promoted_has_no_fence_and_is_never_collected() {
    on_every_backend(|world| {
        let ada = world.promoted("ada");
        run(world.engine.sign_out(&ada.token)).unwrap();
        world.advance(days(4000));
        assert_eq!(sweep(&world), 0);
        assert_eq!(world.sign_in(password("ada")).unwrap().user, ada.user);
    });
}

#[test]
fn an_open_flow_keeps_its_guest_for_as_long_as_it_may_take() {
    let short = |policy: &mut Policy| policy.session.idle_timeout_seconds = 20;
    on_every_backend_with(short, |world| {
        let guest = world.guest();
        let code = run(world.engine.promotion_code(&guest.token)).unwrap();
        let flow = run(world.engine.open_flow(FlowStart::PromotionCode(&code.text), &[])).unwrap();
        world.advance(seconds(3599));
        assert_eq!(sweep(&world), 0);
        let flow_of = world.engine.flow(&flow.ticket.text).unwrap().guest.unwrap();
        assert_eq!(world.promote(&flow_of, password("ada")).unwrap().user, guest.user);
    });
}

#[test]
fn a_flow_ends_with_its_guest_when_that_signs_out_everywhere() {
    on_every_backend(|world| {
        let guest = world.guest();
        let code = run(world.engine.promotion_code(&guest.token)).unwrap();
        let flow = run(world.engine.open_flow(FlowStart::PromotionCode(&code.text), &[])).unwrap();
        run(world.engine.sign_out_all(guest.user)).unwrap();
        let flow_of = world.engine.flow(&flow.ticket.text).unwrap().guest.unwrap();
        let answer = world.promote(&flow_of, password("ada"));
        assert_eq!(refused(answer), Rejection::SessionSuperseded);
    });
}

/// The fence was put for a session that begins with the sign-up. A guest who gets a code instead
/// begins up to five minutes later, when the code is redeemed, and the session was then cut off at the
/// fence, before its own end; with a lifetime of a few minutes the code itself was refused.
#[test]
fn a_session_from_a_code_lasts_as_long_as_any_other() {
    let short = |policy: &mut Policy| {
        policy.clients = vec![ClientPolicy {
            refresh_token_lifetime_seconds: 100,
            refresh_token_idle_timeout_enabled: false,
            ..policy.clients[0].clone()
        }];
    };
    on_every_backend_with(short, |world| {
        let issued = run(world.engine.sign_up_anonymously(code_for("app"), None)).unwrap();
        let code = World::issued(issued);
        world.advance(seconds(299));
        let guest = world.redeem(&code, "app").unwrap();
        world.advance(seconds(99));
        assert_eq!(world.ended(&guest), None);
        world.advance(seconds(1));
        assert_eq!(world.ended(&guest), Some(Rejection::SessionExpired));
    });
}

#[test]
fn a_guest_whose_code_was_never_redeemed_is_collected() {
    on_every_backend(|world| {
        run(world.engine.sign_up_anonymously(code_for("app"), None)).unwrap();
        world.advance(days(40));
        assert_eq!(sweep(&world), 1);
    });
}

#[test]
fn a_disabled_guest_keeps_its_session_and_its_end() {
    on_every_backend(|world| {
        let guest = world.guest();
        let end = world.user(guest.user).ends_at;
        run(world.engine.disable(guest.user)).unwrap();
        assert_eq!(world.ended(&guest), Some(Rejection::Disabled));
        assert_eq!(world.user(guest.user).ends_at, end);
        run(world.engine.enable(guest.user)).unwrap();
        assert_eq!(world.ended(&guest), None);
    });
}

#[test]
fn sweeping_removes_sessions_that_have_ended_and_no_others() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        world.advance(days(20));
        let later = world.sign_in(password("ada")).unwrap();
        world.advance(days(15));
        assert_eq!(run(world.engine.sweep(1000)).unwrap().sessions_and_nonces, 1);
        assert_eq!(world.ended(&ada), Some(Rejection::SessionUnknown));
        assert_eq!(world.ended(&later), None);
    });
}

/// A guest who had signed out lived again while the clock was before that: a code it had been given opened a
/// flow, and whoever had found it before promoted it.
#[test]
fn a_clock_that_is_set_back_brings_no_guest_back_who_has_signed_out() {
    on_every_backend(|world| {
        let guest = world.guest();
        world.advance(seconds(60));
        let code = run(world.engine.promotion_code(&guest.token)).unwrap();
        let found = run(world.engine.guest_by_session(&guest.token)).unwrap();
        run(world.engine.sign_out(&guest.token)).unwrap();
        // Also before it came, which another node's clock may say.
        for back in [0, 2, 58, 3600] {
            world.clock.set(world.clock_now().minus(seconds(back)));
            let flow = run(world.engine.open_flow(FlowStart::PromotionCode(&code.text), b""));
            assert_eq!(refused(flow), Rejection::SessionExpired, "{back} s");
            let promoted = run(world.engine.promote(&found, password("mia"), cookie(), None));
            assert_eq!(refused(promoted), Rejection::SessionExpired, "{back} s");
        }
    });
}

/// By the clock of that moment the guest's time was up, and so nothing was recorded.
#[test]
fn who_signs_out_while_the_clock_is_ahead_stays_so() {
    on_every_backend(|world| {
        let guest = world.guest();
        let found = run(world.engine.guest_by_session(&guest.token)).unwrap();
        let now = world.clock_now();
        world.advance(days(400));
        assert!(run(world.engine.sign_out(&guest.token)).unwrap());
        world.clock.set(now);
        let promoted = run(world.engine.promote(&found, password("mia"), cookie(), None));
        assert_eq!(refused(promoted), Rejection::SessionExpired);
    });
}

#[test]
fn sweeping_goes_in_portions() {
    on_every_backend(|world| {
        for _ in 0..5 {
            let guest = world.guest();
            run(world.engine.sign_out(&guest.token)).unwrap();
        }
        let portions: Vec<(u32, bool)> = (0..4)
            .map(|_| run(world.engine.sweep(2)).unwrap())
            .map(|swept| (swept.guests, swept.has_more()))
            .collect();
        // The sessions of the two who were collected before are looked for in the third one.
        assert_eq!(portions, [(2, true), (2, true), (1, true), (0, false)]);
    });
}

#[test]
fn who_sweeps_as_long_as_there_is_more_comes_to_an_end() {
    on_every_backend(|world| {
        let sweep_all = |limit: u32| {
            let more = (0..100).take_while(|_| run(world.engine.sweep(limit)).unwrap().has_more());
            more.count()
        };
        for number in 0..5 {
            let ada = world.regular(&format!("ada{number}"));
            run(world.engine.change_password(&ada.token, PASSWORD, OTHER, None)).unwrap();
        }
        assert!((2..100).contains(&sweep_all(2)), "sessions that are over already");
        world.advance(days(40));
        assert!((2..100).contains(&sweep_all(2)), "sessions that have ended");
        let guest = world.guest();
        run(world.engine.sign_out(&guest.token)).unwrap();
        assert_eq!(sweep_all(0), 0, "nothing was asked for");
        assert_eq!(sweep_all(2), 1, "the guest, and then its sessions");
        assert_eq!(world.user(guest.user).standing, Standing::Collected);
    });
}

/// A store may do less at a time than it is asked for. Whoever asked for a thousand was told by SQLite,
/// which had removed five hundred, that there was no more: most of what had ended stayed for ever.
#[test]
fn a_store_that_does_less_than_it_is_asked_for_is_asked_again() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        for number in 0..600_u16 {
            let [high, low] = number.to_be_bytes();
            let mut id = [7; 16];
            id[..2].copy_from_slice(&[high, low]);
            let mut digest = [7; 32];
            digest[..2].copy_from_slice(&[high, low]);
            let session = Session {
                id: SessionId::from_bytes(id),
                digest: TokenDigest::from_bytes(digest),
                ..ada.session.clone()
            };
            run(world.backend.sessions().insert(&session)).unwrap();
        }
        world.advance(days(40));
        let more = (0..100).take_while(|_| run(world.engine.sweep(1000)).unwrap().has_more());
        assert!(more.count() < 100, "it comes to an end");
        assert_eq!(run(world.engine.sweep(1000)).unwrap().sessions_and_nonces, 0, "all are gone");
    });
}

/// Those that cannot be read are the first ones of each sweep, and as many as it may collect kept it from all
/// others.
#[test]
fn guests_that_cannot_be_read_do_not_keep_others_from_being_collected() {
    let world = World::new(Place::Sqlite);
    let (bad, good) = (world.guest(), world.guest());
    let file = rusqlite::Connection::open(world.file().unwrap()).unwrap();
    let harm = "UPDATE users SET is_verified = 1, ends_at = ends_at - 1 WHERE id = ?";
    assert_eq!(file.execute(harm, [bad.user.as_bytes()]).unwrap(), 1);
    world.advance(days(400));
    let swept = run(world.engine.sweep(1)).unwrap();
    assert_eq!((swept.guests, swept.left), (1, 1));
    assert_eq!(world.user(good.user).standing, Standing::Collected);
}

/// A guest that cannot be collected is counted in each answer. Whoever swept while there was something
/// in it swept for ever.
#[test]
fn guests_that_cannot_be_collected_are_no_reason_to_sweep_again_at_once() {
    on_every_backend(|world| {
        for _ in 0..2 {
            let guest = world.guest();
            run(world.engine.sign_out(&guest.token)).unwrap();
        }
        // From the first load on: what comes before finds the sessions and the guests.
        let calls = (0..20).find(|&calls| {
            world.script.fail(Fault::Onwards, calls);
            let swept = run(world.engine.sweep(2));
            world.script.rest();
            swept.is_ok_and(|swept| {
                assert_eq!((swept.guests, swept.left, swept.has_more()), (0, 1, false));
                true
            })
        });
        assert!(calls.is_some());
        assert_eq!(run(world.engine.sweep(2)).unwrap().guests, 2);
    });
}
