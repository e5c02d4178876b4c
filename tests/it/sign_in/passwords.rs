//! Passwords: changed by who knows the old one, set by the host, hashed anew when that costs more.

use guestpass::credential::Argon2Params;
use guestpass::model::{EventKind, ProvenIdentity};
use guestpass::{Credential, Error, Rejection};

use crate::support::{
    Held, PASSWORD, World, app, cookie, email, on_every_backend, password, proven, refresh,
    refused, run,
};

const NEW: &str = "a new password";

fn with_new_password() -> Credential {
    Credential::password(email("ada"), NEW)
}

fn change(world: &World, held: &Held) -> Result<(), Error> {
    run(world.engine.change_password(&held.token, PASSWORD, NEW, None))
}

fn ada() -> ProvenIdentity {
    ProvenIdentity::login_id(email("ada"))
}

/// Whoever measures the time must not learn whether anybody has a login ID, so a password is verified in
/// both cases. Where none can be verified, that shows in both.
#[test]
fn a_password_waits_its_turn_whether_or_not_anybody_has_the_login_id() {
    on_every_backend(|world| {
        world.regular("ada");
        let busy = world.engine_too_busy_to_hash();
        for name in ["ada", "nobody"] {
            // More often than a wrong password may be tried: what was not verified is not charged.
            for _ in 0..20 {
                let answer = run(busy.sign_in(password(name), None, cookie(), None));
                assert!(matches!(answer, Err(Error::Busy)), "{name}: {answer:?}");
            }
        }
    });
}

#[test]
fn changing_the_password_keeps_the_callers_session_and_ends_the_others() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        let other = world.sign_in(password("ada")).unwrap();
        change(&world, &ada).unwrap();

        assert_eq!(world.ended(&ada), None);
        assert_eq!(world.ended(&other), Some(Rejection::SessionSuperseded));
        assert_eq!(refused(world.sign_in(password("ada"))), Rejection::Denied);
        assert_eq!(world.sign_in(with_new_password()).unwrap().user, ada.user);
        assert!(world.history(ada.user).contains(&EventKind::PasswordChanged));
        let listed = run(world.engine.sessions(ada.user, None, 10)).unwrap().sessions;
        assert!(listed.iter().any(|session| session.id == ada.session.id), "under the same name");
    });
}

#[test]
fn changing_the_password_ends_the_callers_access_tokens_but_not_the_refresh_token() {
    on_every_backend(|world| {
        let ada: Held =
            run(world.engine.sign_up(password("ada"), refresh("app"), None)).unwrap().into();
        let token = world.access_token(&ada);
        change(&world, &ada).unwrap();
        let answer = run(world.engine.authenticate_access(&token));
        assert_eq!(refused(answer), Rejection::SessionSuperseded);
        assert!(run(world.engine.refresh(&ada.token, &app())).is_ok());
    });
}

#[test]
fn changing_the_password_takes_the_old_one_a_new_one_and_a_session() {
    on_every_backend(|world| {
        let ada = world.regular("ada");
        let try_with = |old: &str, new: &str| {
            refused(run(world.engine.change_password(&ada.token, old, new, None)))
        };
        assert_eq!(try_with("another password", NEW), Rejection::Denied);
        assert_eq!(try_with(PASSWORD, "short"), Rejection::PasswordTooShort);
        assert_eq!(try_with(PASSWORD, &"x".repeat(257)), Rejection::PasswordTooLong);
        run(world.engine.sign_out(&ada.token)).unwrap();
        assert_eq!(try_with(PASSWORD, NEW), Rejection::SessionUnknown);
        assert!(world.sign_in(password("ada")).is_ok(), "nothing has changed");
    });
}

#[test]
fn who_has_no_password_has_none_to_change() {
    on_every_backend(|world| {
        let guest = world.guest();
        assert_eq!(refused(change(&world, &guest)), Rejection::NoPassword);
        let ada: Held = run(world.engine.sign_up(proven("ada"), cookie(), None)).unwrap().into();
        assert_eq!(refused(change(&world, &ada)), Rejection::NoPassword);
    });
}

#[test]
fn setting_a_password_ends_every_session_and_proves_the_identity() {
    on_every_backend(|world| {
        let held = world.regular("ada");
        assert!(!world.user(held.user).is_verified);
        assert_eq!(run(world.engine.set_password(ada(), NEW)).unwrap(), held.user);

        assert_eq!(world.ended(&held), Some(Rejection::SessionSuperseded));
        assert!(world.user(held.user).is_verified);
        assert_eq!(refused(world.sign_in(password("ada"))), Rejection::Denied);
        assert_eq!(world.sign_in(with_new_password()).unwrap().user, held.user);
    });
}

#[test]
fn setting_a_password_gives_one_to_a_user_who_had_none() {
    on_every_backend(|world| {
        let held: Held = run(world.engine.sign_up(proven("ada"), cookie(), None)).unwrap().into();
        run(world.engine.set_password(ada(), NEW)).unwrap();
        assert_eq!(world.sign_in(with_new_password()).unwrap().user, held.user);
    });
}

#[test]
fn setting_a_password_takes_a_user_who_is_not_locked_out_and_a_good_password() {
    on_every_backend(|world| {
        let set = |new: &str| refused(run(world.engine.set_password(ada(), new)));
        assert_eq!(set(NEW), Rejection::UserUnknown);
        let held = world.regular("ada");
        assert_eq!(set("short"), Rejection::PasswordTooShort);
        assert_eq!(set(&"x".repeat(257)), Rejection::PasswordTooLong);
        run(world.engine.disable(held.user)).unwrap();
        assert_eq!(set(NEW), Rejection::Disabled);
        run(world.engine.delete(held.user)).unwrap();
        assert_eq!(set(NEW), Rejection::UserUnknown);
    });
}

#[test]
fn a_password_is_hashed_anew_when_the_policy_asks_for_more_and_nothing_ends() {
    on_every_backend(|world| {
        let held = world.regular("ada");
        let hash = |world: &World| {
            let account = world.account(held.user);
            let (authenticator, hash) = account.password().unwrap();
            (authenticator.revision, hash.as_phc().to_owned())
        };
        let (revision, before) = hash(&world);
        let params = Argon2Params::new(7168, 5, 1).unwrap();
        let dearer = world.engine_hashing(params);
        let signed_in: Held =
            run(dearer.sign_in(password("ada"), None, cookie(), None)).unwrap().into();

        let (same, after) = hash(&world);
        assert_eq!(same, revision, "the secret is the same");
        assert!(before.contains("m=8,") && after.contains("m=7168,t=5"), "{after}");
        assert_eq!((world.ended(&held), world.ended(&signed_in)), (None, None));
        assert!(world.sign_in(password("ada")).is_ok());
    });
}

/// A password was set that nobody could ever enter, and the user was said to be able to come back by it.
#[test]
fn a_user_without_a_login_id_is_given_no_password() {
    on_every_backend(|world| {
        let account = || ProvenIdentity::oauth("https://issuer.example", "subject").unwrap();
        let signed_up =
            run(world.engine.sign_up(Credential::proven(account()), cookie(), None)).unwrap();
        let answer = run(world.engine.set_password(account(), NEW));
        assert_eq!(refused(answer), Rejection::NoLoginId);
        assert!(!world.user(signed_up.user.id).can_reauthenticate);
    });
}
