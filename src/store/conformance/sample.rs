//! Users, sessions and commits for the laws to work with, each named by a small number.

use crate::model::{
    Account, Authenticator, AuthenticatorId, AuthenticatorKind, ClientId, Commit, DeviceKey, Epoch,
    Event, EventCursor, EventKind, Expect, Identity, IdentityKey, IdentityKind, KeyId, KeyName,
    LoginId, LoginIdType, Method, Outcome, PasswordHash, PublicKey, RetiredKey, Session, SessionId,
    SessionKind, Standing, Thumbprint, Timestamp, TokenDigest, User, UserId, Version, Write,
};
use crate::store::{Lookup, Nonce, UserStore};

/// An instant between two seconds, so that a store that keeps seconds is found out.
pub(super) const NOW: i64 = 1_700_000_000_123;

/// `NOW` and some milliseconds.
pub(super) fn at(later: i64) -> Timestamp {
    Timestamp::from_millis(NOW + later)
}

pub(super) fn user_id(number: u8) -> UserId {
    UserId::from_bytes([number; 16])
}

pub(super) fn epoch(number: u8) -> Epoch {
    Epoch::from_bytes([number; 8])
}

pub(super) fn digest(number: u8) -> TokenDigest {
    TokenDigest::from_bytes([number; 32])
}

pub(super) fn session_id(number: u8) -> SessionId {
    SessionId::from_bytes([number; 16])
}

pub(super) fn nonce(number: u8) -> Nonce {
    Nonce([number; 16])
}

/// A root record; the store is to set another version than this has.
pub(super) fn record(number: u8, standing: Standing) -> User {
    User {
        id: user_id(number),
        version: Version(77),
        epoch: epoch(number),
        standing,
        is_disabled: false,
        is_verified: false,
        can_reauthenticate: false,
        created_at: at(0),
        ends_at: None,
    }
}

pub(super) fn key(number: u8) -> DeviceKey {
    let kid = KeyId::parse(&format!("device-key-{number}"));
    DeviceKey {
        thumbprint: Thumbprint([number; 32]),
        kid: kid.expect("it is short and plain"),
        public: PublicKey::Ed25519([number; 32]),
    }
}

pub(super) fn anonymous(key: Option<DeviceKey>) -> Identity {
    Identity { kind: IdentityKind::Anonymous { key }, created_at: at(1), proven_at: None }
}

pub(super) fn username(name: &str) -> Identity {
    login_id(LoginIdType::Username, name)
}

pub(super) fn login_id(kind: LoginIdType, name: &str) -> Identity {
    let login_id = LoginId::from_stored(kind, name.to_owned(), name.to_owned());
    Identity { kind: IdentityKind::LoginId(login_id), created_at: at(2), proven_at: None }
}

pub(super) fn oauth(issuer: &str, subject: &str) -> Identity {
    let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
    let kind = IdentityKind::OAuth { issuer, subject };
    Identity { kind, created_at: at(3), proven_at: Some(at(4)) }
}

pub(super) fn password(number: u8) -> Authenticator {
    let hash = PasswordHash::from_phc(format!("$argon2id${number}"));
    Authenticator {
        id: AuthenticatorId::from_bytes([number; 16]),
        revision: 3,
        kind: AuthenticatorKind::Password(hash.expect("it is short")),
        created_at: at(5),
        changed_at: at(6),
    }
}

pub(super) fn retired(key: DeviceKey, outcome: Outcome) -> RetiredKey {
    RetiredKey { key, outcome, retired_at: at(7) }
}

pub(super) fn event(number: u8, kind: EventKind) -> Event {
    Event { user: user_id(number), at: at(8), kind }
}

/// Signs an anonymous user up who ends `number` seconds from now.
pub(super) fn guest(number: u8) -> Commit {
    let ends_at = Some(at(i64::from(number) * 1000));
    let user = User { ends_at, ..record(number, Standing::Anonymous) };
    sign_up(number, vec![Write::PutUser(user), Write::PutIdentity(anonymous(None))])
}

/// Signs an anonymous user up who has the device key of that number.
pub(super) fn key_guest(number: u8) -> Commit {
    let user = record(number, Standing::Anonymous);
    sign_up(number, vec![Write::PutUser(user), Write::PutIdentity(anonymous(Some(key(number))))])
}

/// Signs a regular user up with these identities and a password.
pub(super) fn member(number: u8, identities: &[Identity]) -> Commit {
    let is_verified = identities.iter().any(|identity| identity.proven_at.is_some());
    let user = User { is_verified, can_reauthenticate: true, ..record(number, Standing::Regular) };
    let mut writes = vec![Write::PutUser(user)];
    writes.extend(identities.iter().cloned().map(Write::PutIdentity));
    writes.push(Write::PutAuthenticator(password(number)));
    sign_up(number, writes)
}

fn sign_up(number: u8, writes: Vec<Write>) -> Commit {
    let events = vec![event(number, EventKind::SignedUp)];
    Commit { user: user_id(number), expect: Expect::Absent, also: None, writes, events }
}

/// Changes a user as it stands.
pub(super) fn change(account: &Account, writes: Vec<Write>) -> Commit {
    Commit {
        user: account.user.id,
        expect: Expect::At(account.user.version),
        also: None,
        writes,
        events: Vec::new(),
    }
}

/// Turns an anonymous user into a regular one with this username.
pub(super) fn promotion(account: &Account, name: &str) -> Commit {
    let number = account.user.id.as_bytes()[0];
    let user = User { epoch: epoch(number ^ 0x80), ends_at: None, ..account.user.clone() };
    let mut writes = vec![
        Write::PutUser(User { standing: Standing::Regular, can_reauthenticate: true, ..user }),
        Write::DropIdentity(IdentityKey::Anonymous),
        Write::PutIdentity(username(name)),
        Write::PutAuthenticator(password(number)),
    ];
    if let Some(key) = account.device_key() {
        writes.push(Write::RetireKey(retired(key.clone(), Outcome::Promoted)));
    }
    let events = vec![event(number, EventKind::Promoted)];
    Commit { events, ..change(account, writes) }
}

/// Ends a user, and keeps its device key if it has one.
pub(super) fn deletion(account: &Account) -> Commit {
    let number = account.user.id.as_bytes()[0];
    let user = User {
        epoch: epoch(number ^ 0x40),
        standing: Standing::Deleted,
        is_verified: false,
        can_reauthenticate: false,
        ends_at: None,
        ..account.user.clone()
    };
    let mut writes = vec![Write::PutUser(user)];
    let keys = account.identities.iter().map(Identity::key);
    writes.extend(keys.map(Write::DropIdentity));
    let ids = account.authenticators.iter().map(|authenticator| authenticator.id);
    writes.extend(ids.map(Write::DropAuthenticator));
    let retire = account.device_key().cloned().map(|key| retired(key, Outcome::Deleted));
    writes.extend(retire.map(Write::RetireKey));
    change(account, writes)
}

/// A session of the user with that number, at its first epoch.
pub(super) fn session(number: u8, of_user: u8) -> Session {
    Session {
        digest: digest(number),
        id: session_id(number),
        user: user_id(of_user),
        epoch: epoch(of_user),
        kind: SessionKind::Refresh(ClientId::parse("web").expect("it is short and plain")),
        method: Method::DeviceKey,
        created_at: at(10),
        accessed_at: at(20),
        ends_at: at(10_000 + i64::from(number)),
    }
}

/// Lands a commit on nothing; the account as it is then.
pub(super) async fn keep(store: &dyn UserStore, commit: &Commit) -> Account {
    let outcome = store.commit(commit).await;
    assert!(outcome.is_ok(), "a first commit is refused: {outcome:?}");
    Account::after(None, commit).expect("the commit signs a user up")
}

/// Lands a commit on the account.
pub(super) async fn alter(store: &dyn UserStore, account: &mut Account, commit: &Commit) {
    let outcome = store.commit(commit).await;
    assert!(outcome.is_ok(), "a commit at the present version is refused: {outcome:?}");
    *account = Account::after(Some(account), commit).expect("the commit changes the account");
}

/// The store has the account as it is here, and finds it by everything that is the account's.
pub(super) async fn assert_kept(store: &dyn UserStore, account: &Account) {
    let id = account.user.id;
    let found = store.load(Lookup::User(id)).await.expect("the account can be read");
    assert_eq!(found.as_ref(), Some(account), "the account reads back as it was committed");
    let user = store.user(id).await.expect("the root record can be read");
    assert_eq!(user.as_ref(), Some(&account.user), "the root record is that of the account");
    for key in account.identities.iter().map(Identity::key) {
        let found = store.load(Lookup::Identity(&key)).await.expect("the account can be read");
        let expected = (key != IdentityKey::Anonymous).then_some(account);
        assert_eq!(found.as_ref(), expected, "an identity finds its user");
    }
    let live = account.device_key().map(|key| (key, None));
    let old = account.retired_keys.iter().map(|retired| (&retired.key, Some(retired.outcome)));
    for (key, outcome) in live.into_iter().chain(old) {
        for name in [KeyName::Thumbprint(&key.thumbprint), KeyName::Kid(key.kid.as_str())] {
            let found = store.key(name).await.expect("the key can be read");
            let found = found.expect("a key is found by both its names");
            assert_eq!((found.user, &found.key, found.outcome), (id, key, outcome));
        }
    }
}

/// All events that there are.
pub(super) async fn events(store: &dyn UserStore) -> Vec<(EventCursor, Event)> {
    store.events(EventCursor::START, 1000).await.expect("events can be read")
}
