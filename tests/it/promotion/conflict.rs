//! The identity is another user's: refused, or the guest is merged into that user.

use guestpass::model::{EventKind, Method, ProvenIdentity, Standing};
use guestpass::rules::OnConflict;
use guestpass::{Credential, Policy, Rejection, SignInOutcome};

use crate::support::{
    Device, Held, World, cookie, email, on_every_backend, on_every_backend_with, password, proven,
    refused, run,
};

fn login(policy: &mut Policy) {
    policy.anonymous.on_conflict = OnConflict::Login;
}

#[test]
fn by_error_nothing_changes_and_the_guest_stays_usable() {
    on_every_backend(|world| {
        let owner = world.regular("ada");
        let guest = world.guest();
        let before = (world.account(owner.user), world.account(guest.user), world.events());
        for credential in [password("ada"), proven("ada")] {
            let answer = world.promote(&world.by_session(&guest), credential);
            assert_eq!(refused(answer), Rejection::IdentityTaken);
        }
        let after = (world.account(owner.user), world.account(guest.user), world.events());
        assert_eq!(before, after);
        assert_eq!(world.ended(&guest), None);
        let promoted = world.promote(&world.by_session(&guest), password("grace")).unwrap();
        assert_eq!(promoted.user, guest.user);
    });
}

#[test]
fn by_error_a_guest_cannot_sign_in_as_another_user() {
    on_every_backend(|world| {
        let owner = world.regular("ada");
        let guest = world.guest();
        let proof = world.by_session(&guest);
        let answer = run(world.engine.sign_in(password("ada"), Some(&proof), cookie(), None));
        assert_eq!(refused(answer), Rejection::IdentityTaken);
        assert_eq!((world.ended(&guest), world.ended(&owner)), (None, None));
    });
}

#[test]
fn by_login_the_guest_is_merged_and_the_person_signed_in_as_the_other() {
    on_every_backend_with(login, |world| {
        let owner = world.regular("ada");
        let device = Device::new(1);
        let guest = world.guest_on(&device);
        let merged = world.promote(&world.by_key(&device), password("ada")).unwrap();

        assert_eq!(merged.user, owner.user);
        assert_eq!(merged.outcome, SignInOutcome::Merged { guest: guest.user });
        assert_eq!(world.user(guest.user).standing, Standing::Merged { into: owner.user });
        assert_eq!(world.ended(&guest), Some(Rejection::SessionSuperseded));
        assert_eq!((world.ended(&merged), world.ended(&owner)), (None, None));
        assert_eq!(
            world.history(guest.user).last(),
            Some(&EventKind::Merged { into: owner.user }),
            "the event names both"
        );
        let signed_in =
            EventKind::SignedIn { session: Some(merged.session.id), method: Method::Password };
        assert_eq!(world.history(owner.user).last(), Some(&signed_in));
        assert_eq!(refused(world.sign_in_on(&device)), Rejection::AlreadyMerged);
    });
}

#[test]
fn by_login_a_guest_who_signs_in_is_merged_too() {
    on_every_backend_with(login, |world| {
        let owner = world.regular("ada");
        let guest = world.guest();
        let proof = world.by_session(&guest);
        let merged: Held = run(world.engine.sign_in(password("ada"), Some(&proof), cookie(), None))
            .unwrap()
            .into();
        assert_eq!(merged.outcome, SignInOutcome::Merged { guest: guest.user });
        assert_eq!(world.user(guest.user).standing, Standing::Merged { into: owner.user });
    });
}

#[test]
fn by_login_without_the_other_users_credential_nothing_changes() {
    on_every_backend_with(login, |world| {
        world.regular("ada");
        let guest = world.guest();
        let before = (world.account(guest.user), world.events());
        let proof = world.by_session(&guest);
        let wrong = Credential::password(email("ada"), "another password");
        assert_eq!(refused(world.promote(&proof, wrong)), Rejection::Denied);
        let wrong = Credential::password(email("ada"), "another password");
        let answer = run(world.engine.sign_in(wrong, Some(&proof), cookie(), None));
        assert_eq!(refused(answer), Rejection::Denied);
        assert_eq!((world.account(guest.user), world.events()), before);
        assert_eq!(world.ended(&guest), None);
    });
}

#[test]
fn a_merge_asked_for_twice_is_a_sign_in_as_the_other_user() {
    on_every_backend_with(login, |world| {
        let owner = world.regular("ada");
        let device = Device::new(1);
        world.guest_on(&device);
        world.promote(&world.by_key(&device), password("ada")).unwrap();
        let again = world.promote(&world.by_key(&device), password("ada")).unwrap();
        assert_eq!((again.user, again.outcome), (owner.user, SignInOutcome::SignedIn));

        let proof = world.by_key(&device);
        assert_eq!(refused(world.promote(&proof, password("new"))), Rejection::AlreadyMerged);
        let wrong = Credential::password(email("ada"), "another password");
        assert_eq!(refused(world.promote(&proof, wrong)), Rejection::AlreadyMerged);
    });
}

#[test]
fn a_guest_is_not_merged_into_a_disabled_user() {
    on_every_backend_with(login, |world| {
        let owner = world.regular("ada");
        run(world.engine.disable(owner.user)).unwrap();
        let guest = world.guest();
        let answer = world.promote(&world.by_session(&guest), password("ada"));
        assert_eq!(refused(answer), Rejection::Disabled);
        assert_eq!(world.ended(&guest), None);
    });
}

#[test]
fn who_was_promoted_can_be_merged_into() {
    on_every_backend_with(login, |world| {
        let first = world.promoted("ada");
        let second = world.guest();
        let merged = world.promote(&world.by_session(&second), password("ada")).unwrap();
        assert_eq!(merged.user, first.user);
    });
}

#[test]
fn an_account_elsewhere_belongs_to_one_user() {
    on_every_backend(|world| {
        let oauth =
            || Credential::proven(ProvenIdentity::oauth("https://accounts.example", "42").unwrap());
        let first = world.guest();
        world.promote(&world.by_session(&first), oauth()).unwrap();
        let second = world.guest();
        let answer = world.promote(&world.by_session(&second), oauth());
        assert_eq!(refused(answer), Rejection::IdentityTaken);
    });
}

#[test]
fn a_deleted_user_leaves_its_login_id_to_others() {
    on_every_backend(|world: World| {
        let owner = world.regular("ada");
        run(world.engine.delete(owner.user)).unwrap();
        let guest = world.guest();
        let promoted = world.promote(&world.by_session(&guest), password("ada")).unwrap();
        assert_eq!(promoted.user, guest.user);
    });
}
