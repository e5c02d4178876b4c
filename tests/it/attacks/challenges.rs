//! Challenges that are no challenges of ours, or a million too many.

use guestpass::credential::{Action, KeyHeader, Keyring};
use guestpass::model::SystemEntropy;
use guestpass::store::memory::MemoryBackend;
use guestpass::{Engine, Policy, Rejection};

use crate::support::{Device, cookie, on_every_backend, password, refused, run, seconds};

#[test]
fn attacks_30_and_35_a_challenge_of_another_site_is_refused() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let keyring = Keyring::ephemeral(&SystemEntropy).unwrap();
        let elsewhere = Engine::builder(MemoryBackend::new(), keyring, Policy::default());
        let elsewhere = elsewhere.clock(world.clock.clone()).build().unwrap();
        let relayed = elsewhere.challenge().unwrap().text;
        let request = device.answer(&world.engine, &relayed, Action::Auth, KeyHeader::Jwk);
        let answer = run(world.engine.sign_in_with_device_key(&request, cookie(), None));
        assert_eq!(refused(answer), Rejection::TicketInvalid);
        assert_eq!(world.events(), []);
    });
}

#[test]
fn attack_38_a_flood_of_challenges_takes_no_room_and_nobody_s_turn() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let early = device.request(&world.engine, Action::Auth);
        world.script.rest();
        for _ in 0..FLOOD {
            world.engine.challenge().unwrap();
        }
        assert_eq!(world.script.calls(), 0, "a challenge is kept by who asked for it");
        let answer = run(world.engine.sign_in_with_device_key(&early, cookie(), None));
        assert!(answer.is_ok());
        // Those that nobody has answered end by themselves.
        let late = device.request(&world.engine, Action::Auth);
        world.advance(seconds(5 * 60 + 1));
        let answer = run(world.engine.sign_in_with_device_key(&late, cookie(), None));
        assert!(answer.is_err());
    });
}

#[test]
fn attack_50_a_guest_without_a_key_is_not_promoted_by_one() {
    on_every_backend(|world| {
        let guest = world.guest();
        let device = Device::new(1);
        for request in [
            device.request(&world.engine, Action::Promote),
            device.request_by_name(&world.engine, Action::Promote),
        ] {
            assert_eq!(refused(run(world.engine.guest_by_key(&request))), Rejection::Denied);
        }
        assert!(world.user(guest.user).is_anonymous());
        assert!(world.promote(&world.by_session(&guest), password("ada")).is_ok());
    });
}

const FLOOD: usize = 2_000;
