//! Guests with a device key: signed up, signed in, and told what became of them.

use std::sync::{Arc, Barrier};
use std::thread;

use guestpass::credential::{Action, KeyHeader, SignedRequest};
use guestpass::model::{EventKind, KeyName, Method};
use guestpass::{Error, Rejection, SignInOutcome};

use crate::support::{
    Device, Held, Place, World, code_for, cookie, in_every_order, interleave, on_every_backend,
    password, refresh, refused, run, seconds,
};

fn sign_in(world: &World, request: &str) -> Result<Held, Error> {
    run(world.engine.sign_in_with_device_key(request, cookie(), None)).map(Held::from)
}

#[test]
fn a_new_key_signs_up_an_anonymous_user_with_a_session() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let guest = world.guest_on(&device);
        let account = world.account(guest.user);
        assert!(account.user.is_anonymous());
        assert_eq!(account.device_key(), Some(&device.key));
        assert_eq!(account.user.ends_at, None);
        assert_eq!(guest.session.method, Method::DeviceKey);
        assert_eq!(world.history(guest.user), [EventKind::SignedUpAnonymously]);
    });
}

#[test]
fn the_same_key_is_the_same_user_after_all_sessions_are_gone() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let guest = world.guest_on(&device);
        run(world.engine.sign_out(&guest.token)).unwrap();
        run(world.engine.sign_out_all(guest.user)).unwrap();
        world.advance(seconds(400 * 24 * 3600));
        run(world.engine.sweep(1000)).unwrap();

        let again = world.sign_in_on(&device).unwrap();
        assert_eq!((again.user, again.outcome), (guest.user, SignInOutcome::SignedIn));
        let by_name = device.request_by_name(&world.engine, Action::Auth);
        assert_eq!(sign_in(&world, &by_name).unwrap().user, guest.user);
        let told =
            EventKind::SignedIn { session: Some(again.session.id), method: Method::DeviceKey };
        assert!(world.history(guest.user).contains(&told));
    });
}

#[test]
fn signing_in_leaves_the_other_sessions_alone() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let first = world.guest_on(&device);
        let second = world.sign_in_on(&device).unwrap();
        assert_eq!((world.ended(&first), world.ended(&second)), (None, None));
    });
}

#[test]
fn a_key_can_ask_for_a_code_instead_of_a_session() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let request = device.request(&world.engine, Action::Auth);
        let issued =
            run(world.engine.sign_in_with_device_key(&request, code_for("app"), None)).unwrap();
        let user = issued.user.id;
        let held = world.redeem(&World::issued(issued), "app").unwrap();
        assert_eq!((held.user, held.session.method), (user, Method::DeviceKey));
    });
}

#[test]
fn a_challenge_is_good_once() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let request = device.request(&world.engine, Action::Auth);
        assert!(sign_in(&world, &request).is_ok());
        assert_eq!(refused(sign_in(&world, &request)), Rejection::TicketSpent);
    });
}

#[test]
fn a_challenge_is_good_for_five_minutes() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let answer = |world: &World, challenge: &str| {
            let request = device.answer(&world.engine, challenge, Action::Auth, KeyHeader::Jwk);
            sign_in(world, &request)
        };
        let challenge = world.engine.challenge().unwrap().text;
        world.advance(seconds(299));
        assert!(answer(&world, &challenge).is_ok());
        let challenge = world.engine.challenge().unwrap().text;
        world.advance(seconds(300));
        assert_eq!(refused(answer(&world, &challenge)), Rejection::TicketExpired);
        assert_eq!(refused(answer(&world, "no challenge")), Rejection::TicketInvalid);
    });
}

#[test]
fn a_bad_signature_does_not_burn_the_challenge() {
    on_every_backend(|world| {
        let device = Device::new(1);
        world.guest_on(&device);
        let good = device.request(&world.engine, Action::Auth);
        let (input, _) = good.rsplit_once('.').unwrap();
        let bad = SignedRequest::assemble(input, &[7; 64]);
        assert_eq!(refused(sign_in(&world, &bad)), Rejection::Denied);
        assert!(sign_in(&world, &good).is_ok());
    });
}

#[test]
fn a_new_key_proves_itself_as_every_other_does() {
    on_every_backend(|world| {
        let good = Device::new(1).request(&world.engine, Action::Auth);
        let (input, _) = good.rsplit_once('.').unwrap();
        let bad = SignedRequest::assemble(input, &[7; 64]);
        assert_eq!(refused(sign_in(&world, &bad)), Rejection::Denied);
        assert!(world.events().is_empty(), "nobody was signed up");
        for nonsense in ["", "a.b.c", "..", "no request"] {
            assert_eq!(refused(sign_in(&world, nonsense)), Rejection::Denied);
        }
        let unknown = Device::new(2).request_by_name(&world.engine, Action::Auth);
        assert_eq!(refused(sign_in(&world, &unknown)), Rejection::Denied);
    });
}

#[test]
fn a_request_with_the_wrong_key_is_an_event_for_the_user_and_not_without_limit() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let guest = world.guest_on(&device);
        for _ in 0..30 {
            let forged = Device::new(2).forge(&device, &world.engine, Action::Auth);
            assert_eq!(refused(sign_in(&world, &forged)), Rejection::Denied);
        }
        let told = EventKind::KeyRefused { thumbprint: device.key.thumbprint };
        let count = world.history(guest.user).into_iter().filter(|kind| *kind == told).count();
        assert_eq!(count, 10);
        assert_eq!(world.ended(&guest), None);
    });
}

#[test]
fn a_name_that_is_another_keys_gives_nobody_the_others_user() {
    on_every_backend(|world| {
        let squatter = Device::named(1, "the-victims-kid");
        let victim = Device::named(2, "the-victims-kid");
        let squat = world.guest_on(&squatter);

        let by_jwk = victim.request(&world.engine, Action::Auth);
        assert_eq!(refused(sign_in(&world, &by_jwk)), Rejection::Denied);
        let by_name = victim.request_by_name(&world.engine, Action::Auth);
        assert_eq!(refused(sign_in(&world, &by_name)), Rejection::Denied);
        assert_eq!(world.sign_in_on(&squatter).unwrap().user, squat.user);

        let renamed = Device::named(2, "another-name");
        assert_ne!(world.guest_on(&renamed).user, squat.user);
    });
}

#[test]
fn a_key_that_is_known_is_the_same_user_under_whatever_name() {
    on_every_backend(|world| {
        let guest = world.guest_on(&Device::named(1, "first-name"));
        let other = Device::named(2, "second-name");
        world.guest_on(&other);
        for name in ["another-name", "second-name"] {
            let renamed = Device::named(1, name);
            assert_eq!(world.sign_in_on(&renamed).unwrap().user, guest.user, "{name}");
        }
        let users = world.backend.users();
        let kept = run(users.key(KeyName::Kid("another-name"))).unwrap();
        assert_eq!(kept, None, "its first name is its only one");
    });
}

#[test]
fn final_answers_go_to_the_holder_of_the_key_only() {
    on_every_backend(|world| {
        let (promoted, deleted) = (Device::new(1), Device::new(2));
        world.guest_on(&promoted);
        world.promote(&world.by_key(&promoted), password("ada")).unwrap();
        let guest = world.guest_on(&deleted);
        run(world.engine.delete(guest.user)).unwrap();
        for (device, rejection) in
            [(&promoted, Rejection::AlreadyPromoted), (&deleted, Rejection::Deleted)]
        {
            assert!(rejection.is_final());
            assert_eq!(refused(world.sign_in_on(device)), rejection);
            let forged = Device::new(3).forge(device, &world.engine, Action::Auth);
            assert_eq!(refused(sign_in(&world, &forged)), Rejection::Denied);
        }
    });
}

#[test]
fn a_key_tells_the_last_thing_that_became_of_its_user() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let guest = world.guest_on(&device);
        world.promote(&world.by_key(&device), password("ada")).unwrap();
        run(world.engine.delete(guest.user)).unwrap();
        assert_eq!(refused(world.sign_in_on(&device)), Rejection::Deleted);
        assert_eq!(refused(world.sign_in(password("ada"))), Rejection::Denied);
    });
}

#[test]
fn a_disabled_guest_is_told_so_and_the_challenge_stays_good() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let guest = world.guest_on(&device);
        run(world.engine.disable(guest.user)).unwrap();
        let request = device.request(&world.engine, Action::Auth);
        assert_eq!(refused(sign_in(&world, &request)), Rejection::Disabled);
        run(world.engine.enable(guest.user)).unwrap();
        assert_eq!(sign_in(&world, &request).unwrap().user, guest.user);
    });
}

#[test]
fn where_nobody_becomes_anonymous_only_known_keys_sign_in() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let guest = world.guest_on(&device);
        let strict = world.engine_with(|policy| policy.anonymous.enabled = false);
        let request = device.request(&strict, Action::Auth);
        let again = run(strict.sign_in_with_device_key(&request, cookie(), None)).unwrap();
        assert_eq!(again.user.id, guest.user);
        let request = Device::new(2).request(&strict, Action::Auth);
        let answer = run(strict.sign_in_with_device_key(&request, cookie(), None));
        assert_eq!(refused(answer), Rejection::AnonymousDisabled);
    });
}

#[test]
fn clients_that_are_unknown_or_may_not_act_for_people_get_nothing() {
    on_every_backend(|world| {
        let request = Device::new(1).request(&world.engine, Action::Auth);
        for (client, rejection) in
            [("nobody", Rejection::ClientUnknown), ("server", Rejection::ClientNotAllowed)]
        {
            let open = refresh(client);
            let answer = run(world.engine.sign_in_with_device_key(&request, open, None));
            assert_eq!(refused(answer), rejection);
        }
        assert!(sign_in(&world, &request).is_ok(), "the challenge is still good");
    });
}

#[test]
fn two_sign_ups_with_one_new_key_at_once_are_one_user() {
    for &place in Place::QUICK {
        in_every_order(|schedule| {
            let world = World::new(place);
            let device = Device::new(1);
            let requests = [(); 2].map(|()| device.request(&world.engine, Action::Auth));
            world.script.step();
            let (one, other) = interleave(
                schedule,
                world.engine.sign_in_with_device_key(&requests[0], cookie(), None),
                world.engine.sign_in_with_device_key(&requests[1], cookie(), None),
            );
            world.script.rest();
            let (one, other) = (Held::from(one.unwrap()), Held::from(other.unwrap()));
            assert_eq!(one.user, other.user, "{place:?} {schedule:?}");
            assert_ne!(one.outcome, other.outcome);
            assert_eq!((world.ended(&one), world.ended(&other)), (None, None));
        });
    }
}

#[test]
fn of_many_uses_of_one_challenge_at_once_one_succeeds() {
    on_every_backend(|world| {
        let device = Device::new(1);
        world.guest_on(&device);
        let request = Arc::new(device.request(&world.engine, Action::Auth));
        let start = Arc::new(Barrier::new(TAKERS));
        let takers: Vec<_> = (0..TAKERS)
            .map(|_| {
                let (engine, request, start) =
                    (world.engine.clone(), Arc::clone(&request), Arc::clone(&start));
                thread::spawn(move || {
                    start.wait();
                    run(engine.sign_in_with_device_key(&request, cookie(), None)).map(|_| ())
                })
            })
            .collect();
        let answers: Vec<_> = takers.into_iter().map(|taker| taker.join().unwrap()).collect();
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        for answer in answers.into_iter().filter(Result::is_err) {
            assert_eq!(refused(answer), Rejection::TicketSpent);
        }
    });
}

const TAKERS: usize = 32;
