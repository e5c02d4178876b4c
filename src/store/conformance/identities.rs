//! Laws about what belongs to whom: identities, device keys, authenticators.

use crate::model::{
    Account, Commit, DeviceKey, Identity, IdentityKey, KeyId, KeyName, LoginIdType, Outcome,
    Standing, Thumbprint, User, Write,
};
use crate::store::conformance::commits::{assert_held, assert_stale};
use crate::store::conformance::run::all;
use crate::store::conformance::sample::{
    alter, anonymous, assert_kept, change, deletion, events, guest, keep, key, key_guest, login_id,
    member, oauth, password, promotion, record, retired, username,
};
use crate::store::{CommitError, Lookup, UserStore};

/// An identity belongs to at most one user; a commit that wants another's writes nothing at all.
pub async fn a_held_identity_is_refused_whole(store: &dyn UserStore) {
    let holder = keep(store, &member(1, &[username("name"), oauth("issuer", "subject")])).await;
    let account = keep(store, &guest(2)).await;
    let told = events(store).await;
    assert_held(store, &promotion(&account, "name")).await;
    let writes = vec![
        Write::PutUser(User { is_disabled: true, ..account.user.clone() }),
        Write::PutIdentity(oauth("issuer", "subject")),
    ];
    assert_held(store, &change(&account, writes)).await;
    assert_held(store, &member(3, &[username("free"), username("name")])).await;
    assert_kept(store, &account).await;
    assert_kept(store, &holder).await;
    let free = store.load(Lookup::Identity(&username("free").key())).await;
    assert_eq!(free.expect("it can be read"), None);
    assert_eq!(events(store).await, told, "a refused commit leaves no event");
}

/// Of many users who want one identity, exactly one gets it.
pub async fn one_of_many_users_gets_an_identity(store: &dyn UserStore) {
    let mut commits = Vec::new();
    for number in 1..=8 {
        let account = keep(store, &guest(number)).await;
        commits.push(promotion(&account, "name"));
    }
    let outcomes = all(commits.iter().map(|commit| store.commit(commit)).collect()).await;
    let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let held = outcomes.iter().filter(|outcome| matches!(outcome, Err(CommitError::Held))).count();
    assert_eq!((won, held), (1, 7), "one wins, the others are told why");
}

/// An identity that was dropped may become anybody's.
pub async fn a_dropped_identity_is_free(store: &dyn UserStore) {
    let mut account = keep(store, &member(1, &[username("one"), username("two")])).await;
    let commit = change(&account, vec![Write::DropIdentity(username("one").key())]);
    alter(store, &mut account, &commit).await;
    assert_kept(store, &account).await;
    let other = keep(store, &member(2, &[username("one")])).await;
    assert_kept(store, &other).await;
}

/// A drop of what another user has does nothing to it.
pub async fn a_drop_leaves_others_alone(store: &dyn UserStore) {
    let holder = keep(store, &member(1, &[username("name"), oauth("issuer", "name")])).await;
    let guest = keep(store, &key_guest(3)).await;
    let mut account = keep(store, &member(2, &[username("other")])).await;
    let writes = vec![
        Write::DropIdentity(username("name").key()),
        Write::DropIdentity(oauth("issuer", "name").key()),
        Write::DropIdentity(IdentityKey::Anonymous),
        Write::DropAuthenticator(password(1).id),
    ];
    let commit = change(&account, writes);
    alter(store, &mut account, &commit).await;
    for kept in [&holder, &guest, &account] {
        assert_kept(store, kept).await;
    }
}

/// An authenticator of another user stays as it is, whether or not its ID can be had twice.
pub async fn an_authenticator_of_another_is_left_alone(store: &dyn UserStore) {
    let holder = keep(store, &member(1, &[username("one")])).await;
    let account = keep(store, &member(2, &[username("two")])).await;
    let commit = change(&account, vec![Write::PutAuthenticator(password(1))]);
    match store.commit(&commit).await {
        Ok(()) => {
            let after = Account::after(Some(&account), &commit).expect("it changes the account");
            assert_kept(store, &after).await;
        }
        Err(CommitError::Held) => assert_kept(store, &account).await,
        Err(error @ (CommitError::Stale | CommitError::Store(_))) => panic!("{error:?}"),
    }
    assert_kept(store, &holder).await;
}

/// Identities differ by their type, their issuer and their name, each compared byte by byte.
pub async fn identities_differ_by_every_part(store: &dyn UserStore) {
    let different = [
        username("name"),
        username("Name"),
        username("name "),
        username("na\0me"),
        username("na"),
        username(""),
        login_id(LoginIdType::Email, "name"),
        login_id(LoginIdType::Phone, "name"),
        oauth("issuer", "name"),
        oauth("issuern", "ame"),
        oauth("Issuer", "name"),
    ];
    let mut accounts = Vec::new();
    for (number, identity) in (1..).zip(different) {
        accounts.push(keep(store, &member(number, &[identity])).await);
    }
    for account in &accounts {
        assert_kept(store, account).await;
    }
}

/// Every user may have the anonymous identity, and nobody is found by it.
pub async fn the_anonymous_identity_finds_nobody(store: &dyn UserStore) {
    for commit in [guest(1), guest(2), key_guest(3)] {
        let account = keep(store, &commit).await;
        assert_kept(store, &account).await;
    }
    let found = store.load(Lookup::Identity(&IdentityKey::Anonymous)).await;
    assert_eq!(found.expect("it can be read"), None);
}

/// A device key is found by its thumbprint and by its `kid`, and an unknown one is not.
pub async fn a_key_is_found_by_both_names(store: &dyn UserStore) {
    let account = keep(store, &key_guest(1)).await;
    assert_kept(store, &account).await;
    let other = key(2);
    for name in [
        KeyName::Thumbprint(&other.thumbprint),
        KeyName::Kid(other.kid.as_str()),
        KeyName::Kid(""),
        KeyName::Kid("device-key-1 "),
    ] {
        assert_eq!(store.key(name).await.expect("absence is no failure"), None);
    }
}

/// A thumbprint belongs to at most one user, and so does a `kid`.
pub async fn a_held_key_is_refused(store: &dyn UserStore) {
    let holder = keep(store, &key_guest(1)).await;
    for taken in same_name_as(&key(1)) {
        assert_held(store, &with_key(2, taken.clone())).await;
        assert_held(store, &retiring(2, taken)).await;
    }
    assert_kept(store, &holder).await;
    let nobody = store.user(crate::model::UserId::from_bytes([2; 16])).await;
    assert_eq!(nobody.expect("it can be read"), None);
}

/// Both names of a retired key stay taken, for its own user as well.
pub async fn a_retired_key_stays_taken(store: &dyn UserStore) {
    let mut account = keep(store, &key_guest(1)).await;
    let commit = promotion(&account, "name");
    alter(store, &mut account, &commit).await;
    for taken in same_name_as(&key(1)) {
        assert_held(store, &with_key(2, taken.clone())).await;
        assert_held(store, &retiring(2, taken.clone())).await;
        let back = vec![Write::PutIdentity(anonymous(Some(taken)))];
        assert_held(store, &change(&account, back)).await;
    }
    assert_kept(store, &account).await;
}

/// A key may be retired before or after the identity that has it is dropped, in one commit.
pub async fn a_key_is_retired_before_or_after_the_drop(store: &dyn UserStore) {
    for (number, retire_first) in [(1, true), (2, false)] {
        let mut account = keep(store, &key_guest(number)).await;
        let mut commit = promotion(&account, &format!("name-{number}"));
        if retire_first {
            commit.writes.reverse();
        }
        alter(store, &mut account, &commit).await;
        assert_eq!(account.retired_keys.len(), 1);
        assert_kept(store, &account).await;
    }
}

/// A retired key tells what became of its user, also when that changes.
pub async fn a_retired_key_tells_the_outcome(store: &dyn UserStore) {
    let mut promoted = keep(store, &key_guest(1)).await;
    let commit = promotion(&promoted, "name");
    alter(store, &mut promoted, &commit).await;
    assert_kept(store, &promoted).await;
    let retire = Write::RetireKey(retired(key(1), Outcome::Deleted));
    let mut commit = deletion(&promoted);
    commit.writes.push(retire);
    alter(store, &mut promoted, &commit).await;
    assert_kept(store, &promoted).await;

    let mut merged = keep(store, &key_guest(2)).await;
    let into = promoted.user.id;
    let user = User { standing: Standing::Merged { into }, ..merged.user.clone() };
    let writes = vec![
        Write::PutUser(user),
        Write::DropIdentity(IdentityKey::Anonymous),
        Write::RetireKey(retired(key(2), Outcome::Merged)),
    ];
    let commit = change(&merged, writes);
    alter(store, &mut merged, &commit).await;
    assert_kept(store, &merged).await;
}

/// A key that is dropped or replaced without being retired may become anybody's.
pub async fn a_dropped_key_is_free(store: &dyn UserStore) {
    let mut account = keep(store, &key_guest(1)).await;
    let commit = change(&account, vec![Write::PutIdentity(anonymous(Some(key(2))))]);
    alter(store, &mut account, &commit).await;
    assert_kept(store, &account).await;
    assert_eq!(store.key(KeyName::Kid("device-key-1")).await.expect("it can be read"), None);
    let other = keep(store, &with_key(3, key(1))).await;
    assert_kept(store, &other).await;

    let same_kid = DeviceKey { thumbprint: Thumbprint([9; 32]), ..key(2) };
    let commit = change(&account, vec![Write::PutIdentity(anonymous(Some(same_kid)))]);
    alter(store, &mut account, &commit).await;
    assert_kept(store, &account).await;
    let commit = deletion(&account);
    let writes = commit.writes.into_iter().filter(|write| !matches!(write, Write::RetireKey(_)));
    let commit = change(&account, writes.collect());
    alter(store, &mut account, &commit).await;
    assert_kept(store, &account).await;
    let other = keep(store, &with_key(4, key(2))).await;
    assert_kept(store, &other).await;
}

/// A user whose condition fails is told that, and not that a key is held.
pub async fn staleness_is_told_first(store: &dyn UserStore) {
    keep(store, &member(1, &[username("name")])).await;
    let account = keep(store, &guest(2)).await;
    let version = account.user.version.next();
    let commit = promotion(&account, "name");
    assert_stale(store, &Commit { expect: crate::model::Expect::At(version), ..commit }).await;
}

/// Two keys that share one of their names with `key`, and the key itself.
fn same_name_as(key: &DeviceKey) -> [DeviceKey; 3] {
    let kid = KeyId::parse("another-kid").expect("it is short and plain");
    [
        key.clone(),
        DeviceKey { kid, ..key.clone() },
        DeviceKey { thumbprint: Thumbprint([99; 32]), ..key.clone() },
    ]
}

fn with_key(number: u8, key: DeviceKey) -> Commit {
    let writes = vec![
        Write::PutUser(record(number, Standing::Anonymous)),
        Write::PutIdentity(anonymous(Some(key))),
    ];
    Commit { writes, ..guest(number) }
}

fn retiring(number: u8, key: DeviceKey) -> Commit {
    let writes = vec![
        Write::PutUser(record(number, Standing::Deleted)),
        Write::RetireKey(retired(key, Outcome::Deleted)),
    ];
    Commit { writes, ..guest(number) }
}

/// Values at the edges read back as they are.
pub async fn odd_values_read_back(store: &dyn UserStore) {
    let times = [i64::MIN, -1, 0, 1, i64::MAX].map(crate::model::Timestamp::from_millis);
    for (number, time) in (1..).zip(times) {
        let user =
            User { created_at: time, ends_at: Some(time), ..record(number, Standing::Anonymous) };
        let identity = Identity { created_at: time, proven_at: Some(time), ..anonymous(None) };
        let writes = vec![Write::PutUser(user), Write::PutIdentity(identity)];
        let account = keep(store, &Commit { writes, ..guest(number) }).await;
        assert_kept(store, &account).await;
    }
    let longest = "\u{10ffff}".repeat(63);
    let identities = [
        oauth(&longest, &longest),
        oauth("", "\0"),
        username("e\u{301}"),
        username("\u{e9}"),
        username("\u{202e}'; DROP TABLE users; --"),
        username(&"x".repeat(4096)),
    ];
    let account = keep(store, &member(10, &identities)).await;
    assert_kept(store, &account).await;
    let longest = KeyId::parse(&"k".repeat(KeyId::MAX_LENGTH)).expect("it is not too long");
    let public = crate::model::PublicKey::Rsa { n: vec![255; 512], e: vec![1, 0, 1] };
    let rsa = DeviceKey { thumbprint: Thumbprint([255; 32]), kid: longest, public };
    let point = crate::model::PublicKey::P256 { x: [0; 32], y: [255; 32] };
    let p256 = DeviceKey { public: point, ..key(12) };
    for (number, key) in [(11, rsa), (12, p256)] {
        let account = keep(store, &with_key(number, key)).await;
        assert_kept(store, &account).await;
    }
}
