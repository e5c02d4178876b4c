//! What the SQLite backend does when a file, a row, a caller or a lock is not as it should be.

use std::path::Path;
use std::pin::pin;
use std::task::{Context, Waker};

use guestpass::model::{
    Account, Authenticator, AuthenticatorId, AuthenticatorKind, Commit, DeviceKey, Epoch, Event,
    EventCursor, EventKind, Expect, Identity, IdentityKind, KeyId, KeyName, LoginId, LoginIdType,
    Method, Outcome, PasswordHash, PublicKey, RetiredKey, Session, SessionId, SessionKind,
    Standing, Thumbprint, Timestamp, TokenDigest, User, UserId, Version, Write,
};
use guestpass::store::conformance::block_on;
use guestpass::store::sqlite::{Durability, OpenError, Reads, SqliteBackend};
use guestpass::store::{
    Backend, CommitError, Landing, Lookup, SessionStore, StoreErrorKind, UserStore,
};
use rusqlite::Connection;
use tempfile::TempDir;

fn user(number: u8, standing: Standing) -> User {
    User {
        id: UserId::from_bytes([number; 16]),
        version: Version::FIRST,
        epoch: Epoch::from_bytes([number; 8]),
        standing,
        is_disabled: false,
        is_verified: true,
        can_reauthenticate: true,
        created_at: Timestamp::EPOCH,
        ends_at: None,
    }
}

fn key(number: u8) -> DeviceKey {
    DeviceKey {
        thumbprint: Thumbprint([number; 32]),
        kid: KeyId::parse(&format!("device-key-{number}")).unwrap(),
        public: PublicKey::Ed25519([number; 32]),
    }
}

/// A regular user with something in every table.
pub(crate) fn member(number: u8) -> Commit {
    let name = format!("name-{number}");
    let login_id = LoginId::from_stored(LoginIdType::Email, name.clone(), name.clone());
    let identity =
        |kind| Identity { kind, created_at: Timestamp::EPOCH, proven_at: Some(Timestamp::EPOCH) };
    let hash = PasswordHash::from_phc("$argon2id$".to_owned()).unwrap();
    let (outcome, retired_at) = (Outcome::Promoted, Timestamp::EPOCH);
    let id = UserId::from_bytes([number; 16]);
    Commit {
        user: id,
        expect: Expect::Absent,
        also: None,
        writes: vec![
            Write::PutUser(user(number, Standing::Regular)),
            Write::PutIdentity(identity(IdentityKind::LoginId(login_id))),
            Write::PutIdentity(identity(IdentityKind::OAuth {
                issuer: "issuer".to_owned(),
                subject: name,
            })),
            Write::PutAuthenticator(Authenticator {
                id: AuthenticatorId::from_bytes([number; 16]),
                revision: 1,
                kind: AuthenticatorKind::Password(hash),
                created_at: Timestamp::EPOCH,
                changed_at: Timestamp::EPOCH,
            }),
            Write::RetireKey(RetiredKey { key: key(number), outcome, retired_at }),
        ],
        events: vec![Event { user: id, at: Timestamp::EPOCH, kind: EventKind::SignedUp }],
    }
}

/// An anonymous user with a device key.
pub(crate) fn guest(number: u8) -> Commit {
    let user =
        User { is_verified: false, can_reauthenticate: false, ..user(number, Standing::Anonymous) };
    let kind = IdentityKind::Anonymous { key: Some(key(number)) };
    let identity = Identity { kind, created_at: Timestamp::EPOCH, proven_at: None };
    let writes = vec![Write::PutUser(user), Write::PutIdentity(identity)];
    Commit { writes, events: Vec::new(), ..member(number) }
}

pub(crate) fn session(number: u8) -> Session {
    Session {
        digest: TokenDigest::from_bytes([number; 32]),
        id: SessionId::from_bytes([number; 16]),
        user: UserId::from_bytes([number; 16]),
        epoch: Epoch::from_bytes([number; 8]),
        kind: SessionKind::Cookie,
        method: Method::Password,
        created_at: Timestamp::EPOCH,
        accessed_at: Timestamp::EPOCH,
        ends_at: Timestamp::MAX,
    }
}

fn new_file() -> (TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.db");
    (directory, path)
}

/// Writes behind the backend's back, without its checks.
pub(crate) fn tamper(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "ignore_check_constraints", true).unwrap();
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    let changed = connection.execute(sql, []).unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_ne!(changed, 0, "{sql}");
}

#[test]
fn a_corrupt_row_harms_only_its_user() {
    let account_rows = [
        "UPDATE users SET version = 0",
        "UPDATE users SET version = -1",
        "UPDATE users SET epoch = x'00'",
        "UPDATE users SET standing = 9",
        "UPDATE users SET standing = 3",
        "UPDATE users SET standing = 1",
        "UPDATE users SET merged_into = x'01020304050607080910111213141516'",
        "UPDATE users SET is_disabled = 2",
        "UPDATE users SET is_verified = 0",
        "UPDATE users SET can_reauthenticate = 0",
        "UPDATE users SET ends_at = 1",
        "UPDATE users SET anonymous_since = 1",
        "UPDATE users SET anonymous_proven_at = 1",
        "UPDATE users SET anonymous_key = x'00'",
        "UPDATE identities SET kind = 7",
        "UPDATE identities SET issuer = 'x'",
        "UPDATE identities SET original = NULL",
        "UPDATE identities SET name = CAST(x'ff' AS TEXT)",
        "UPDATE identities SET original = CAST(x'ff' AS TEXT)",
        "UPDATE authenticators SET kind = 2",
        "UPDATE authenticators SET id = x''",
        "UPDATE authenticators SET secret = ''",
        "UPDATE authenticators SET secret = CAST(zeroblob(2000) AS TEXT)",
        "UPDATE authenticators SET secret = CAST(zeroblob(2000000) AS TEXT)",
        "UPDATE device_keys SET thumbprint = x'00'",
        "UPDATE device_keys SET kid = '!'",
        "UPDATE device_keys SET public = x''",
        "UPDATE device_keys SET public = zeroblob(5000)",
        "UPDATE device_keys SET outcome = 9",
        "UPDATE device_keys SET outcome = 2",
        "UPDATE device_keys SET retired_at = NULL",
    ];
    for sql in account_rows {
        let (_directory, path) = new_file();
        let backend = SqliteBackend::open(&path).unwrap();
        for number in [1, 2] {
            block_on(backend.commit(&member(number))).unwrap();
        }
        let of_table = if sql.starts_with("UPDATE users") { "id" } else { "user" };
        // Of the two identities, the one that breaks.
        let only = if sql.contains("identities") { " AND kind = 1" } else { "" };
        tamper(&path, &format!("{sql} WHERE {of_table} = x'{}'{only}", "01".repeat(16)));
        let error = block_on(backend.load(Lookup::User(UserId::from_bytes([1; 16]))));
        let error = error.expect_err(sql);
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{sql}: {error}");
        let other = block_on(backend.load(Lookup::User(UserId::from_bytes([2; 16])))).unwrap();
        assert_eq!(other, Account::after(None, &member(2)), "{sql}");
    }
}

#[test]
fn a_corrupt_session_is_not_absent() {
    for sql in [
        "UPDATE sessions SET id = x''",
        "UPDATE sessions SET user = x'00'",
        "UPDATE sessions SET epoch = x'00'",
        "UPDATE sessions SET client = ''",
        "UPDATE sessions SET client = CAST(x'ff' AS TEXT)",
        "UPDATE sessions SET method = 0",
        "UPDATE users SET standing = 0",
        "UPDATE users SET version = 0",
        "DELETE FROM users",
    ] {
        let (_directory, path) = new_file();
        let backend = SqliteBackend::open(&path).unwrap();
        for number in [1, 2] {
            block_on(backend.commit(&guest(number))).unwrap();
            block_on(backend.insert(&session(number))).unwrap();
        }
        let column = if sql.contains("sessions") { "digest" } else { "id" };
        let one = "01".repeat(if column == "digest" { 32 } else { 16 });
        tamper(&path, &format!("{sql} WHERE {column} = x'{one}'"));
        let error = block_on(backend.resolve(&session(1).digest)).expect_err(sql);
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{sql}: {error}");
        assert!(block_on(backend.resolve(&session(2).digest)).unwrap().is_some(), "{sql}");
    }
}

#[test]
fn a_device_key_that_is_not_its_users_is_corrupt() {
    for sql in [
        "DELETE FROM device_keys WHERE kid = 'device-key-1'",
        "UPDATE device_keys SET user = x'02020202020202020202020202020202' WHERE kid = 'device-key-1'",
        "UPDATE users SET anonymous_since = NULL WHERE anonymous_key = x'01'",
    ] {
        let (_directory, path) = new_file();
        let backend = SqliteBackend::open(&path).unwrap();
        for number in [1, 2] {
            block_on(backend.commit(&guest(number))).unwrap();
        }
        let sql = sql.replace("x'01'", &format!("x'{}'", "01".repeat(32)));
        tamper(&path, &sql);
        let error = block_on(backend.load(Lookup::User(UserId::from_bytes([1; 16]))));
        assert_eq!(error.expect_err(&sql).kind(), StoreErrorKind::Corrupt, "{sql}");
        assert!(block_on(backend.key(KeyName::Kid("device-key-2"))).unwrap().is_some());
    }
}

#[test]
fn a_corrupt_event_is_not_skipped() {
    for sql in [
        "UPDATE events SET kind = 14",
        "UPDATE events SET user = x'00'",
        "UPDATE events SET detail = x'00'",
        "UPDATE events SET kind = 3",
        "UPDATE events SET kind = 5, detail = x'00'",
        "UPDATE events SET kind = 3, detail = x'09'",
    ] {
        let (_directory, path) = new_file();
        let backend = SqliteBackend::open(&path).unwrap();
        block_on(backend.commit(&member(1))).unwrap();
        tamper(&path, sql);
        let error = block_on(backend.events(EventCursor::START, 10)).expect_err(sql);
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{sql}");
    }
}

#[test]
fn a_file_that_is_not_ours_is_refused_and_left_alone() {
    let (_directory, path) = new_file();
    std::fs::write(&path, "these are not the bytes of a database, but somebody's letter").unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(SqliteBackend::open(&path), Err(OpenError::Foreign)));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let (_directory, path) = new_file();
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('keep')")
        .unwrap();
    drop(other);
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(SqliteBackend::open(&path), Err(OpenError::Foreign)));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let (directory, _) = new_file();
    assert!(matches!(SqliteBackend::open(directory.path()), Err(OpenError::Failed(_))));
    let nowhere = directory.path().join("no/such/directory/users.db");
    assert!(matches!(SqliteBackend::open(nowhere), Err(OpenError::Failed(_))));
}

/// Whoever was the last to close a file copied its log into it, and removed that.
#[test]
fn what_is_not_ours_keeps_its_log() {
    let others = [
        "PRAGMA user_version = 2; CREATE TABLE later (text TEXT)",
        "PRAGMA application_id = 7; CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('keep')",
    ];
    for change in others {
        let (_directory, at_hand) = new_file();
        drop(SqliteBackend::open(&at_hand).unwrap());
        let (_directory, path) = new_file();
        let files = |path: &Path| ["db", "db-wal"].map(|name| path.with_extension(name));
        let other = Connection::open(&at_hand).unwrap();
        other.execute_batch(change).unwrap();
        // As a crash leaves it.
        for (from, to) in files(&at_hand).iter().zip(files(&path)) {
            std::fs::copy(from, to).unwrap();
        }
        let bytes = || files(&path).map(|file| std::fs::read(file).unwrap());
        let before = bytes();
        assert!(!before[1].is_empty());
        let error = SqliteBackend::open(&path).unwrap_err();
        let is_told = matches!(error, OpenError::Foreign | OpenError::NewerSchema { .. });
        assert!(is_told, "{error}");
        assert!(bytes() == before, "{change}");
    }
}

/// Without a log there is nothing to be kept, and what is made to read the file goes.
#[test]
fn nothing_is_left_beside_what_is_not_ours() {
    let (directory, path) = new_file();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE notes (text TEXT)").unwrap();
    drop(other);
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(SqliteBackend::open(&path), Err(OpenError::Foreign)));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_newer_schema_is_refused() {
    let (_directory, path) = new_file();
    drop(SqliteBackend::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 2).unwrap();
    let error = SqliteBackend::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::NewerSchema { found: 2, known: 1 }), "{error}");
}

#[test]
fn a_damaged_file_is_never_an_empty_one() {
    let (_directory, path) = new_file();
    let backend = SqliteBackend::open(&path).unwrap();
    for number in 1..=50 {
        block_on(backend.commit(&member(number))).unwrap();
    }
    drop(backend);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096..].fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();
    match SqliteBackend::open(&path) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(backend) => {
            let error = block_on(backend.user(UserId::from_bytes([1; 16]))).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Corrupt);
            assert!(block_on(backend.is_empty()).is_err());
        }
    }
}

#[cfg(unix)]
#[test]
fn a_new_file_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (directory, path) = new_file();
    let backend = SqliteBackend::open(&path).unwrap();
    block_on(backend.commit(&member(1))).unwrap();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
}

#[test]
fn the_log_is_put_away_when_the_backend_is_dropped() {
    let (directory, path) = new_file();
    let backend = SqliteBackend::open(&path).unwrap();
    block_on(backend.commit(&member(1))).unwrap();
    drop(backend);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

/// What is in the log is copied beside the writer, who is never idle here.
#[test]
fn the_log_stays_bounded_while_much_is_written() {
    let (_directory, path) = new_file();
    let mut options = SqliteBackend::options();
    options.durability = Durability::Normal;
    options.log_pages = 1_000;
    let backend = options.open(&path).unwrap();
    block_on(backend.commit(&member(1))).unwrap();
    let numbered = |number: u32| {
        let (mut digest, mut id) = ([0; 32], [0; 16]);
        // One after the other in no index, so that each is on pages of its own.
        digest[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
        id[..4].copy_from_slice(&number.wrapping_mul(2_246_822_519).to_be_bytes());
        let (digest, id) = (TokenDigest::from_bytes(digest), SessionId::from_bytes(id));
        Session { digest, id, ..session(1) }
    };
    for number in 0..SESSIONS {
        block_on(backend.insert(&numbered(number))).unwrap();
    }
    let mut log = path.clone().into_os_string();
    log.push("-wal");
    let length = std::fs::metadata(log).unwrap().len();
    // Three times as many pages, with their headers, and what is written between two looks at it.
    assert!(length < 5_000 * (4096 + 24), "{length} bytes");
    drop(backend);
    let backend = SqliteBackend::open(&path).unwrap();
    for number in 0..SESSIONS {
        let found = block_on(backend.session(&numbered(number).digest)).unwrap();
        assert_eq!(found, Some(numbered(number)));
    }
}

/// With them the log would have some 12,000 pages if it never began anew.
const SESSIONS: u32 = 2_500;

#[test]
fn an_abandoned_landing_is_on_the_disk_whole_or_not_at_all() {
    for is_polled in [false, true] {
        let (_directory, path) = new_file();
        let backend = SqliteBackend::open(&path).unwrap();
        let landing = Landing {
            commit: Some(guest(1)),
            open_session: Some(session(1)),
            ..Landing::default()
        };
        {
            let mut future = pin!(backend.land(&landing));
            if is_polled {
                let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            }
        }
        drop(backend);
        let backend = SqliteBackend::open(&path).unwrap();
        let resolved = block_on(backend.resolve(&session(1).digest)).unwrap();
        assert_eq!(resolved.is_some(), is_polled, "what was handed over lands, nothing else does");
        assert_eq!(block_on(backend.is_empty()).unwrap(), !is_polled);
    }
}

#[test]
fn a_locked_file_refuses_what_is_too_much_and_then_everything_that_waited() {
    let (_directory, path) = new_file();
    let mut options = SqliteBackend::options();
    options.queue_depth = 2;
    options.busy_limit_milliseconds = 1000;
    let backend = options.open(&path).unwrap();
    block_on(backend.commit(&member(1))).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    // More than the writer takes at once and the queue holds together.
    let commits: Vec<_> = (2..=250).chain(2..=250).map(member).collect();
    let mut context = Context::from_waker(Waker::noop());
    let mut waiting = Vec::new();
    let mut refused = 0;
    for commit in &commits {
        let mut future = backend.commit(commit);
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Pending => waiting.push(future),
            std::task::Poll::Ready(Err(CommitError::Store(error))) => {
                assert_eq!(error.kind(), StoreErrorKind::Transient);
                refused += 1;
            }
            std::task::Poll::Ready(outcome) => panic!("{outcome:?}"),
        }
    }
    assert_ne!(refused, 0, "a full queue refuses at once");
    let read = block_on(backend.user(UserId::from_bytes([1; 16])));
    assert!(read.unwrap().is_some(), "reads wait for no writer");
    for future in waiting {
        let outcome = block_on(future);
        let Err(CommitError::Store(error)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(error.kind(), StoreErrorKind::Transient);
    }
    other.execute_batch("ROLLBACK").unwrap();
    block_on(backend.commit(&member(2))).unwrap();
}

#[test]
fn every_option_keeps_what_it_is_given() {
    for durability in [Durability::Full, Durability::Normal] {
        for reads in [Reads::InPlace, Reads::Offloaded] {
            let (_directory, path) = new_file();
            let mut options = SqliteBackend::options();
            (options.durability, options.reads) = (durability, reads);
            block_on(options.open(&path).unwrap().commit(&member(1))).unwrap();
            let again = options.open(&path).unwrap();
            let found = block_on(again.load(Lookup::User(UserId::from_bytes([1; 16]))));
            assert_eq!(found.unwrap(), Account::after(None, &member(1)));
        }
    }
}

/// A host that wanted no limit ended with a panic, or asked for gigabytes.
#[test]
fn the_longest_queue_that_can_be_asked_for_is_none_that_there_is_no_room_for() {
    let (_directory, path) = new_file();
    let mut options = SqliteBackend::options();
    options.queue_depth = usize::MAX;
    let backend = options.open(&path).unwrap();
    block_on(backend.commit(&member(1))).unwrap();
}
