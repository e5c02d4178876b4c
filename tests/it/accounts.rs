//! What an account may be, and what it cannot.

use guestpass::model::{
    Account, Commit, Expect, Identity, IdentityKey, IdentityKind, Outcome, Standing, User, UserId,
    Version, Write,
};
use guestpass::store::{CommitError, Lookup};

use crate::support::{Device, Place, World, email, on_every_backend, password, run};

/// A guest without a device key, one with a key, and a regular user who had a key as a guest.
fn cast(world: &World) -> [Account; 3] {
    let (guest, on_device) = (world.guest(), world.guest_on(&Device::new(1)));
    let ada = world.guest_on(&Device::new(2));
    world.promote(&world.by_session(&ada), password("ada")).unwrap();
    [guest, on_device, ada].map(|held| world.account(held.user))
}

/// As it is when it is over, with the keys it had.
fn over(regular: &Account, standing: Standing, outcome: Outcome) -> Account {
    let mut account = regular.clone();
    account.identities.clear();
    account.authenticators.clear();
    account.retired_keys.iter_mut().for_each(|key| key.outcome = outcome);
    account.user.standing = standing;
    account.user.is_verified = false;
    account.user.can_reauthenticate = false;
    account
}

fn login_id(like: &Identity, name: &str) -> Identity {
    Identity { kind: IdentityKind::LoginId(email(name)), ..like.clone() }
}

#[test]
fn an_account_has_sixteen_of_each_and_no_more() {
    let [_, _, regular] = cast(&World::new(Place::Memory));
    let mut full = regular.clone();
    full.identities =
        (0..16).map(|n| login_id(&regular.identities[0], &format!("ada{n}"))).collect();
    full.authenticators = vec![regular.authenticators[0].clone(); 16];
    full.retired_keys = vec![regular.retired_keys[0].clone(); 16];
    assert_eq!(full.check(), Ok(()));

    let told = Err("a user has more identities, authenticators or keys than the limit");
    let one_more: [fn(&mut Account); 3] = [
        |account| account.identities.push(account.identities[0].clone()),
        |account| account.authenticators.push(account.authenticators[0].clone()),
        |account| account.retired_keys.push(account.retired_keys[0].clone()),
    ];
    for one_more in one_more {
        let mut account = full.clone();
        one_more(&mut account);
        assert_eq!(account.check(), told);
    }
}

#[test]
fn what_an_anonymous_user_has_says_that_it_is_one() {
    let [guest, on_device, regular] = cast(&World::new(Place::Memory));
    let told = |guest: &Account, change: &dyn Fn(&mut Account)| {
        let mut account = guest.clone();
        assert_eq!(account.check(), Ok(()));
        change(&mut account);
        account.check()
    };
    let other = &login_id(&regular.identities[0], "eve");

    let identity = Err("an anonymous user has exactly one identity, the anonymous one");
    assert_eq!(told(&guest, &|it| it.identities.clear()), identity);
    assert_eq!(told(&guest, &|it| it.identities = vec![other.clone()]), identity);
    assert_eq!(told(&guest, &|it| it.identities.push(other.clone())), identity);

    let bare = Err("an anonymous user has no authenticator");
    assert_eq!(told(&guest, &|it| it.authenticators = regular.authenticators.clone()), bare);

    let end = Err("an anonymous user has either a device key or an end");
    assert_eq!(told(&guest, &|it| it.user.ends_at = None), end);
    assert_eq!(told(&on_device, &|it| it.user.ends_at = guest.user.ends_at), end);

    let retired = Err("a retired key tells another outcome than the user's standing");
    assert_eq!(told(&on_device, &|it| it.retired_keys = regular.retired_keys.clone()), retired);

    let verified = Err("the root record and the identities disagree on whether it is verified");
    assert_eq!(told(&guest, &|it| it.user.is_verified = true), verified);
    // Proof of having a device is none of having an address.
    let prove = |it: &mut Account| it.identities[0].proven_at = Some(it.user.created_at);
    assert_eq!(told(&guest, &prove), Ok(()));
}

#[test]
fn what_a_regular_user_has_says_that_it_is_one() {
    let [guest, _, regular] = cast(&World::new(Place::Memory));
    let told = |change: &dyn Fn(&mut Account)| {
        let mut account = regular.clone();
        change(&mut account);
        account.check()
    };

    let identity = Err("a regular user has an identity, and none is anonymous");
    assert_eq!(told(&|it| it.identities.clear()), identity);
    assert_eq!(told(&|it| it.identities.push(guest.identities[0].clone())), identity);

    let retired = Err("a retired key tells another outcome than the user's standing");
    assert_eq!(told(&|it| it.retired_keys[0].outcome = Outcome::Merged), retired);

    let end = Err("only an anonymous user has an end");
    assert_eq!(told(&|it| it.user.ends_at = guest.user.ends_at), end);

    let verified = Err("the root record and the identities disagree on whether it is verified");
    assert_eq!(told(&|it| it.user.is_verified = true), verified);
    let prove = |it: &mut Account| it.identities[0].proven_at = Some(it.user.created_at);
    assert_eq!(told(&prove), verified);

    let authenticators = Err("the root record and the authenticators disagree");
    assert_eq!(told(&|it| it.authenticators.clear()), authenticators);
    assert_eq!(told(&|it| it.user.can_reauthenticate = false), authenticators);
}

#[test]
fn of_a_user_who_is_over_nothing_is_left_but_its_retired_keys() {
    let [guest, _, regular] = cast(&World::new(Place::Memory));
    let into = guest.user.id;
    let all = [
        over(&regular, Standing::Merged { into }, Outcome::Merged),
        over(&regular, Standing::Deleted, Outcome::Deleted),
    ];
    for account in all {
        assert_eq!(account.check(), Ok(()));
        let left = Err("a user that is over has neither identities nor authenticators");
        let identities = regular.identities.clone();
        assert_eq!(Account { identities, ..account.clone() }.check(), left);
        let authenticators = regular.authenticators.clone();
        assert_eq!(Account { authenticators, ..account.clone() }.check(), left);
        let retired = Err("a retired key tells another outcome than the user's standing");
        let retired_keys = regular.retired_keys.clone();
        assert_eq!(Account { retired_keys, ..account.clone() }.check(), retired);
        let mut with_an_end = account;
        with_an_end.user.ends_at = guest.user.ends_at;
        assert_eq!(with_an_end.check(), Err("only an anonymous user has an end"));
    }

    let into = regular.user.id;
    let itself = over(&regular, Standing::Merged { into }, Outcome::Merged);
    assert_eq!(itself.check(), Err("a user is not merged into itself"));

    // A guest who could be collected had no key.
    let mut collected = over(&regular, Standing::Collected, Outcome::Deleted);
    let retired = Err("a retired key tells another outcome than the user's standing");
    assert_eq!(collected.check(), retired);
    collected.retired_keys.clear();
    assert_eq!(collected.check(), Ok(()));
}

#[test]
fn a_commit_leads_on_from_where_it_expects_the_user_only() {
    let [guest, _, regular] = cast(&World::new(Place::Memory));
    let user = &regular.user;
    let commit = |expect| Commit {
        user: user.id,
        expect,
        also: None,
        writes: Vec::new(),
        events: Vec::new(),
    };
    let after = |expect| Account::after(Some(&regular), &commit(expect));
    assert_eq!(after(Expect::At(user.version)), Some(regular.clone()), "nothing was written");
    assert_eq!(after(Expect::At(user.version.next())), None);
    assert_eq!(after(Expect::Epoch(user.epoch)), Some(regular.clone()));
    assert_eq!(after(Expect::Epoch(guest.user.epoch)), None);
    assert_eq!(after(Expect::Absent), None);

    let touch = Write::PutUser(user.clone());
    let touched = Commit { writes: vec![touch.clone()], ..commit(Expect::At(user.version)) };
    let version = Account::after(Some(&regular), &touched).unwrap().user.version;
    assert_eq!(version, user.version.next());
    assert_eq!(Account::after(Some(&guest), &touched), None, "that is another user");
    let rename = Commit { user: guest.user.id, ..touched };
    assert_eq!(Account::after(Some(&guest), &rename), None, "a root record keeps its ID");

    let opened = Commit { writes: vec![touch], ..commit(Expect::Absent) };
    assert_eq!(Account::after(None, &opened).unwrap().user.version, Version::FIRST);
    assert_eq!(Account::after(None, &commit(Expect::Absent)), None, "there is no root record");
    assert_eq!(Account::after(None, &commit(Expect::At(user.version))), None);
}

/// A store writes the root record first, wherever it stands, and must not take another user's for it.
#[test]
fn no_commit_puts_the_root_record_of_another_user() {
    on_every_backend(|world| {
        let [guest, other, _] = cast(&world);
        assert_eq!(guest.user.version, other.user.version, "only the ID tells them apart");
        let before = [&guest, &other].map(|account| world.account(account.user.id));
        let put = Write::PutUser(other.user.clone());
        let drop = Write::DropIdentity(IdentityKey::Anonymous);
        let bare =
            Identity { kind: IdentityKind::Anonymous { key: None }, ..guest.identities[0].clone() };
        let new = UserId::from_bytes([7; 16]);
        let at = Expect::At(guest.user.version);
        for (user, expect, writes) in [
            (guest.user.id, at, vec![put.clone()]),
            (guest.user.id, at, vec![put.clone(), drop]),
            (new, Expect::Absent, vec![put.clone()]),
            (new, Expect::Absent, vec![put, Write::PutIdentity(bare)]),
        ] {
            let commit = Commit { user, expect, also: None, writes, events: Vec::new() };
            let answer = run(world.backend.users().commit(&commit));
            assert!(matches!(answer, Err(CommitError::Held | CommitError::Stale)), "{answer:?}");
            assert_eq!(before, [&guest, &other].map(|account| world.account(account.user.id)));
            assert!(run(world.backend.users().load(Lookup::User(new))).unwrap().is_none());
        }
    });
}

#[test]
fn the_root_record_of_a_new_user_may_stand_anywhere() {
    on_every_backend(|world| {
        let [guest, ..] = cast(&world);
        let user = UserId::from_bytes([7; 16]);
        let record = User { id: user, ..guest.user.clone() };
        let writes =
            vec![Write::PutIdentity(guest.identities[0].clone()), Write::PutUser(record.clone())];
        let commit =
            Commit { user, expect: Expect::Absent, also: None, writes, events: Vec::new() };
        run(world.backend.users().commit(&commit)).unwrap();
        let expected = Account { user: User { version: Version::FIRST, ..record }, ..guest };
        assert_eq!(world.account(user), expected);
    });
}
