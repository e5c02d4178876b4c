//! Nothing that was issued to the guest before counts after the promotion.

use guestpass::credential::Action;
use guestpass::engine::FlowStart;
use guestpass::{Guest, Rejection};

use crate::support::{
    Device, Held, World, app, code_for, cookie, on_every_backend, password, refresh, refused, run,
    seconds,
};

fn end_by_promotion(world: &World, guest: &Guest) -> Held {
    world.promote(guest, password("ada")).unwrap()
}

#[test]
fn every_session_of_the_guest_has_ended_at_once() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let sessions = [world.guest_on(&device), world.sign_in_on(&device).unwrap()];
        end_by_promotion(&world, &world.by_key(&device));
        for session in &sessions {
            assert_eq!(world.ended(session), Some(Rejection::SessionSuperseded));
        }
    });
}

#[test]
fn the_cookie_session_that_asked_for_it_has_ended_too() {
    on_every_backend(|world| {
        let guest = world.guest();
        let promoted = end_by_promotion(&world, &world.by_session(&guest));
        assert_eq!(world.ended(&guest), Some(Rejection::SessionSuperseded));
        assert_eq!(world.ended(&promoted), None);
    });
}

#[test]
fn access_tokens_of_the_guest_are_refused() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let tokens = ["app", "jwt"].map(|client| {
            let request = device.request(&world.engine, Action::Auth);
            let open = refresh(client);
            let guest = run(world.engine.sign_in_with_device_key(&request, open, None)).unwrap();
            world.access_token(&guest.into())
        });
        for token in &tokens {
            assert!(run(world.engine.authenticate_access(token)).is_ok());
        }
        end_by_promotion(&world, &world.by_key(&device));
        for token in &tokens {
            let answer = run(world.engine.authenticate_access(token));
            assert_eq!(refused(answer), Rejection::SessionSuperseded);
        }
    });
}

#[test]
fn refresh_tokens_of_the_guest_are_refused() {
    on_every_backend(|world| {
        let guest: Held =
            run(world.engine.sign_up_anonymously(refresh("app"), None)).unwrap().into();
        end_by_promotion(&world, &world.by_session(&guest));
        let answer = run(world.engine.refresh(&guest.token, &app()));
        assert_eq!(refused(answer), Rejection::SessionSuperseded);
    });
}

#[test]
fn promotion_codes_open_no_flow_any_more() {
    on_every_backend(|world| {
        let guest = world.guest();
        let code = run(world.engine.promotion_code(&guest.token)).unwrap();
        end_by_promotion(&world, &world.by_session(&guest));
        let answer = run(world.engine.open_flow(FlowStart::PromotionCode(&code.text), &[]));
        assert_eq!(refused(answer), Rejection::AlreadyPromoted);
    });
}

#[test]
fn flows_that_were_open_promote_nobody_any_more() {
    on_every_backend(|world| {
        let guest = world.guest();
        let code = run(world.engine.promotion_code(&guest.token)).unwrap();
        let flow = run(world.engine.open_flow(FlowStart::PromotionCode(&code.text), &[])).unwrap();
        end_by_promotion(&world, &world.by_session(&guest));
        let guest = world.engine.flow(&flow.ticket.text).unwrap().guest.unwrap();
        let answer = world.promote(&guest, password("eve"));
        assert_eq!(refused(answer), Rejection::AlreadyPromoted);
        assert_eq!(world.owner("eve"), None);
    });
}

#[test]
fn authorization_codes_of_the_guest_open_no_session() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let request = device.request(&world.engine, Action::Auth);
        let issued =
            run(world.engine.sign_in_with_device_key(&request, code_for("app"), None)).unwrap();
        let code = World::issued(issued);
        end_by_promotion(&world, &world.by_key(&device));
        assert_eq!(refused(world.redeem(&code, "app")), Rejection::SessionSuperseded);
    });
}

#[test]
fn the_device_key_signs_nobody_in_and_tells_its_holder_why() {
    on_every_backend(|world| {
        let device = Device::new(1);
        world.guest_on(&device);
        let signed_before = device.request(&world.engine, Action::Auth);
        end_by_promotion(&world, &world.by_key(&device));

        let by_name = device.request_by_name(&world.engine, Action::Auth);
        for request in [signed_before, by_name] {
            let answer = run(world.engine.sign_in_with_device_key(&request, cookie(), None));
            assert_eq!(refused(answer), Rejection::AlreadyPromoted);
        }
        let forged = Device::new(2).forge(&device, &world.engine, Action::Auth);
        let answer = run(world.engine.sign_in_with_device_key(&forged, cookie(), None));
        assert_eq!(refused(answer), Rejection::Denied, "only its holder is told");
    });
}

#[test]
fn what_has_ended_stays_so_after_a_sweep_and_a_day() {
    on_every_backend(|world| {
        let guest = world.guest();
        let promoted = end_by_promotion(&world, &world.by_session(&guest));
        run(world.engine.sweep(100)).unwrap();
        assert_eq!(world.ended(&guest), Some(Rejection::SessionSuperseded), "kept, to tell why");
        world.advance(seconds(25 * 3600));
        run(world.engine.sweep(100)).unwrap();
        assert_eq!(world.ended(&guest), Some(Rejection::SessionUnknown), "swept early");
        assert_eq!(world.ended(&promoted), None);
    });
}

#[test]
fn a_session_opened_after_the_promotion_outlives_a_repeated_one() {
    on_every_backend(|world| {
        let guest = world.guest();
        let first = end_by_promotion(&world, &world.by_session(&guest));
        let second = end_by_promotion(&world, &world.by_session(&guest));
        assert_eq!((world.ended(&first), world.ended(&second)), (None, None));
    });
}
