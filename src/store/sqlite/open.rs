//! Opening the file: whether it is ours, how it is set up, and bringing its schema up to date.

use std::error::Error;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::store::StoreErrorKind;
use crate::store::sqlite::files::{self, Identity, Paths};
use crate::store::sqlite::options::{Durability, SqliteOptions};
use crate::store::sqlite::statement::is_damage;

/// Why a database was not opened. It is left as it was, with its log; but for what SQLite undoes of a
/// transaction that a crash has left half done in a file without one.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is not an SQLite database, or is another application's.
    #[error("the file is not a database of ours")]
    Foreign,
    /// The file was written by a later version of this crate.
    #[error("the database has schema {found}, and this version knows schemas up to {known}")]
    NewerSchema {
        /// The schema of the file.
        found: i64,
        /// The latest schema that this version knows.
        known: i64,
    },
    /// The SQLite library can lose committed transactions (the WAL-reset bug).
    #[error("SQLite {found} is too old; {MIN_SQLITE_VERSION} or later is needed")]
    OldSqlite {
        /// The version of the library, as a number: 3.51.3 is 3051003.
        found: i32,
    },
    /// The file is empty or missing and its write-ahead log is not: it was cut or removed, and what it
    /// held may be in the log still. Move both away to begin anew.
    #[error("the database file is empty or missing, and its write-ahead log is not")]
    Emptied,
    /// Another process kept the file locked for longer than the limit.
    #[error("another process keeps the database locked")]
    Busy,
    /// The file or the library failed.
    #[error("the database cannot be opened")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl From<rusqlite::Error> for OpenFailure {
    fn from(error: rusqlite::Error) -> Self {
        Self(match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => OpenError::Foreign,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Busy,
            Some(_) | None => OpenError::Failed(error.into()),
        })
    }
}

impl From<io::Error> for OpenFailure {
    fn from(error: io::Error) -> Self {
        Self(OpenError::Failed(error.into()))
    }
}

impl From<OpenError> for OpenFailure {
    fn from(error: OpenError) -> Self {
        Self(error)
    }
}

/// An [`OpenError`] on its way out; keeps `rusqlite` out of what the public type implements.
pub(super) struct OpenFailure(pub(super) OpenError);

impl OpenFailure {
    /// What to do about it, where the file was ours before.
    pub(super) fn kind(&self) -> StoreErrorKind {
        let is_damaged = match &self.0 {
            OpenError::Foreign => true,
            OpenError::Failed(cause) => cause.downcast_ref().is_some_and(is_damage),
            OpenError::NewerSchema { .. }
            | OpenError::OldSqlite { .. }
            | OpenError::Emptied
            | OpenError::Busy => false,
        };
        if is_damaged { StoreErrorKind::Corrupt } else { StoreErrorKind::Transient }
    }
}

/// A database file and how to connect to it.
#[derive(Clone, Debug)]
pub(super) struct Database {
    paths: Paths,
    /// The files that every connection must be to.
    identity: Option<Identity>,
    durability: Durability,
    busy_limit: Duration,
}

impl Database {
    /// Makes the file if there is none, and brings the schema up to date. The connection writes.
    ///
    /// While it is open, no other is the last one to go: that one puts the log away, which takes some
    /// syncs of the disk.
    pub(super) fn prepare(
        path: &Path,
        options: &SqliteOptions,
    ) -> Result<(Self, Connection), OpenFailure> {
        let found = rusqlite::version_number();
        if found < MIN_SQLITE_VERSION {
            return Err(OpenError::OldSqlite { found }.into());
        }
        // An absolute path is never one of SQLite's special names.
        let path = files::resolve(&std::path::absolute(path)?)?;
        if files::is_emptied(&path)? {
            return Err(OpenError::Emptied.into());
        }
        if files::is_one_byte(&path)? {
            return Err(OpenError::Foreign.into());
        }
        files::create(&path)?;
        let database = Self {
            paths: Paths::of(path),
            identity: None,
            durability: options.durability,
            busy_limit: Duration::from_millis(
                options.busy_limit_milliseconds.min(MAX_BUSY_LIMIT).into(),
            ),
        };
        let has_log = 0 < files::length(&database.paths.log)?;
        let connection = database.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // If the file is not ours, its log is not ours to put away; one that was made to read it goes.
        put_away_at_the_end(&connection, !has_log)?;
        // Before anything is changed, also the journal mode.
        let found = database.patiently(|| inspect(&connection))?;
        put_away_at_the_end(&connection, false)?;
        database.patiently(|| use_wal(&connection))?;
        database.patiently(|| database.rewrite_log(&connection))?;
        if found < KNOWN_SCHEMA {
            database.patiently(|| migrate(&connection))?;
        }
        let connection = database.to_write(connection)?;
        Ok((database, connection))
    }

    /// Makes sure that the disk has the log that is read here.
    ///
    /// Whoever wrote it may have ended after a sync of it had failed. Then what was to be synced is in the
    /// memory of the system and not on the disk, no later sync makes up for that, and all that is added to
    /// such a log goes with the machine. What is written once more, the next sync sees to.
    fn rewrite_log(&self, connection: &Connection) -> Result<(), OpenFailure> {
        // So that nobody else writes to the log, or lets it begin anew.
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let rewritten = files::rewrite(&self.paths.log);
        connection.execute_batch("ROLLBACK")?;
        Ok(rewritten?)
    }

    /// A connection that writes. It waits for no lock by itself.
    pub(super) fn writer(&self) -> Result<Connection, OpenFailure> {
        self.to_write(self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?)
    }

    /// Sets a connection up to write.
    fn to_write(&self, connection: Connection) -> Result<Connection, OpenFailure> {
        self.patiently(|| {
            known_schema(inspect(&connection)?)?;
            check_wal(&connection)?;
            Ok(connection.execute_batch(match self.durability {
                Durability::Full => "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON",
                Durability::Normal => "PRAGMA synchronous = NORMAL",
            })?)
        })?;
        #[cfg(canary)]
        if crate::canary::Canary::SyncedNever.sings() {
            connection.execute_batch("PRAGMA synchronous = OFF")?;
        }
        connection.execute_batch("PRAGMA foreign_keys = ON")?;
        // Not in a commit: what is in the log is copied beside it.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        // Who goes because of a failure leaves the log alone.
        put_away_at_the_end(&connection, false)?;
        connection.pragma_update(None, "journal_size_limit", MAX_IDLE_WAL_BYTES)?;
        connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        files::sync_names(&self.paths.database)?;
        Ok(connection)
    }

    /// A connection that reads.
    pub(super) fn reader(&self) -> Result<Connection, OpenFailure> {
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        self.patiently(|| known_schema(inspect(&connection)?))?;
        connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
        // Otherwise a plan may depend on the values, and a read with a limit is prepared anew each time.
        // Not for the writer, who would keep a journal for each statement with a limit.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // A reader meets a lock only while the log is recovered after a crash, or put away.
        connection.busy_timeout(self.busy_limit)?;
        Ok(connection)
    }

    /// From here on only the files that are open count. The caller has one of their connections.
    pub(super) fn hold(self) -> Self {
        Self { identity: Some(Identity::of(&self.paths)), ..self }
    }

    /// Whether the files still have their names. While nobody holds them, they do.
    pub(super) fn is_in_place(&self) -> bool {
        self.identity.is_none_or(|identity| identity == Identity::of(&self.paths))
    }

    /// How long to wait for a lock.
    pub(super) fn busy_limit(&self) -> Duration {
        self.busy_limit
    }

    fn connect(&self, access: OpenFlags) -> Result<Connection, OpenFailure> {
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.paths.database, flags)?;
        if !self.is_in_place() {
            return Err(OpenError::Failed(REPLACED.into()).into());
        }
        connection.busy_timeout(Duration::ZERO)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // What is longer was not written by us.
        let _ = connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES);
        // What a statement may have to undo is a copy of our pages, and belongs in no other directory.
        connection.execute_batch(
            "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY",
        )?;
        Ok(connection)
    }

    /// Tries again while another process has the lock, up to the limit.
    fn patiently<T>(
        &self,
        mut attempt: impl FnMut() -> Result<T, OpenFailure>,
    ) -> Result<T, OpenFailure> {
        let mut polls = polls(self.busy_limit);
        loop {
            match attempt() {
                Err(OpenFailure(OpenError::Busy)) if 0 < polls => {
                    polls -= 1;
                    std::thread::sleep(BUSY_POLL);
                }
                outcome => return outcome,
            }
        }
    }
}

/// Whether the log is copied into the file when this connection is the last one to go. Otherwise it is
/// left, and read again by whoever opens the file next.
pub(super) fn put_away_at_the_end(connection: &Connection, is_so: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !is_so).map(drop)
}

/// How often to look for a free lock within `limit`.
pub(super) fn polls(limit: Duration) -> u128 {
    limit.as_nanos() / BUSY_POLL.as_nanos()
}

/// The number of the schema, 0 for an empty file.
fn inspect(connection: &Connection) -> Result<i64, OpenFailure> {
    // One statement, so that another process's migration is seen whole or not at all.
    let sql = "SELECT (SELECT application_id FROM pragma_application_id), \
               (SELECT user_version FROM pragma_user_version), count(*) FROM sqlite_schema";
    let (application, schema, objects): (i64, i64, i64) =
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    if application == 0 && schema == 0 && objects == 0 {
        return Ok(0);
    }
    if application != APPLICATION_ID {
        return Err(OpenError::Foreign.into());
    }
    if KNOWN_SCHEMA < schema {
        return Err(OpenError::NewerSchema { found: schema, known: KNOWN_SCHEMA }.into());
    }
    Ok(schema)
}

/// Refuses a file that was emptied or replaced behind our back.
fn known_schema(found: i64) -> Result<(), OpenFailure> {
    if found == KNOWN_SCHEMA { Ok(()) } else { Err(OpenError::Foreign.into()) }
}

fn use_wal(connection: &Connection) -> Result<(), OpenFailure> {
    let mut statement = connection.prepare("PRAGMA journal_mode = WAL")?;
    let mut rows = statement.query([])?;
    // The row comes before the header is written: only the end of the statement tells whether it was.
    while rows.next()?.is_some() {}
    check_wal(connection)
}

fn check_wal(connection: &Connection) -> Result<(), OpenFailure> {
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    if mode.eq_ignore_ascii_case("wal") {
        return Ok(());
    }
    Err(OpenError::Failed("the file system cannot keep a write-ahead log".into()).into())
}

/// Applies what is missing, each migration with its bookkeeping, all in one transaction.
fn migrate(connection: &Connection) -> Result<(), OpenFailure> {
    connection.execute_batch("PRAGMA synchronous = FULL; BEGIN IMMEDIATE")?;
    let outcome = migrate_within(connection);
    if outcome.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    outcome
}

fn migrate_within(connection: &Connection) -> Result<(), OpenFailure> {
    let found = inspect(connection)?;
    let applied = usize::try_from(found).map_err(|_| OpenError::Foreign)?;
    for migration in MIGRATIONS.iter().skip(applied) {
        connection.execute_batch(migration)?;
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", KNOWN_SCHEMA)?;
    connection.execute_batch("COMMIT")?;
    Ok(())
}

/// The schema, one step a file; a step that was released never changes.
const MIGRATIONS: [&str; 1] = [include_str!("schema/0001.sql")];
const KNOWN_SCHEMA: i64 = 1;

/// "gpst" in ASCII, in the header of the file.
const APPLICATION_ID: i64 = 0x6770_7374;
/// 3.51.3, the first without the WAL-reset bug.
const MIN_SQLITE_VERSION: i32 = 3_051_003;

/// What is the matter when [`Database::is_in_place`] is not so.
pub(super) const REPLACED: &str =
    "files of the database were removed or replaced while it was open";
/// Pause between two looks at a lock that somebody else has.
pub(super) const BUSY_POLL: Duration = Duration::from_micros(200);
/// All statements there are fit.
const STATEMENTS: usize = 64;
/// Far above any value that we write.
const MAX_VALUE_BYTES: i32 = 1 << 20;
/// The log is cut to this when it begins anew: as long as the usual log may become.
const MAX_IDLE_WAL_BYTES: i64 = 128 << 20;
/// The longest wait that SQLite can be told.
const MAX_BUSY_LIMIT: u32 = i32::MAX.unsigned_abs();
const WRITER_CACHE_KIB: i64 = 64 << 10;
const READER_CACHE_KIB: i64 = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> (tempfile::TempDir, Database, Connection) {
        let directory = tempfile::tempdir().unwrap();
        let options = SqliteOptions { busy_limit_milliseconds: 1, ..SqliteOptions::default() };
        let path = directory.path().join("users.db");
        let Ok((database, connection)) = Database::prepare(&path, &options) else {
            panic!("the database is not opened");
        };
        (directory, database, connection)
    }

    fn pragma(connection: &Connection, name: &str) -> i64 {
        connection.pragma_query_value(None, name, |row| row.get(0)).unwrap()
    }

    /// SQLite can be told to wait for 24 days at most, and more was a panic.
    #[test]
    fn who_waits_as_long_as_can_be_said_waits_as_long_as_can_be_waited() {
        let directory = tempfile::tempdir().unwrap();
        let options = SqliteOptions { busy_limit_milliseconds: u32::MAX, ..<_>::default() };
        let opened = Database::prepare(&directory.path().join("users.db"), &options);
        let Ok((database, connection)) = opened else { panic!("the database is not opened") };
        assert_eq!(pragma(&connection, "busy_timeout"), 0, "the writer looks for itself");
        let Ok(reader) = database.reader() else { panic!("the database is not opened") };
        assert_eq!(pragma(&reader, "busy_timeout"), 2_147_483_647);
    }

    #[test]
    fn a_connection_has_the_memory_and_the_log_that_it_should() {
        let (_directory, database, writer) = open();
        // In KiB, where a number of pages would be positive.
        let cache = -262_144..=-8_192;
        assert!(cache.contains(&pragma(&writer, "cache_size")));
        assert!((1 << 25..1 << 30).contains(&pragma(&writer, "journal_size_limit")));
        assert_eq!(pragma(&writer, "wal_autocheckpoint"), 0);
        let Ok(reader) = database.reader() else { panic!("the database is not opened") };
        assert!(cache.contains(&pragma(&reader, "cache_size")));
        let longest =
            |connection: &Connection| connection.limit(Limit::SQLITE_LIMIT_LENGTH).unwrap();
        assert_eq!((longest(&writer), longest(&reader)), (1_048_576, 1_048_576));
    }

    #[test]
    fn who_finds_it_locked_looks_again_until_the_limit() {
        let (_directory, database, _connection) = open();
        assert_eq!(polls(Duration::from_millis(1)), 5);
        let mut attempts = 0;
        let outcome = database.patiently(|| -> Result<(), OpenFailure> {
            attempts += 1;
            Err(OpenError::Busy.into())
        });
        assert!(matches!(outcome, Err(OpenFailure(OpenError::Busy))));
        assert_eq!(attempts, 6);
        let mut attempts = 0;
        let outcome = database.patiently(|| -> Result<(), OpenFailure> {
            attempts += 1;
            Err(OpenError::Foreign.into())
        });
        assert!(matches!(outcome, Err(OpenFailure(OpenError::Foreign))));
        assert_eq!(attempts, 1);
    }

    #[test]
    fn what_is_not_ours_is_told_and_no_transaction_is_left() {
        for (sql, found) in [
            ("", Some(0)),
            ("PRAGMA user_version = 1", None),
            ("PRAGMA application_id = 1", None),
            ("CREATE TABLE notes (text)", None),
        ] {
            let connection = Connection::open_in_memory().unwrap();
            connection.execute_batch(sql).unwrap();
            assert_eq!(inspect(&connection).ok(), found, "{sql}");
            assert_eq!(migrate(&connection).is_ok(), found.is_some(), "{sql}");
            assert!(connection.is_autocommit(), "{sql}");
        }
        assert!(known_schema(KNOWN_SCHEMA).is_ok());
        assert!(known_schema(0).is_err() && known_schema(KNOWN_SCHEMA + 1).is_err());
    }

    #[test]
    fn a_file_that_can_have_no_log_is_told() {
        let connection = Connection::open_in_memory().unwrap();
        assert!(check_wal(&connection).is_err() && use_wal(&connection).is_err());
        let (_directory, _database, connection) = open();
        assert!(check_wal(&connection).is_ok());
    }
}
