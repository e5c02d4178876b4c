//! Identities that the host has proven: they belong to who has proven them, not to who only claimed them.

use guestpass::model::{EventKind, Method, ProvenIdentity};
use guestpass::rules::OnConflict;
use guestpass::{Credential, Policy, Rejection, SignInOutcome};

use crate::support::{
    Held, World, cookie, email, on_every_backend, on_every_backend_with, password, proven, refused,
    run,
};

fn login(policy: &mut Policy) {
    policy.anonymous.on_conflict = OnConflict::Login;
}

fn ada() -> ProvenIdentity {
    ProvenIdentity::login_id(email("ada"))
}

#[test]
fn a_proven_login_id_signs_in_whoever_has_it() {
    on_every_backend(|world| {
        let ada: Held = run(world.engine.sign_up(proven("ada"), cookie(), None)).unwrap().into();
        let before = world.account(ada.user);
        let again = world.sign_in(proven("ada")).unwrap();
        assert_eq!((again.user, again.outcome), (ada.user, SignInOutcome::SignedIn));
        assert_eq!(again.session.method, Method::ProvenIdentity);
        assert_eq!(world.ended(&ada), None);
        assert_eq!(world.account(ada.user), before);
    });
}

/// Somebody had signed up with another's address and a password, and waited. When the owner of the
/// address came by a link in the host's mail, both had the account: the session and the password of the
/// one who had only claimed it went on.
#[test]
fn who_proves_a_login_id_has_the_account_alone() {
    type Arrive = fn(&World) -> Held;
    let arrivals: [(Arrive, SignInOutcome); 3] = [
        (|world| world.sign_in(proven("ada")).unwrap(), SignInOutcome::SignedIn),
        (
            |world| run(world.engine.sign_up(proven("ada"), cookie(), None)).unwrap().into(),
            SignInOutcome::SignedIn,
        ),
        (
            |world| {
                let guest = world.guest();
                let owner = world.promote(&world.by_session(&guest), proven("ada")).unwrap();
                assert_eq!(owner.outcome, SignInOutcome::Merged { guest: guest.user });
                assert_eq!(world.ended(&guest), Some(Rejection::SessionSuperseded));
                Held { outcome: SignInOutcome::SignedIn, ..owner }
            },
            SignInOutcome::SignedIn,
        ),
    ];
    for (arrive, outcome) in arrivals {
        on_every_backend_with(login, |world| {
            let claimant = world.regular("ada");
            let owner = arrive(&world);
            assert_eq!((owner.user, owner.outcome), (claimant.user, outcome));
            assert_eq!(world.ended(&owner), None);
            assert_eq!(world.ended(&claimant), Some(Rejection::SessionSuperseded));
            assert_eq!(refused(world.sign_in(password("ada"))), Rejection::Denied);
            let account = world.account(owner.user);
            assert!(account.user.is_verified && account.authenticators.is_empty());
            let told = world.history(owner.user);
            assert!(told.contains(&EventKind::IdentityProven), "{told:?}");
            assert!(told.contains(&EventKind::PasswordRemoved), "{told:?}");
        });
    }
}

#[test]
fn a_guest_who_signs_in_by_a_proven_login_id_is_merged_into_an_account_of_its_own() {
    on_every_backend_with(login, |world| {
        let claimant = world.regular("ada");
        let guest = world.guest();
        let shown = world.by_session(&guest);
        let signed_in = run(world.engine.sign_in(proven("ada"), Some(&shown), cookie(), None));
        let owner: Held = signed_in.unwrap().into();
        assert_eq!(owner.outcome, SignInOutcome::Merged { guest: guest.user });
        assert_eq!(world.ended(&claimant), Some(Rejection::SessionSuperseded));
        assert_eq!(world.ended(&owner), None);
    });
}

#[test]
fn by_error_a_guest_with_a_proven_login_id_changes_nothing() {
    on_every_backend(|world| {
        let claimant = world.regular("ada");
        let guest = world.guest();
        let before = (world.account(claimant.user), world.account(guest.user), world.events());
        let shown = world.by_session(&guest);
        let answer = run(world.engine.sign_in(proven("ada"), Some(&shown), cookie(), None));
        assert_eq!(refused(answer), Rejection::IdentityTaken);
        let after = (world.account(claimant.user), world.account(guest.user), world.events());
        assert_eq!(before, after);
        assert_eq!(world.ended(&claimant), None);
    });
}

#[test]
fn what_is_set_up_after_the_proof_stays() {
    on_every_backend(|world| {
        world.regular("ada");
        world.sign_in(proven("ada")).unwrap();
        run(world.engine.set_password(ada(), "a password of her own")).unwrap();
        let own = Credential::password(email("ada"), "a password of her own");
        let held = world.sign_in(own).unwrap();
        world.sign_in(proven("ada")).unwrap();
        assert_eq!(world.ended(&held), None);
    });
}

#[test]
fn a_disabled_user_is_not_taken_over() {
    on_every_backend(|world| {
        let claimant = world.regular("ada");
        run(world.engine.disable(claimant.user)).unwrap();
        let before = world.account(claimant.user);
        assert_eq!(refused(world.sign_in(proven("ada"))), Rejection::Disabled);
        assert_eq!(world.account(claimant.user), before);
    });
}

#[test]
fn who_is_signed_in_proves_a_login_id_and_keeps_everything() {
    on_every_backend(|world| {
        let held = world.regular("ada");
        let other = world.sign_in(password("ada")).unwrap();
        run(world.engine.confirm_identity(&held.token, &ada())).unwrap();
        assert!(world.user(held.user).is_verified);
        assert_eq!((world.ended(&held), world.ended(&other)), (None, None));
        world.sign_in(password("ada")).unwrap();
        world.sign_in(proven("ada")).unwrap();
        assert_eq!(world.ended(&held), None);

        let before = (world.account(held.user), world.events());
        run(world.engine.confirm_identity(&held.token, &ada())).unwrap();
        assert_eq!((world.account(held.user), world.events()), before);
        let told = world.history(held.user);
        assert_eq!(told.iter().filter(|kind| **kind == EventKind::IdentityProven).count(), 1);
    });
}

#[test]
fn nobody_confirms_what_is_not_theirs() {
    on_every_backend(|world| {
        let eve = world.regular("eve");
        let owner = world.regular("ada");
        for held in [&eve, &world.guest()] {
            let answer = run(world.engine.confirm_identity(&held.token, &ada()));
            assert_eq!(refused(answer), Rejection::UserUnknown);
        }
        assert!(!world.user(owner.user).is_verified);
    });
}
