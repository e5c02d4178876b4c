//! Signing up and signing in as a regular user.

mod limits;
mod passwords;
mod proven;

use guestpass::model::{EventKind, LoginId, LoginIdType, Method, ProvenIdentity, Standing};
use guestpass::rules::OnConflict;
use guestpass::{Credential, Policy, Rejection, SignInOutcome};

use crate::support::{
    Device, Held, World, code_for, cookie, email, on_every_backend, on_every_backend_with,
    password, proven, refresh, refused, run,
};

#[test]
fn signing_up_makes_a_regular_user_and_opens_a_session() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        assert_eq!(ada.outcome, SignInOutcome::SignedUp);
        let account = world.account(ada.user);
        assert_eq!(account.user.standing, Standing::Regular);
        assert!(account.user.can_reauthenticate && !account.user.is_verified);
        assert_eq!(world.history(ada.user), [EventKind::SignedUp]);
        assert_eq!(world.ended(&ada), None);
    });
}

#[test]
fn signing_up_with_a_proven_identity_makes_a_verified_user() {
    on_every_backend(|world| {
        let ada: Held = run(world.engine.sign_up(proven("ada"), cookie(), None)).unwrap().into();
        let user = world.user(ada.user);
        assert!(user.is_verified && !user.can_reauthenticate);
        let answer = world.sign_in(password("ada"));
        assert_eq!(refused(answer), Rejection::Denied, "a user without a password has none");
    });
}

#[test]
fn signing_up_twice_with_the_same_credential_is_a_sign_in() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        let again = world.regular("ada");
        assert_eq!((again.user, again.outcome), (ada.user, SignInOutcome::SignedIn));
        assert_eq!(world.ended(&ada), None);

        let first: Held = run(world.engine.sign_up(proven("eve"), cookie(), None)).unwrap().into();
        let again: Held = run(world.engine.sign_up(proven("eve"), cookie(), None)).unwrap().into();
        assert_eq!((again.user, again.outcome), (first.user, SignInOutcome::SignedIn));
    });
}

#[test]
fn signing_up_under_a_login_id_that_is_taken_is_refused() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        let before = world.account(ada.user);
        let other = Credential::password(email("ada"), "another password");
        let answer = run(world.engine.sign_up(other, cookie(), None));
        assert_eq!(refused(answer), Rejection::IdentityTaken);
        assert_eq!(world.account(ada.user), before);
    });
}

#[test]
fn signing_up_again_as_a_disabled_user_is_refused() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        run(world.engine.disable(ada.user)).unwrap();
        let answer = run(world.engine.sign_up(password("ada"), cookie(), None));
        assert_eq!(refused(answer), Rejection::Disabled);
    });
}

#[test]
fn a_regular_user_signs_in_after_all_sessions_are_gone() {
    on_every_backend(|world| {
        let ada = world.promoted("ada");
        run(world.engine.sign_out_all(ada.user)).unwrap();
        assert_eq!(world.ended(&ada), Some(Rejection::SessionSuperseded));
        let again = world.sign_in(password("ada")).unwrap();
        assert_eq!((again.user, again.outcome), (ada.user, SignInOutcome::SignedIn));
        assert_eq!(world.ended(&again), None);
    });
}

#[test]
fn a_wrong_password_and_an_unknown_login_id_are_one_answer() {
    on_every_backend(|world| {
        world.regular("ada");
        let wrong = Credential::password(email("ada"), "another password");
        assert_eq!(refused(world.sign_in(wrong)), Rejection::Denied);
        assert_eq!(refused(world.sign_in(password("eve"))), Rejection::Denied);
        let endless = Credential::password(email("ada"), &"x".repeat(5000));
        assert_eq!(refused(world.sign_in(endless)), Rejection::Denied);
    });
}

#[test]
fn a_proven_identity_that_nobody_has_signs_nobody_in() {
    on_every_backend(|world| {
        assert_eq!(refused(world.sign_in(proven("ada"))), Rejection::UserUnknown);
    });
}

#[test]
fn a_disabled_user_is_told_so_after_the_right_password_only() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        run(world.engine.disable(ada.user)).unwrap();
        assert_eq!(refused(world.sign_in(password("ada"))), Rejection::Disabled);
        let wrong = Credential::password(email("ada"), "another password");
        assert_eq!(refused(world.sign_in(wrong)), Rejection::Denied);
    });
}

#[test]
fn a_sign_in_is_an_event_that_names_the_session() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        let again = world.sign_in(password("ada")).unwrap();
        let by_code =
            run(world.engine.sign_in(password("ada"), None, code_for("app"), None)).unwrap();
        World::issued(by_code);
        let told = |session| EventKind::SignedIn { session, method: Method::Password };
        assert_eq!(
            world.history(ada.user),
            [EventKind::SignedUp, told(Some(again.session.id)), told(None)]
        );
    });
}

#[test]
fn clients_that_are_unknown_or_may_not_act_for_people_get_nothing() {
    on_every_backend(|world| {
        world.regular("ada");
        let before = world.events();
        for (client, rejection) in
            [("nobody", Rejection::ClientUnknown), ("server", Rejection::ClientNotAllowed)]
        {
            for open in [refresh(client), code_for(client)] {
                let engine = &world.engine;
                let answer = run(engine.sign_in(password("ada"), None, open.clone(), None));
                assert_eq!(refused(answer), rejection);
                let answer = run(engine.sign_up(password("eve"), open.clone(), None));
                assert_eq!(refused(answer), rejection);
                let answer = run(engine.sign_up_anonymously(open, None));
                assert_eq!(refused(answer), rejection);
            }
        }
        assert_eq!(world.events(), before);
    });
}

#[test]
fn nobody_becomes_anonymous_where_the_policy_says_so_and_who_is_stays() {
    on_every_backend(|world| {
        let guest = world.guest();
        let strict = world.engine_with(|policy| policy.anonymous.enabled = false);
        let answer = run(strict.sign_up_anonymously(cookie(), None));
        assert_eq!(refused(answer), Rejection::AnonymousDisabled);
        assert!(run(strict.authenticate(&guest.token)).is_ok());
    });
}

#[test]
fn an_anonymous_user_is_told_about_as_one() {
    on_every_backend(|world| {
        let guest = world.guest();
        let info = run(world.engine.user_info(guest.user)).unwrap();
        assert!(info.is_anonymous && !info.is_verified && !info.can_reauthenticate);
        assert_eq!(info.sub, guest.user.to_string());
        assert_eq!(info.identities.len(), 1);

        world.promote(&world.by_session(&guest), password("ada")).unwrap();
        let info = run(world.engine.user_info(guest.user)).unwrap();
        assert!(!info.is_anonymous && info.can_reauthenticate);
        assert_eq!(info.email.as_deref(), Some("ada@example.com"));
        assert_eq!(info.email_verified, Some(false));
        assert_eq!((info.phone_number, info.preferred_username), (None, None));

        run(world.engine.delete(guest.user)).unwrap();
        let answer = run(world.engine.user_info(guest.user));
        assert_eq!(refused(answer), Rejection::UserUnknown);
    });
}

#[test]
fn a_guest_s_signed_request_counts_once_also_when_somebody_signs_in_beside_it() {
    let login = |policy: &mut Policy| policy.anonymous.on_conflict = OnConflict::Login;
    on_every_backend_with(login, |world| {
        let ada = world.regular("ada");
        let device = Device::new(1);
        world.guest_on(&device);
        let guest = world.by_key(&device);
        let sign_in = || run(world.engine.sign_in(password("ada"), Some(&guest), cookie(), None));
        let merged = sign_in().unwrap();
        assert_eq!(merged.user.id, ada.user);
        assert_eq!(merged.outcome, SignInOutcome::Merged { guest: guest.user() });
        assert_eq!(refused(sign_in()), Rejection::TicketSpent);
    });
}

#[test]
fn login_ids_of_different_types_do_not_meet() {
    on_every_backend(|world| {
        let by = |kind, text| {
            let login_id = LoginId::parse(kind, text).unwrap();
            run(world.engine.sign_up(
                Credential::proven(ProvenIdentity::login_id(login_id)),
                cookie(),
                None,
            ))
            .unwrap()
            .user
            .id
        };
        let phone = by(LoginIdType::Phone, "+85223456789");
        let name = by(LoginIdType::Username, "ada");
        let email = by(LoginIdType::Email, "ada@example.com");
        assert!(phone != name && name != email && phone != email);
    });
}

#[test]
fn a_guest_whose_time_is_over_does_not_hinder_a_sign_in() {
    on_every_backend_with(
        |_| {},
        |world| {
            let ada = world.regular("ada");
            let guest = world.guest();
            let proof = world.by_session(&guest);
            run(world.engine.sign_out_all(guest.user)).unwrap();
            let signed_in: Held =
                run(world.engine.sign_in(password("ada"), Some(&proof), cookie(), None))
                    .unwrap()
                    .into();
            assert_eq!((signed_in.user, signed_in.outcome), (ada.user, SignInOutcome::SignedIn));
        },
    );
}
