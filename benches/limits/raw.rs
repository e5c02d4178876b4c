//! The limit of what is kept in SQLite: bare `rusqlite` on a file of our own schema.

use std::path::Path;

use guestpass::model::{
    ClientId, Epoch, Method, Session, SessionId, SessionKind, Standing, Timestamp, TokenDigest,
    User, UserId, Version,
};
use guestpass::store::sqlite::{Durability, SqliteBackend};
use rusqlite::{Connection, Row, params};

use crate::guests::Guest;
use crate::{Outcome, fill};

/// One connection, set up as ours are, but that it puts the log away in its commits, as a connection does
/// that is alone.
pub(crate) struct Raw {
    pub(crate) connection: Connection,
}

impl Raw {
    /// Opens a file of our schema, or makes it, to write.
    pub(crate) fn open(path: &Path, durability: Durability) -> Outcome<Self> {
        drop(SqliteBackend::open(path)?);
        let raw = Self::connect(path)?;
        raw.connection.execute_batch(match durability {
            Durability::Full => "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON",
            Durability::Normal => "PRAGMA synchronous = NORMAL",
        })?;
        raw.connection.execute_batch(
            "PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 10000; \
             PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -65536",
        )?;
        Ok(raw)
    }

    /// Opens a file to read.
    pub(crate) fn open_to_read(path: &Path) -> Outcome<Self> {
        let raw = Self::connect(path)?;
        raw.connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -16384")?;
        Ok(raw)
    }

    fn connect(path: &Path) -> Outcome<Self> {
        let connection = Connection::open(path)?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON")?;
        Ok(Self { connection })
    }

    /// Runs a statement without rows.
    pub(crate) fn run(&self, sql: &str) -> Outcome {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    /// Signs guests up, each with its session and its event, in one transaction.
    pub(crate) fn sign_up(&self, guests: &[Guest]) -> Outcome {
        self.run("BEGIN IMMEDIATE")?;
        for Guest { user, session } in guests {
            fill::insert_user(&self.connection, user)?;
            fill::insert_session(&self.connection, session)?;
            self.append_event(user.id, user.created_at, SIGNED_UP_ANONYMOUSLY, None)?;
        }
        self.run("COMMIT")
    }

    /// Tells of something that happened.
    pub(crate) fn append_event(
        &self,
        user: UserId,
        at: Timestamp,
        kind: i64,
        detail: Option<&[u8]>,
    ) -> Outcome {
        let sql = "INSERT INTO events (user, at, kind, detail) VALUES (?, ?, ?, ?)";
        let values = params![user.as_bytes(), at.as_millis(), kind, detail];
        self.connection.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    /// Reads a session and its user at one instant.
    pub(crate) fn resolve(&self, digest: &TokenDigest) -> Outcome<Option<(Session, User)>> {
        self.run("BEGIN")?;
        let sql = "SELECT digest, id, user, epoch, client, method, created_at, accessed_at, \
                   ends_at FROM sessions WHERE digest = ?";
        let Some(session) = self.find(sql, digest.as_bytes(), read_session)? else {
            self.run("COMMIT")?;
            return Ok(None);
        };
        let sql = "SELECT id, version, epoch, standing, merged_into, is_disabled, is_verified, \
                   can_reauthenticate, created_at, ends_at FROM users WHERE id = ?";
        let user = self.find(sql, session.user.as_bytes(), read_user)?;
        self.run("COMMIT")?;
        Ok(user.map(|user| (session, user)))
    }

    fn find<T>(
        &self,
        sql: &str,
        key: &[u8],
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Outcome<Option<T>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([key])?;
        Ok(rows.next()?.map(read).transpose()?)
    }
}

fn read_session(row: &Row<'_>) -> rusqlite::Result<Session> {
    let client: Option<String> = row.get(4)?;
    Ok(Session {
        digest: TokenDigest::from_bytes(row.get(0)?),
        id: SessionId::from_bytes(row.get(1)?),
        user: UserId::from_bytes(row.get(2)?),
        epoch: Epoch::from_bytes(row.get(3)?),
        kind: match client.as_deref().and_then(ClientId::parse) {
            Some(client) => SessionKind::Refresh(client),
            None => SessionKind::Cookie,
        },
        method: match row.get(5)? {
            1 => Method::Anonymous,
            2 => Method::DeviceKey,
            3 => Method::Password,
            _ => Method::ProvenIdentity,
        },
        created_at: Timestamp::from_millis(row.get(6)?),
        accessed_at: Timestamp::from_millis(row.get(7)?),
        ends_at: Timestamp::from_millis(row.get(8)?),
    })
}

fn read_user(row: &Row<'_>) -> rusqlite::Result<User> {
    let merged_into: Option<[u8; 16]> = row.get(4)?;
    Ok(User {
        id: UserId::from_bytes(row.get(0)?),
        version: Version(row.get::<_, i64>(1)?.cast_unsigned()),
        epoch: Epoch::from_bytes(row.get(2)?),
        standing: match (row.get(3)?, merged_into) {
            (3, Some(into)) => Standing::Merged { into: UserId::from_bytes(into) },
            (1, _) => Standing::Anonymous,
            (2, _) => Standing::Regular,
            (4, _) => Standing::Deleted,
            _ => Standing::Collected,
        },
        is_disabled: row.get(5)?,
        is_verified: row.get(6)?,
        can_reauthenticate: row.get(7)?,
        created_at: Timestamp::from_millis(row.get(8)?),
        ends_at: row.get::<_, Option<i64>>(9)?.map(Timestamp::from_millis),
    })
}

/// The numbers of events, as the schema has them.
pub(crate) const SIGNED_UP_ANONYMOUSLY: i64 = 1;
pub(crate) const SIGNED_IN: i64 = 3;
pub(crate) const PROMOTED: i64 = 4;
