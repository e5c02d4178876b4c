//! The same on real threads, and on two connections to one file.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::scope;

use guestpass::model::{
    Commit, Epoch, Event, EventKind, Expect, Identity, IdentityKey, IdentityKind, LoginId,
    LoginIdType, Method, Session, SessionId, SessionKind, Standing, Timestamp, TokenDigest, User,
    UserId, Version, Write,
};
use guestpass::store::conformance::block_on;
use guestpass::store::memory::MemoryBackend;
use guestpass::store::sqlite::{Durability, SqliteBackend};
use guestpass::store::{Backend, CommitError, LandError, Landing, Lookup, Nonce};

fn guest(number: u32) -> User {
    User {
        id: user_id(number),
        version: Version::FIRST,
        epoch: Epoch::from_bytes([1; 8]),
        standing: Standing::Anonymous,
        is_disabled: false,
        is_verified: false,
        can_reauthenticate: false,
        created_at: Timestamp::EPOCH,
        ends_at: Some(Timestamp::MAX),
    }
}

fn bytes<const N: usize>(number: u32) -> [u8; N] {
    let mut bytes = [7; N];
    bytes[N - 4..].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn user_id(number: u32) -> UserId {
    UserId::from_bytes(bytes(number))
}

fn session(number: u32, epoch: u8) -> Session {
    let mut name = bytes(number);
    name[0] = epoch;
    Session {
        digest: TokenDigest::from_bytes(name),
        id: SessionId::from_bytes([epoch; 16]),
        user: user_id(number),
        epoch: Epoch::from_bytes([epoch; 8]),
        kind: SessionKind::Cookie,
        method: Method::Anonymous,
        created_at: Timestamp::EPOCH,
        accessed_at: Timestamp::EPOCH,
        ends_at: Timestamp::MAX,
    }
}

fn sign_up(number: u32) -> Landing {
    let kind = IdentityKind::Anonymous { key: None };
    let identity = Identity { kind, created_at: Timestamp::EPOCH, proven_at: None };
    let writes = vec![Write::PutUser(guest(number)), Write::PutIdentity(identity)];
    let (user, expect) = (user_id(number), Expect::Absent);
    Landing {
        spend: Some((Nonce(bytes(number)), Timestamp::MAX)),
        commit: Some(Commit { user, expect, also: None, writes, events: Vec::new() }),
        open_session: Some(session(number, 1)),
        move_session: None,
    }
}

fn promotion(number: u32, name: &str) -> Landing {
    let user = User {
        standing: Standing::Regular,
        epoch: Epoch::from_bytes([2; 8]),
        ends_at: None,
        ..guest(number)
    };
    let login_id = LoginId::from_stored(LoginIdType::Username, name.to_owned(), name.to_owned());
    let kind = IdentityKind::LoginId(login_id);
    let identity = Identity { kind, created_at: Timestamp::EPOCH, proven_at: None };
    let writes = vec![
        Write::DropIdentity(IdentityKey::Anonymous),
        Write::PutUser(user),
        Write::PutIdentity(identity),
    ];
    let (user, expect) = (user_id(number), Expect::At(Version::FIRST));
    Landing {
        spend: None,
        commit: Some(Commit { user, expect, also: None, writes, events: Vec::new() }),
        open_session: Some(session(number, 2)),
        move_session: None,
    }
}

/// Readers look at every user while it is signed up and promoted.
fn readers_see_whole_states(backend: &dyn Backend, users: u32) {
    let (is_done, started) = (AtomicBool::new(false), AtomicU32::new(0));
    scope(|threads| {
        threads.spawn(|| {
            for number in 0..users {
                started.store(number, Ordering::Relaxed);
                block_on(backend.land(&sign_up(number))).unwrap();
                block_on(backend.land(&promotion(number, &number.to_string()))).unwrap();
            }
            is_done.store(true, Ordering::Release);
        });
        for _ in 0..2 {
            threads.spawn(|| {
                while !is_done.load(Ordering::Acquire) {
                    let number = started.load(Ordering::Relaxed);
                    if let Some(account) =
                        block_on(backend.users().load(Lookup::User(user_id(number)))).unwrap()
                    {
                        assert_eq!(account.check(), Ok(()));
                    }
                    for epoch in [2, 1] {
                        let digest = session(number, epoch).digest;
                        // An error would be a session without its user.
                        let resolved = block_on(backend.resolve(&digest)).unwrap();
                        if let Some((session, user)) = resolved.filter(|_| epoch == 2) {
                            assert_eq!(session.epoch, user.epoch, "seen before its commit");
                        }
                    }
                }
            });
        }
    });
}

#[test]
fn readers_of_memory_see_whole_states() {
    readers_see_whole_states(&MemoryBackend::new(), 20_000);
}

#[test]
fn readers_of_sqlite_see_whole_states() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = SqliteBackend::options();
    options.durability = Durability::Normal;
    let backend = options.open(directory.path().join("users.db")).unwrap();
    readers_see_whole_states(&backend, 1000);
}

/// A session that was given another value under its digest was gone for an instant, and whoever came
/// then was told that nobody is signed in.
fn a_moved_session_is_always_there(backend: &dyn Backend, moves: u32) {
    block_on(backend.land(&sign_up(0))).unwrap();
    let (is_done, digest) = (AtomicBool::new(false), session(0, 1).digest);
    scope(|threads| {
        threads.spawn(|| {
            for number in 0..moves {
                let id = SessionId::from_bytes(bytes(number % 2));
                let other = Session { id, ..session(0, 1) };
                assert!(block_on(backend.sessions().rotate(&digest, &other)).unwrap());
            }
            is_done.store(true, Ordering::Release);
        });
        threads.spawn(|| {
            while !is_done.load(Ordering::Acquire) {
                assert!(block_on(backend.resolve(&digest)).unwrap().is_some());
            }
        });
    });
}

#[test]
fn a_moved_session_in_memory_is_always_there() {
    a_moved_session_is_always_there(&MemoryBackend::new(), 20_000);
}

#[test]
fn a_moved_session_in_sqlite_is_always_there() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = SqliteBackend::options();
    options.durability = Durability::Normal;
    let backend = options.open(directory.path().join("users.db")).unwrap();
    a_moved_session_is_always_there(&backend, 500);
}

/// Of many threads that promote one guest to different names, one wins; of many guests who want one
/// name, one gets it.
fn races_have_one_winner(backends: &[&dyn Backend]) {
    for round in 0..20 {
        let guests: Vec<_> = (round * 10..round * 10 + 4).collect();
        for &guest in &guests {
            block_on(backends[0].land(&sign_up(guest))).unwrap();
        }
        let one_guest = guests.iter().map(|name| promotion(guests[0], &format!("{name}")));
        let (won, stale, held) = race(backends, &one_guest.collect::<Vec<_>>());
        assert_eq!((won, stale, held), (1, 3, 0));

        let name = format!("wanted-{round}");
        let one_name: Vec<_> = guests[1..].iter().map(|guest| promotion(*guest, &name)).collect();
        let (won, stale, held) = race(backends, &one_name);
        assert_eq!((won, stale, held), (1, 0, 2));
    }
}

fn race(backends: &[&dyn Backend], landings: &[Landing]) -> (usize, usize, usize) {
    let outcomes: Vec<_> = scope(|threads| {
        let running: Vec<_> = landings
            .iter()
            .zip(backends.iter().cycle())
            .map(|(landing, backend)| threads.spawn(|| block_on(backend.land(landing))))
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let count = |is: fn(&Result<(), LandError>) -> bool| {
        outcomes.iter().filter(|outcome| is(outcome)).count()
    };
    (
        count(Result::is_ok),
        count(|outcome| matches!(outcome, Err(LandError::Stale))),
        count(|outcome| matches!(outcome, Err(LandError::Held))),
    )
}

#[test]
fn races_in_memory_have_one_winner() {
    races_have_one_winner(&[&MemoryBackend::new()]);
}

#[test]
fn races_in_sqlite_have_one_winner() {
    let directory = tempfile::tempdir().unwrap();
    let backend = SqliteBackend::open(directory.path().join("users.db")).unwrap();
    races_have_one_winner(&[&backend]);
}

#[test]
fn races_of_two_backends_on_one_file_have_one_winner() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.db");
    let open = || SqliteBackend::open(&path).unwrap();
    // Both at once, on a file that is not there yet.
    let (one, other) = scope(|threads| {
        let other = threads.spawn(open);
        (open(), other.join().unwrap())
    });
    races_have_one_winner(&[&one, &other]);
}

#[test]
fn two_backends_on_one_file_write_without_failures() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.db");
    let backends = [SqliteBackend::open(&path).unwrap(), SqliteBackend::open(&path).unwrap()];
    scope(|threads| {
        for (backend, first) in backends.iter().zip([0, 1000]) {
            for part in 0..4 {
                threads.spawn(move || {
                    for number in first + part * 50..first + part * 50 + 50 {
                        block_on(backend.land(&sign_up(number))).unwrap();
                    }
                });
            }
        }
    });
    for number in (0..200).chain(1000..1200) {
        let digest = session(number, 1).digest;
        assert!(block_on(backends[0].resolve(&digest)).unwrap().is_some());
    }
    let again = block_on(backends[1].users().commit(&sign_up(0).commit.unwrap()));
    assert!(matches!(again, Err(CommitError::Stale)));
}

/// Whether there are users was asked before the first one came, and whether there is anything of them after
/// that: a file in order was called corrupt, and a process that starts beside another one did not.
#[test]
fn a_file_is_empty_or_not_while_its_first_user_comes() {
    for round in 0..40 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users.db");
        let mut options = SqliteBackend::options();
        options.durability = Durability::Normal;
        let [writes, reads] = [(); 2].map(|()| options.open(&path).unwrap());
        scope(|scope| {
            let mut landing = sign_up(round);
            let kind = EventKind::SignedUpAnonymously;
            let told = Event { user: user_id(round), at: Timestamp::EPOCH, kind };
            landing.commit.as_mut().unwrap().events.push(told);
            let first = scope.spawn(move || block_on(writes.land(&landing)));
            while !first.is_finished() {
                block_on(reads.users().is_empty()).unwrap();
            }
            first.join().unwrap().unwrap();
            assert!(!block_on(reads.users().is_empty()).unwrap());
        });
    }
}
