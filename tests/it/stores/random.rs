//! Random commits and calls give equal answers in memory and in SQLite, and the state that
//! [`Account::after`] foretells.

use std::collections::BTreeMap;

use guestpass::model::{
    Account, Authenticator, AuthenticatorId, AuthenticatorKind, ClientId, Commit, DeviceKey, Epoch,
    Event, EventCursor, EventKind, Expect, Identity, IdentityKey, IdentityKind, KeyId, KeyName,
    LoginId, LoginIdType, Method, Outcome, PasswordHash, PublicKey, RetiredKey, Session, SessionId,
    SessionKind, Standing, Thumbprint, Timestamp, TokenDigest, User, UserId, Version, Write,
};
use guestpass::store::conformance::block_on;
use guestpass::store::memory::MemoryBackend;
use guestpass::store::sqlite::{Durability, SqliteBackend};
use guestpass::store::{Backend, Landing, Lookup, Nonce, SessionStore, UserStore};
use proptest::prelude::*;

const USERS: u8 = 3;
/// As many as there are digests, and nonces: of what ends at one instant a store may sweep any first.
const ALL: u32 = 8;

/// A call, in numbers that are taken modulo what there is, so that every call is valid.
#[derive(Clone, Debug)]
enum Call {
    Land { spend: Option<u8>, commit: Option<Planned>, open: Option<u8> },
    Session(SessionCall, u8, u8),
    Forget(u8),
}

#[derive(Clone, Debug)]
struct Planned {
    user: u8,
    expect: u8,
    also: Option<(u8, u8)>,
    writes: Vec<(u8, u8, u8)>,
    events: u8,
}

#[derive(Clone, Copy, Debug)]
enum SessionCall {
    Insert,
    Record,
    Remove,
    RemoveById,
    Rotate,
    Shorten,
    Spend,
    Sweep,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let small = 0..8_u8;
    let write = (0..6_u8, small.clone(), small.clone());
    let planned = (
        0..USERS,
        small.clone(),
        proptest::option::weighted(0.2, (0..USERS, 0..4_u8)),
        proptest::collection::vec(write, 0..6),
        0..3_u8,
    )
        .prop_map(|(user, expect, also, writes, events)| Planned {
            user,
            expect,
            also,
            writes,
            events,
        });
    let session = prop_oneof![
        Just(SessionCall::Insert),
        Just(SessionCall::Record),
        Just(SessionCall::Remove),
        Just(SessionCall::RemoveById),
        Just(SessionCall::Rotate),
        Just(SessionCall::Shorten),
        Just(SessionCall::Spend),
        Just(SessionCall::Sweep),
    ];
    let landing = (
        proptest::option::weighted(0.3, small.clone()),
        proptest::option::weighted(0.9, planned),
        proptest::option::weighted(0.3, small.clone()),
    )
        .prop_map(|(spend, commit, open)| Call::Land { spend, commit, open });
    let call = prop_oneof![
        6 => landing,
        3 => (session, small.clone(), small).prop_map(|(call, a, b)| Call::Session(call, a, b)),
        1 => (0..20_u8).prop_map(Call::Forget),
    ];
    proptest::collection::vec(call, 1..40)
}

fn user_id(number: u8) -> UserId {
    UserId::from_bytes([number; 16])
}

fn epoch(number: u8) -> Epoch {
    Epoch::from_bytes([number % 4; 8])
}

/// Two of the four keys share a `kid`.
fn key(number: u8) -> DeviceKey {
    let number = number % 4;
    DeviceKey {
        thumbprint: Thumbprint([number; 32]),
        kid: KeyId::parse(&format!("device-key-{}", number.min(2))).unwrap(),
        public: PublicKey::Ed25519([number; 32]),
    }
}

fn identity(what: u8, number: u8) -> Identity {
    let name = format!("name-{}", what % 2);
    let kind = match number % 4 {
        0 => IdentityKind::Anonymous { key: (what % 5 != 4).then(|| key(what)) },
        1 => IdentityKind::LoginId(LoginId::from_stored(LoginIdType::Email, name.clone(), name)),
        2 => IdentityKind::LoginId(LoginId::from_stored(LoginIdType::Username, name.clone(), name)),
        _ => IdentityKind::OAuth { issuer: "issuer".to_owned(), subject: name },
    };
    let proven_at = what.is_multiple_of(3).then_some(Timestamp::EPOCH);
    Identity { kind, created_at: Timestamp::from_millis(what.into()), proven_at }
}

fn authenticator(number: u8) -> Authenticator {
    Authenticator {
        id: AuthenticatorId::from_bytes([number % 2; 16]),
        revision: number.into(),
        kind: AuthenticatorKind::Password(PasswordHash::from_phc(format!("${number}")).unwrap()),
        created_at: Timestamp::EPOCH,
        changed_at: Timestamp::EPOCH,
    }
}

/// A root record whose copies agree with the account as it will be, so that many commits are sound.
fn record(user: UserId, number: u8, writes: &[Write], before: Option<&Account>) -> User {
    let mut user = User {
        id: user,
        version: Version(99),
        epoch: epoch(number),
        standing: Standing::Anonymous,
        is_disabled: number % 2 == 1,
        is_verified: false,
        can_reauthenticate: false,
        created_at: Timestamp::EPOCH,
        ends_at: None,
    };
    let empty = Account {
        user: user.clone(),
        identities: Vec::new(),
        authenticators: Vec::new(),
        retired_keys: Vec::new(),
    };
    let base = before.cloned().unwrap_or(empty);
    let plan = Commit {
        user: user.id,
        expect: Expect::At(base.user.version),
        also: None,
        writes: writes.to_vec(),
        events: Vec::new(),
    };
    let after = Account::after(Some(&base), &plan).unwrap();
    let anonymous = after.has_identity(&IdentityKey::Anonymous);
    user.standing = match (anonymous, after.identities.len(), after.retired_keys.first()) {
        (true, ..) => Standing::Anonymous,
        (false, 0, None) => Standing::Collected,
        (false, 0, Some(_)) => Standing::Deleted,
        (false, ..) => Standing::Regular,
    };
    user.ends_at =
        (anonymous && after.device_key().is_none()).then(|| Timestamp::from_millis(number.into()));
    user.is_verified = after
        .identities
        .iter()
        .any(|identity| identity.proven_at.is_some() && identity.key() != IdentityKey::Anonymous);
    user.can_reauthenticate = !after.authenticators.is_empty();
    user
}

fn commit(planned: &Planned, accounts: &BTreeMap<UserId, Account>) -> Commit {
    let user = user_id(planned.user);
    let before = accounts.get(&user);
    let mut writes: Vec<Write> = Vec::new();
    for &(kind, what, number) in &planned.writes {
        writes.push(match kind {
            0 | 1 => Write::PutIdentity(identity(what, number)),
            2 => Write::DropIdentity(identity(what, number).key()),
            3 => Write::PutAuthenticator(authenticator(what)),
            4 => Write::DropAuthenticator(authenticator(what).id),
            _ => {
                let outcome = [Outcome::Promoted, Outcome::Merged, Outcome::Deleted];
                let outcome = outcome[usize::from(number % 3)];
                let retired_at = Timestamp::from_millis(number.into());
                Write::RetireKey(RetiredKey { key: key(what), outcome, retired_at })
            }
        });
    }
    let put = Write::PutUser(record(user, planned.expect, &writes, before));
    if before.is_none() || planned.expect % 4 != 3 {
        writes.insert(0, put);
    }
    let expect = match (before, planned.expect) {
        (None, 0..6) => Expect::Absent,
        (Some(account), 0..6) => Expect::At(account.user.version),
        (_, 6) => Expect::Epoch(epoch(planned.expect)),
        (..) => Expect::At(Version(2)),
    };
    let also = planned.also.map(|(other, number)| (user_id(other), epoch(number)));
    let event = Event { user, at: Timestamp::EPOCH, kind: EventKind::Enabled };
    Commit { user, expect, also, writes, events: vec![event; planned.events.into()] }
}

fn session(a: u8, b: u8) -> Session {
    let kind = match ClientId::parse("app") {
        Some(client) if a.is_multiple_of(2) => SessionKind::Refresh(client),
        Some(_) | None => SessionKind::Cookie,
    };
    Session {
        digest: TokenDigest::from_bytes([a; 32]),
        id: SessionId::from_bytes([b % 4; 16]),
        user: user_id(a % USERS),
        epoch: epoch(b),
        kind,
        method: Method::Password,
        created_at: Timestamp::EPOCH,
        accessed_at: Timestamp::from_millis(b.into()),
        ends_at: Timestamp::from_millis((a ^ b).into()),
    }
}

/// What a call answers, without the wording of failures.
async fn answer(
    backend: &dyn Backend,
    call: &Call,
    accounts: &BTreeMap<UserId, Account>,
) -> String {
    match call {
        Call::Land { spend, commit: planned, open } => {
            let landing = Landing {
                spend: spend.map(|number| (Nonce([number; 16]), Timestamp::EPOCH)),
                commit: planned.as_ref().map(|planned| commit(planned, accounts)),
                open_session: open.map(|number| session(number, number)),
                move_session: None,
            };
            let answer = backend.land(&landing).await;
            answer.map_or_else(|error| error.to_string(), |()| "landed".to_owned())
        }
        Call::Session(call, a, b) => {
            session_answer(backend.sessions(), *call, &session(*a, *b)).await
        }
        Call::Forget(through) => {
            let through = EventCursor(u64::from(*through));
            format!("{:?}", backend.users().forget_events(through, 3).await.ok())
        }
    }
}

async fn session_answer(store: &dyn SessionStore, call: SessionCall, it: &Session) -> String {
    let old = TokenDigest::from_bytes([it.id.as_bytes()[0]; 32]);
    match call {
        SessionCall::Insert => format!("{:?}", store.insert(it).await.ok()),
        SessionCall::Record => {
            format!("{:?}", store.record_access(&old, it.accessed_at, it.ends_at).await.ok())
        }
        SessionCall::Remove => format!("{:?}", store.remove(&it.digest).await.ok()),
        SessionCall::RemoveById => format!("{:?}", store.remove_by_id(it.user, it.id).await.ok()),
        SessionCall::Rotate => format!("{:?}", store.rotate(&old, it).await.ok()),
        SessionCall::Shorten => {
            format!("{:?}", store.shorten(it.user, it.epoch, it.ends_at, 9).await.ok())
        }
        SessionCall::Spend => {
            let nonce = Nonce([it.id.as_bytes()[0]; 16]);
            format!("{:?}", store.spend(&nonce, it.ends_at).await.ok())
        }
        SessionCall::Sweep => format!("{:?}", store.sweep(it.ends_at, ALL).await.ok()),
    }
}

/// Everything that can be read, without the wording of failures.
async fn everything(backend: &dyn Backend) -> Vec<String> {
    let mut seen = Vec::new();
    let users = backend.users();
    for number in 0..USERS {
        seen.push(format!("{:?}", users.user(user_id(number)).await.ok()));
        seen.push(format!("{:?}", users.load(Lookup::User(user_id(number))).await.ok()));
        for (epoch, after) in [(1, None), (2, Some(SessionId::from_bytes([1; 16])))] {
            let (user, epoch) = (user_id(number), self::epoch(epoch));
            for kind in [None, Some(&SessionKind::Cookie)] {
                let listed = backend.sessions().of_user(user, epoch, kind, after, 9);
                seen.push(format!("{:?}", listed.await.ok()));
            }
        }
    }
    for (what, number) in [(0, 1), (1, 1), (0, 2), (1, 2), (0, 3), (1, 3)] {
        let key = identity(what, number).key();
        seen.push(format!("{:?}", users.load(Lookup::Identity(&key)).await.ok()));
    }
    for key in (0..4).map(key) {
        seen.push(format!("{:?}", users.key(KeyName::Thumbprint(&key.thumbprint)).await.ok()));
        seen.push(format!("{:?}", users.key(KeyName::Kid(key.kid.as_str())).await.ok()));
    }
    for number in 0..8 {
        let digest = TokenDigest::from_bytes([number; 32]);
        seen.push(format!("{:?}", backend.sessions().session(&digest).await.ok()));
        seen.push(format!("{:?}", backend.resolve(&digest).await.ok()));
    }
    let before = Timestamp::from_millis(4);
    seen.push(format!("{:?}", users.ended(before, 9).await.ok()));
    seen.push(format!("{:?}", users.events(EventCursor(2), 99).await.ok()));
    seen
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_sqlite_agree(calls in calls()) {
        let directory = tempfile::tempdir().unwrap();
        let mut options = SqliteBackend::options();
        options.durability = Durability::Normal;
        let sqlite = options.open(directory.path().join("users.db")).unwrap();
        let memory = MemoryBackend::new();
        let mut accounts = BTreeMap::new();
        block_on(async {
            for call in &calls {
                let answer_of_memory = answer(&memory, call, &accounts).await;
                let answer_of_sqlite = answer(&sqlite, call, &accounts).await;
                prop_assert_eq!(&answer_of_memory, &answer_of_sqlite, "{:?}", call);
                if let Call::Land { commit: Some(planned), .. } = call
                    && answer_of_memory == "landed"
                {
                    let commit = commit(planned, &accounts);
                    let before = accounts.get(&commit.user);
                    let after = Account::after(before, &commit).unwrap();
                    accounts.insert(commit.user, after);
                }
                prop_assert_eq!(everything(&memory).await, everything(&sqlite).await);
                for account in accounts.values() {
                    let found = sqlite.load(Lookup::User(account.user.id)).await;
                    match account.check() {
                        Ok(()) => prop_assert_eq!(found.unwrap(), Some(account.clone())),
                        Err(_) => prop_assert!(found.is_err()),
                    }
                }
            }
            Ok(())
        })?;
    }
}
