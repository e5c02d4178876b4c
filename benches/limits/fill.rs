//! Making a crowd at once, in bulk: what is measured later is not how it came there.

use std::path::Path;

use futures_executor::block_on;
use guestpass::model::{
    Commit, Expect, Identity, IdentityKind, Session, SessionKind, Timestamp, User, Write,
};
use guestpass::store::sqlite::SqliteBackend;
use guestpass::store::{Backend, Landing};
use rusqlite::{Connection, params};

use crate::Outcome;
use crate::guests::Guest;

/// Makes a file of our schema with so many guests in it, each with one session.
pub(crate) fn file(path: &Path, crowd: &str, guests: u64, now: Timestamp) -> Outcome {
    drop(SqliteBackend::open(path)?);
    let connection = Connection::open(path)?;
    // Without a log the file is written once; nobody else has it open yet.
    connection.execute_batch(
        "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144",
    )?;
    let indexes = drop_indexes(&connection)?;
    connection.execute_batch("BEGIN")?;
    let mut by_digest = Vec::new();
    for number in 0..guests {
        let guest = Guest::new(crowd, number, now)?;
        insert_user(&connection, &guest.user)?;
        by_digest.push((guest.session.digest, number));
    }
    by_digest.sort_unstable();
    for (_, number) in by_digest {
        insert_session(&connection, &Guest::new(crowd, number, now)?.session)?;
    }
    for index in indexes {
        connection.execute_batch(&index)?;
    }
    connection.execute_batch("COMMIT; PRAGMA journal_mode = WAL")?;
    drop(connection);
    sync(path)
}

/// Makes the same crowd in memory.
pub(crate) fn memory(backend: &impl Backend, crowd: &str, guests: u64, now: Timestamp) -> Outcome {
    for number in 0..guests {
        let Guest { user, session } = Guest::new(crowd, number, now)?;
        let anonymous = Identity {
            kind: IdentityKind::Anonymous { key: None },
            created_at: user.created_at,
            proven_at: None,
        };
        let commit = Commit {
            user: user.id,
            expect: Expect::Absent,
            also: None,
            writes: vec![Write::PutUser(user), Write::PutIdentity(anonymous)],
            events: Vec::new(),
        };
        let landing =
            Landing { commit: Some(commit), open_session: Some(session), ..Landing::default() };
        block_on(backend.land(&landing))?;
    }
    Ok(())
}

/// Adds the row of an anonymous user.
pub(crate) fn insert_user(connection: &Connection, user: &User) -> Outcome {
    let sql = "INSERT INTO users (id, version, epoch, standing, is_disabled, is_verified, \
               can_reauthenticate, created_at, ends_at, anonymous_since) \
               VALUES (?, 1, ?, 1, 0, 0, 0, ?, ?, ?)";
    let created_at = user.created_at.as_millis();
    let ends_at = user.ends_at.map(Timestamp::as_millis);
    let (id, epoch) = (user.id.as_bytes(), user.epoch.as_bytes());
    connection.prepare_cached(sql)?.execute(params![id, epoch, created_at, ends_at, created_at])?;
    Ok(())
}

/// Adds the row of a session that was opened by nothing but signing up.
pub(crate) fn insert_session(connection: &Connection, session: &Session) -> Outcome {
    let client = match &session.kind {
        SessionKind::Cookie => None,
        SessionKind::Refresh(client) => Some(client.as_str()),
    };
    let sql = "INSERT INTO sessions (digest, id, user, epoch, client, method, created_at, \
               accessed_at, ends_at) VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?)";
    connection.prepare_cached(sql)?.execute(params![
        session.digest.as_bytes(),
        session.id.as_bytes(),
        session.user.as_bytes(),
        session.epoch.as_bytes(),
        client,
        session.created_at.as_millis(),
        session.accessed_at.as_millis(),
        session.ends_at.as_millis(),
    ])?;
    Ok(())
}

/// Drops the indexes, and says how to make them again: sorting all entries once is faster than
/// finding the place of each.
fn drop_indexes(connection: &Connection) -> Outcome<Vec<String>> {
    let sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";
    let mut statement = connection.prepare(sql)?;
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let found: Vec<(String, String)> = found.collect::<Result<_, _>>()?;
    for (name, _) in &found {
        connection.execute_batch(&format!("DROP INDEX {name}"))?;
    }
    Ok(found.into_iter().map(|(_, sql)| sql).collect())
}

/// Makes a file with so many sessions in it that ended before `now`, and nobody whose they were.
pub(crate) fn ended_sessions(path: &Path, sessions: u64, now: Timestamp) -> Outcome {
    drop(SqliteBackend::open(path)?);
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144",
    )?;
    let indexes = drop_indexes(&connection)?;
    connection.execute_batch("BEGIN")?;
    let mut by_digest = Vec::new();
    for number in 0..sessions {
        by_digest.push((Guest::new("ended", number, now)?.session.digest, number));
    }
    by_digest.sort_unstable();
    for (_, number) in by_digest {
        let mut session = Guest::new("ended", number, now)?.session;
        session.ends_at = session.created_at;
        insert_session(&connection, &session)?;
    }
    for index in indexes {
        connection.execute_batch(&index)?;
    }
    connection.execute_batch("COMMIT; PRAGMA journal_mode = WAL")?;
    drop(connection);
    sync(path)
}

/// Waits for the disk to have the file: otherwise the first sync of what is measured does.
pub(crate) fn sync(path: &Path) -> Outcome {
    Ok(std::fs::File::open(path)?.sync_all()?)
}
