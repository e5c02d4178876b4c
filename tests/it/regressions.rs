//! Bugs that were there once. Each test tells the story of one.

use guestpass::Rejection;
use guestpass::engine::FlowStart;
use guestpass::model::SessionId;

use crate::support::*;

/// Signing out a session that is not there lowered the fence of its guest all the same. A guest whose
/// only way in was a code that was not redeemed yet had no session, so asking to end any session, even
/// one that never was, ended the guest.
#[test]
fn signing_out_nothing_ends_no_guest() {
    on_every_backend(|world| {
        let signed_up = run(world.engine.sign_up_anonymously(code_for("app"), None)).unwrap();
        let user = signed_up.user.id;
        let code = World::issued(signed_up);
        let nothing = SessionId::from_bytes([7; 16]);
        assert!(!run(world.engine.sign_out_session(user, nothing)).unwrap());
        world.redeem(&code, "app").unwrap();
    });
}

/// Two requests moved the fence of a guest at once: opening a flow put it an hour away, and an access,
/// decided before, put it back to where its session ends. The flow then ended under the hands of the
/// person who was signing up in it.
#[test]
fn the_fence_of_a_guest_never_comes_nearer() {
    in_every_order(|schedule| {
        let world = World::with(Place::Memory, |policy| policy.session.idle_timeout_seconds = 1800);
        let guest = world.guest();
        world.advance(seconds(1000));
        let code = run(world.engine.promotion_code(&guest.token)).unwrap().text;
        world.advance(seconds(200));
        world.script.step();
        let (flow, access) = interleave(
            schedule,
            world.engine.open_flow(FlowStart::PromotionCode(&code), b""),
            world.engine.authenticate(&guest.token),
        );
        world.script.rest();
        access.unwrap();
        let ends = flow.unwrap().ticket.expires_at;
        let fence = world.user(guest.user).ends_at.unwrap();
        assert!(ends <= fence, "by {:?}", ends.since(fence));
    });
}

/// Failed passwords were limited by login ID only, so one address could try one password with every
/// login ID that there is.
#[test]
fn one_address_cannot_try_a_password_with_everybody() {
    let world = World::new(Place::Memory);
    let address = Some("192.0.2.1".parse().unwrap());
    let limited = (0..100).any(|number| {
        let credential = password(&format!("user{number}"));
        let answer = run(world.engine.sign_in(credential, None, cookie(), address));
        refused(answer) == Rejection::LimitReached
    });
    assert!(limited);
    world.regular("ada");
    let elsewhere = Some("198.51.100.1".parse().unwrap());
    run(world.engine.sign_in(password("ada"), None, cookie(), elsewhere)).unwrap();
}

/// After a session was opened, the surplus ones of its client are ended. A hiccup of the store at that
/// point failed the whole sign-in, whose code was spent: the client asked again, and the second use of
/// the code ended the session too. A guest was lost for good.
#[test]
fn ending_surplus_sessions_fails_no_sign_in_that_has_landed() {
    for &place in &[Place::Memory, Place::Sqlite] {
        let world = World::new(place);
        world.regular("ada");
        let code = || {
            let signed_in = world.engine.sign_in(password("ada"), None, code_for("two"), None);
            World::issued(run(signed_in).unwrap())
        };
        let [healthy, hiccup] = [code(), code()];
        world.script.rest();
        world.redeem(&healthy, "two").unwrap();
        let calls = world.script.calls();
        assert!(READ_AND_LANDING < calls, "the surplus was not looked for");
        world.script.fail(Fault::Before, READ_AND_LANDING);
        world.redeem(&hiccup, "two").unwrap();
    }
}

/// What redeeming a code asks of a store before the session is there.
const READ_AND_LANDING: u32 = 2;

/// With the clock set back, the session that had just been opened counted as the earliest of its
/// client's, and was ended as surplus before anybody could use it.
#[test]
fn a_new_session_is_never_the_surplus_one() {
    let world = World::new(Place::Memory);
    world.regular("ada");
    let sign_in = || {
        Held::from(run(world.engine.sign_in(password("ada"), None, refresh("two"), None)).unwrap())
    };
    let earlier = [sign_in(), sign_in()];
    world.clock.set(world.clock_now().minus(days(1)));
    let newest = sign_in();
    assert_eq!(world.ended(&newest), None);
    assert_eq!(earlier.iter().filter(|held| world.ended(held).is_none()).count(), 1);
}
