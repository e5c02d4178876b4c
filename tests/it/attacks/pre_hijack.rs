//! Accounts that are prepared for their owner before the owner comes (Sudhodanan and Paverd, 2022): in
//! the end whoever prepared one holds nothing of it, in either order.

use guestpass::engine::FlowStart;
use guestpass::model::{LoginId, LoginIdType, ProvenIdentity, UserId};
use guestpass::rules::OnConflict;
use guestpass::{Credential, Rejection};

use crate::support::{
    Device, Held, PASSWORD, World, code_for, cookie, on_every_backend, on_every_backend_with,
    refresh, refused, run,
};

/// The login ID of the one whom the account is prepared for, of each type.
fn login_ids() -> [LoginId; 3] {
    [
        (LoginIdType::Email, "victim@example.com"),
        (LoginIdType::Phone, "+85223456789"),
        (LoginIdType::Username, "victim"),
    ]
    .map(|(kind, text)| LoginId::parse(kind, text).unwrap())
}

fn by_password(login_id: &LoginId) -> Credential {
    Credential::password(login_id.clone(), PASSWORD)
}

fn by_proof(login_id: &LoginId) -> Credential {
    Credential::proven(ProvenIdentity::login_id(login_id.clone()))
}

/// What somebody has who was promoted or signed up under a login ID that is not his.
struct Planted {
    user: UserId,
    session: Held,
    access_token: String,
    code: String,
}

fn plant(world: &World, login_id: &LoginId, as_guest: bool) -> Planted {
    let session = if as_guest {
        let guest = world.guest();
        world.promote(&world.by_session(&guest), by_password(login_id)).unwrap()
    } else {
        run(world.engine.sign_up(by_password(login_id), cookie(), None)).unwrap().into()
    };
    let tokens = run(world.engine.sign_in(by_password(login_id), None, refresh("app"), None));
    let access_token = world.access_token(&tokens.unwrap().into());
    let code = run(world.engine.sign_in(by_password(login_id), None, code_for("app"), None));
    Planted { user: session.user, session, access_token, code: World::issued(code.unwrap()) }
}

impl Planted {
    #[track_caller]
    fn is_worthless(&self, world: &World, login_id: &LoginId) {
        assert_eq!(world.ended(&self.session), Some(Rejection::SessionSuperseded));
        assert!(run(world.engine.authenticate_access(&self.access_token)).is_err());
        assert!(world.redeem(&self.code, "app").is_err());
        assert_eq!(refused(world.sign_in(by_password(login_id))), Rejection::Denied);
        let guest = world.guest();
        let again = world.promote(&world.by_session(&guest), by_password(login_id));
        assert!(again.is_err(), "a guest of his is let in instead");
    }
}

/// Somebody signed up under an address that nobody had proven, with a password, and waited. When its
/// owner came with a proof of the address, the two shared the account from then on: the password went on
/// working, and so did the sessions.
#[test]
fn attack_55_who_proves_a_login_id_takes_it_from_who_only_named_it() {
    on_every_backend(|world| {
        for (number, login_id) in login_ids().into_iter().enumerate() {
            let planted = plant(&world, &login_id, number % 2 == 0);
            let owner = world.sign_in(by_proof(&login_id)).unwrap();
            assert_eq!(owner.user, planted.user);
            assert_eq!(world.ended(&owner), None);
            planted.is_worthless(&world, &login_id);
            let account = world.account(owner.user);
            assert!(account.user.is_verified && account.authenticators.is_empty());
            // Once proven, the user is nobody else's, and another proof ends nothing.
            let again = world.sign_in(by_proof(&login_id)).unwrap();
            assert_eq!((world.ended(&owner), world.ended(&again)), (None, None));
        }
    });
}

#[test]
fn attack_55_at_every_door_the_owner_comes_by() {
    let login = |policy: &mut guestpass::Policy| policy.anonymous.on_conflict = OnConflict::Login;
    on_every_backend_with(login, |world| {
        let [signs_up, promotes, signs_in] = login_ids();
        let planted = plant(&world, &signs_up, true);
        let owner: Held =
            run(world.engine.sign_up(by_proof(&signs_up), cookie(), None)).unwrap().into();
        assert_eq!((owner.user, world.ended(&owner)), (planted.user, None));
        planted.is_worthless(&world, &signs_up);

        // As a guest who turns out to be the user.
        let planted = plant(&world, &promotes, false);
        let guest = world.guest();
        let owner = world.promote(&world.by_session(&guest), by_proof(&promotes)).unwrap();
        assert_eq!((owner.user, world.ended(&owner)), (planted.user, None));
        planted.is_worthless(&world, &promotes);

        let planted = plant(&world, &signs_in, true);
        let guest = world.by_session(&world.guest());
        let owner = run(world.engine.sign_in(by_proof(&signs_in), Some(&guest), cookie(), None));
        let owner: Held = owner.unwrap().into();
        assert_eq!((owner.user, world.ended(&owner)), (planted.user, None));
        planted.is_worthless(&world, &signs_in);
    });
}

/// The other order: what its owner has proven is nobody's to name.
#[test]
fn attack_55_a_login_id_that_its_owner_has_proven_is_not_prepared() {
    for on_conflict in [OnConflict::Error, OnConflict::Login] {
        let policy = |policy: &mut guestpass::Policy| policy.anonymous.on_conflict = on_conflict;
        on_every_backend_with(policy, |world| {
            for login_id in login_ids() {
                let owner: Held =
                    run(world.engine.sign_up(by_proof(&login_id), cookie(), None)).unwrap().into();
                let before = world.account(owner.user);
                let named = by_password(&login_id);
                let answer = run(world.engine.sign_up(named, cookie(), None));
                assert_eq!(refused(answer), Rejection::IdentityTaken);
                let guest = world.guest();
                let answer = world.promote(&world.by_session(&guest), by_password(&login_id));
                assert!(matches!(refused(answer), Rejection::IdentityTaken | Rejection::Denied));
                assert_eq!(world.ended(&guest), None);
                assert_eq!((world.account(owner.user), world.ended(&owner)), (before, None));
            }
        });
    }
}

/// Recovery: the host has proven the login ID and gives it a new password.
#[test]
fn attack_55_a_new_password_by_proof_leaves_nothing_to_who_was_there_before() {
    on_every_backend(|world| {
        for login_id in login_ids() {
            let planted = plant(&world, &login_id, true);
            let identity = ProvenIdentity::login_id(login_id.clone());
            run(world.engine.set_password(identity, "the owner's own")).unwrap();
            planted.is_worthless(&world, &login_id);
            let own = Credential::password(login_id, "the owner's own");
            assert_eq!(world.sign_in(own).unwrap().user, planted.user);
        }
    });
}

/// A way in that was prepared on the guest: after the promotion there is one, that which was proven.
#[test]
fn attack_55_a_promoted_guest_has_no_way_in_but_the_new_one() {
    on_every_backend(|world| {
        let device = Device::new(1);
        world.guest_on(&device);
        let [email, ..] = login_ids();
        let owner = world.promote(&world.by_key(&device), by_proof(&email)).unwrap();
        let account = world.account(owner.user);
        assert_eq!(account.identities.len(), 1);
        assert!(account.authenticators.is_empty() && account.device_key().is_none());
        assert_eq!(refused(world.sign_in_on(&device)), Rejection::AlreadyPromoted);
    });
}

/// A change that was begun on the guest and left to lie until its owner has come.
#[test]
fn attacks_55_and_58_a_flow_that_was_left_open_changes_nobody_who_was_promoted_since() {
    on_every_backend(|world| {
        let guest = world.guest();
        let code = run(world.engine.promotion_code(&guest.token)).unwrap();
        let flow = run(world.engine.open_flow(FlowStart::PromotionCode(&code.text), &[])).unwrap();
        let [victim, _, other] = login_ids();
        let owner = world.promote(&world.by_session(&guest), by_proof(&victim)).unwrap();
        let before = world.account(owner.user);
        let left = world.engine.flow(&flow.ticket.text).unwrap().guest.unwrap();
        assert_eq!(refused(world.promote(&left, by_password(&other))), Rejection::AlreadyPromoted);
        assert_eq!((world.account(owner.user), world.ended(&owner)), (before, None));
    });
}

/// Another provider's word on an address is no identity: issuer and subject are.
#[test]
fn attacks_55_61_and_62_an_account_elsewhere_meets_no_login_id_and_no_other_issuer() {
    on_every_backend(|world| {
        let [email, ..] = login_ids();
        let owner: Held =
            run(world.engine.sign_up(by_proof(&email), cookie(), None)).unwrap().into();
        let elsewhere = |issuer| {
            Credential::proven(ProvenIdentity::oauth(issuer, "victim@example.com").unwrap())
        };
        for issuer in ["https://idp.example", "https://idp.example/", "https://evil.example"] {
            assert_eq!(refused(world.sign_in(elsewhere(issuer))), Rejection::UserUnknown);
            let guest = world.guest();
            let promoted = world.promote(&world.by_session(&guest), elsewhere(issuer)).unwrap();
            assert_eq!(promoted.user, guest.user);
            assert_ne!(promoted.user, owner.user);
        }
        assert_eq!(world.ended(&owner), None);
    });
}
