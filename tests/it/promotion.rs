//! Promotion: a guest becomes a regular user under the same `sub`, once, and takes nothing along that
//! was issued before.

mod afterwards;
mod conflict;

use guestpass::credential::Action;
use guestpass::engine::FlowStart;
use guestpass::model::{EventKind, Method, ProvenIdentity, Standing};
use guestpass::{Credential, Rejection, SignInOutcome};

use crate::support::{
    Device, Held, World, code_for, cookie, email, on_every_backend, on_every_backend_with,
    password, proven, refresh, refused, run, seconds,
};

#[test]
fn keeps_the_user_and_opens_a_session_as_a_regular_one() {
    on_every_backend(|world| {
        let guest = world.guest();
        let promoted = world.promote(&world.by_session(&guest), password("ada")).unwrap();

        assert_eq!(promoted.user, guest.user);
        assert_eq!(promoted.outcome, SignInOutcome::Promoted);
        let account = world.account(guest.user);
        assert_eq!(account.user.standing, Standing::Regular);
        assert_eq!(account.identities.len(), 1);
        assert!(account.user.can_reauthenticate);
        assert!(!account.user.is_verified, "nobody has proven to control the address");
        assert_eq!(account.user.ends_at, None);

        let caller = world.authenticate(&promoted).unwrap();
        assert!(!caller.user.is_anonymous());
        assert_eq!(caller.session.method, Method::Password);
        assert_eq!(
            world.history(guest.user),
            [EventKind::SignedUpAnonymously, EventKind::Promoted]
        );
        assert_eq!(world.owner("ada"), Some(guest.user));
    });
}

#[test]
fn of_a_guest_with_a_device_key_retires_the_key_and_keeps_the_user() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let guest = world.guest_on(&device);
        let promoted = world.promote(&world.by_key(&device), password("ada")).unwrap();

        assert_eq!(promoted.user, guest.user);
        let account = world.account(guest.user);
        assert_eq!(account.device_key(), None);
        assert_eq!(account.retired_keys.len(), 1);
        assert_eq!(account.retired_keys[0].key, device.key);
    });
}

#[test]
fn by_an_identity_that_the_host_has_proven_makes_a_verified_user_without_a_password() {
    on_every_backend(|world| {
        let guest = world.guest();
        let oauth = ProvenIdentity::oauth("https://accounts.example", "42").unwrap();
        let promoted =
            world.promote(&world.by_session(&guest), Credential::proven(oauth.clone())).unwrap();

        assert_eq!(promoted.user, guest.user);
        assert_eq!(promoted.session.method, Method::ProvenIdentity);
        let user = world.user(guest.user);
        assert!(user.is_verified && !user.can_reauthenticate);
        assert_eq!(world.sign_in(Credential::proven(oauth)).unwrap().user, guest.user);
    });
}

#[test]
fn can_issue_a_code_in_place_of_a_session() {
    on_every_backend(|world| {
        let guest = world.guest();
        let proof = world.by_session(&guest);
        let promoted =
            run(world.engine.promote(&proof, password("ada"), code_for("app"), None)).unwrap();
        assert_eq!(promoted.outcome, SignInOutcome::Promoted);

        let redeemed = world.redeem(&World::issued(promoted), "app").unwrap();
        assert_eq!(redeemed.user, guest.user);
        assert_eq!(world.ended(&redeemed), None);
    });
}

#[test]
fn by_a_flow_from_a_promotion_code_needs_no_session_any_more() {
    on_every_backend(|world| {
        let guest = world.guest();
        let code = run(world.engine.promotion_code(&guest.token)).unwrap();
        let opened =
            run(world.engine.open_flow(FlowStart::PromotionCode(&code.text), b"page")).unwrap();
        world.advance(seconds(3599));

        let flow = world.engine.flow(&opened.ticket.text).unwrap();
        assert_eq!((flow.id, flow.payload.as_slice()), (opened.id, b"page".as_slice()));
        let promoted = world.promote(&flow.guest.unwrap(), password("ada")).unwrap();
        assert_eq!(promoted.user, guest.user);
    });
}

#[test]
fn by_a_flow_from_a_signed_request_spends_its_challenge_at_the_start() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let guest = world.guest_on(&device);
        let request = device.request_by_name(&world.engine, Action::Promote);
        let start = FlowStart::SignedRequest(&request);
        let opened = run(world.engine.open_flow(start, &[])).unwrap();
        assert_eq!(world.engine.flow_id(&start), Some(opened.id));
        assert_eq!(refused(run(world.engine.open_flow(start, &[]))), Rejection::TicketSpent);

        let flow = world.engine.flow(&opened.ticket.text).unwrap();
        let promoted = world.promote(&flow.guest.unwrap(), password("ada")).unwrap();
        assert_eq!(promoted.user, guest.user);
    });
}

#[test]
fn asked_for_twice_with_the_same_password_is_a_sign_in() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let guest = world.guest_on(&device);
        let first = world.promote(&world.by_key(&device), password("ada")).unwrap();
        let again = world.promote(&world.by_key(&device), password("ada")).unwrap();
        assert_eq!((again.user, again.outcome), (guest.user, SignInOutcome::SignedIn));
        assert_eq!(world.ended(&first), None, "asking again ends nothing");

        let by_old_session = world.promote(&world.by_session(&guest), password("ada")).unwrap();
        assert_eq!(by_old_session.user, guest.user);
        let promotions = |kind: &EventKind| *kind == EventKind::Promoted;
        assert_eq!(world.history(guest.user).into_iter().filter(promotions).count(), 1);
    });
}

#[test]
fn asked_for_twice_with_the_same_proven_identity_is_a_sign_in() {
    on_every_backend(|world| {
        let guest = world.guest();
        world.promote(&world.by_session(&guest), proven("ada")).unwrap();
        let again = world.promote(&world.by_session(&guest), proven("ada")).unwrap();
        assert_eq!((again.user, again.outcome), (guest.user, SignInOutcome::SignedIn));
    });
}

#[test]
fn asked_for_twice_with_another_credential_says_that_it_was_done_and_issues_nothing() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let guest = world.guest_on(&device);
        world.promote(&world.by_key(&device), password("ada")).unwrap();
        world.regular("eve");
        let before = (world.events().len(), live_sessions(&world, &guest));

        let credentials: [fn() -> Credential; 4] = [
            || Credential::password(email("ada"), "another password"),
            || password("new"),
            || proven("new"),
            || password("eve"),
        ];
        for credential in credentials {
            for proof in [world.by_key(&device), world.by_session(&guest)] {
                let answer = world.promote(&proof, credential());
                assert_eq!(refused(answer), Rejection::AlreadyPromoted);
            }
        }
        assert_eq!((world.events().len(), live_sessions(&world, &guest)), before);
        assert_eq!(world.owner("new"), None);
    });
}

#[test]
fn is_refused_to_a_disabled_guest_and_allowed_once_it_is_enabled() {
    on_every_backend(|world| {
        let guest = world.guest();
        let proof = world.by_session(&guest);
        run(world.engine.disable(guest.user)).unwrap();
        assert_eq!(refused(world.promote(&proof, password("ada"))), Rejection::Disabled);
        run(world.engine.enable(guest.user)).unwrap();
        assert_eq!(world.promote(&proof, password("ada")).unwrap().user, guest.user);
    });
}

#[test]
fn is_refused_with_a_session_from_before_all_were_signed_out() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let guest = world.guest_on(&device);
        run(world.engine.sign_out_all(guest.user)).unwrap();
        let proof = world.by_session(&guest);
        let answer = world.promote(&proof, password("ada"));
        assert_eq!(refused(answer), Rejection::SessionSuperseded);
        assert!(world.user(guest.user).is_anonymous());
    });
}

#[test]
fn is_refused_to_a_guest_whose_time_has_passed() {
    on_every_backend_with(
        |policy| policy.session.idle_timeout_seconds = 20,
        |world| {
            let guest = world.guest();
            let proof = world.by_session(&guest);
            world.advance(seconds(100));
            let answer = world.promote(&proof, password("ada"));
            assert_eq!(refused(answer), Rejection::SessionExpired);
            run(world.engine.sweep(100)).unwrap();
            let answer = world.promote(&proof, password("ada"));
            assert_eq!(refused(answer), Rejection::Collected);
        },
    );
}

#[test]
fn is_refused_to_a_deleted_guest_for_ever() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let guest = world.guest_on(&device);
        run(world.engine.delete(guest.user)).unwrap();
        for proof in [world.by_key(&device), world.by_session(&guest)] {
            assert_eq!(refused(world.promote(&proof, password("ada"))), Rejection::Deleted);
        }
        assert_eq!(world.owner("ada"), None);
    });
}

#[test]
fn answers_a_signed_request_once() {
    on_every_backend(|world| {
        let device = Device::new(1);
        world.guest_on(&device);
        let proof = world.by_key(&device);
        world.promote(&proof, password("ada")).unwrap();
        let again = world.promote(&proof, password("ada"));
        assert_eq!(refused(again), Rejection::TicketSpent);
    });
}

#[test]
fn leaves_the_challenge_unspent_when_the_new_password_is_refused() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let guest = world.guest_on(&device);
        let proof = world.by_key(&device);
        let short = Credential::password(email("ada"), "short");
        assert_eq!(refused(world.promote(&proof, short)), Rejection::PasswordTooShort);
        let long = Credential::password(email("ada"), &"x".repeat(257));
        assert_eq!(refused(world.promote(&proof, long)), Rejection::PasswordTooLong);
        assert_eq!(world.promote(&proof, password("ada")).unwrap().user, guest.user);
    });
}

#[test]
fn is_refused_to_clients_that_are_unknown_or_may_not_act_for_people() {
    on_every_backend(|world| {
        let guest = world.guest();
        let proof = world.by_session(&guest);
        for (client, rejection) in
            [("nobody", Rejection::ClientUnknown), ("server", Rejection::ClientNotAllowed)]
        {
            for open in [refresh(client), code_for(client)] {
                let answer = run(world.engine.promote(&proof, password("ada"), open, None));
                assert_eq!(refused(answer), rejection, "{client}");
            }
        }
        assert_eq!(world.ended(&guest), None);
    });
}

#[test]
fn needs_a_guest_to_start_from() {
    on_every_backend(|world| {
        let regular = world.regular("ada");
        let answer = run(world.engine.guest_by_session(&regular.token));
        assert_eq!(refused(answer), Rejection::NotAnonymous);
        let answer = run(world.engine.promotion_code(&regular.token));
        assert_eq!(refused(answer), Rejection::NotAnonymous);

        let keyed = world.guest_on(&Device::new(1));
        let answer = run(world.engine.promotion_code(&keyed.token));
        assert_eq!(refused(answer), Rejection::DeviceKeyNeeded);

        run(world.engine.sign_out(&keyed.token)).unwrap();
        let answer = run(world.engine.guest_by_session(&keyed.token));
        assert_eq!(refused(answer), Rejection::SessionUnknown);
        let unknown = Device::new(2).request(&world.engine, Action::Promote);
        assert_eq!(refused(run(world.engine.guest_by_key(&unknown))), Rejection::Denied);
    });
}

#[test]
fn takes_no_request_that_was_signed_for_something_else() {
    on_every_backend(|world| {
        let device = Device::new(1);
        world.guest_on(&device);
        let auth = device.request(&world.engine, Action::Auth);
        assert_eq!(refused(run(world.engine.guest_by_key(&auth))), Rejection::ActionMismatch);
        let promote = device.request(&world.engine, Action::Promote);
        let answer = run(world.engine.sign_in_with_device_key(&promote, cookie(), None));
        assert_eq!(refused(answer), Rejection::ActionMismatch);
        let forged = Device::new(2).forge(&device, &world.engine, Action::Promote);
        assert_eq!(refused(run(world.engine.guest_by_key(&forged))), Rejection::Denied);
    });
}

fn live_sessions(world: &World, held: &Held) -> usize {
    run(world.engine.sessions(held.user, None, 1000)).unwrap().sessions.len()
}
