//! Sessions and spent nonces in SQL.

use rusqlite::{Connection, Row, params};

use crate::model::{
    ClientId, Epoch, Session, SessionId, SessionKind, Timestamp, TokenDigest, UserId,
};
use crate::store::sqlite::statement::{find, list, run, run_if_free};
use crate::store::sqlite::{code, column};
use crate::store::{Nonce, StoreError};

/// The session with this digest.
pub(super) fn session(
    connection: &Connection,
    digest: &TokenDigest,
) -> Result<Option<Session>, StoreError> {
    let sql = "SELECT digest, id, user, epoch, client, method, created_at, accessed_at, ends_at \
               FROM sessions WHERE digest = ?";
    find(connection, sql, [digest.as_bytes()], read)
}

/// Adds a session whose names are free.
pub(super) fn insert(connection: &Connection, session: &Session) -> Result<(), StoreError> {
    let sql = "INSERT INTO sessions (digest, id, user, epoch, client, method, created_at, \
               accessed_at, ends_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let is_free = run_if_free(
        connection,
        sql,
        params![
            session.digest.as_bytes(),
            session.id.as_bytes(),
            session.user.as_bytes(),
            session.epoch.as_bytes(),
            client(&session.kind),
            code::of_method(session.method),
            session.created_at.as_millis(),
            session.accessed_at.as_millis(),
            session.ends_at.as_millis(),
        ],
    )?;
    if is_free {
        Ok(())
    } else {
        Err(StoreError::transient("there is a session with this digest or ID"))
    }
}

/// Records a use that is not older than the recorded one; says whether there is such a session.
pub(super) fn record_access(
    connection: &Connection,
    digest: &TokenDigest,
    accessed_at: Timestamp,
    ends_at: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE sessions SET accessed_at = ?2, ends_at = ?3 \
               WHERE digest = ?1 AND accessed_at <= ?2";
    let values = params![digest.as_bytes(), accessed_at.as_millis(), ends_at.as_millis()];
    if 0 < run(connection, sql, values)? {
        return Ok(true);
    }
    let sql = "SELECT 1 FROM sessions WHERE digest = ?";
    find(connection, sql, [digest.as_bytes()], |_| Ok(())).map(|found| found.is_some())
}

/// Removes a session; says whether there was one.
pub(super) fn remove(connection: &Connection, digest: &TokenDigest) -> Result<bool, StoreError> {
    let sql = "DELETE FROM sessions WHERE digest = ?";
    run(connection, sql, [digest.as_bytes()]).map(|removed| 0 < removed)
}

/// Removes the session of `user` with this ID; says whether there was one.
pub(super) fn remove_by_id(
    connection: &Connection,
    user: UserId,
    id: SessionId,
) -> Result<bool, StoreError> {
    let sql = "DELETE FROM sessions WHERE user = ? AND id = ?";
    #[cfg(canary)]
    let sql = crate::canary::Canary::AnybodysSession
        .instead(sql, "DELETE FROM sessions WHERE (user = ? OR 1) AND id = ?");
    run(connection, sql, [user.as_bytes(), id.as_bytes()]).map(|removed| 0 < removed)
}

/// The sessions of `user` at `epoch`, of one kind or of all, in the order of their IDs.
pub(super) fn of_user(
    connection: &Connection,
    user: UserId,
    epoch: Epoch,
    kind: Option<&SessionKind>,
    after: Option<SessionId>,
    limit: u32,
) -> Result<Vec<Session>, StoreError> {
    // Every ID is greater than the empty blob.
    let after = after.as_ref().map_or(&[][..], |id| id.as_bytes());
    let sql = "SELECT digest, id, user, epoch, client, method, created_at, accessed_at, ends_at \
               FROM sessions WHERE user = ? AND id > ? AND epoch = ? AND (? OR client IS ?) \
               ORDER BY id LIMIT ?";
    let (is_any, client) = (kind.is_none(), kind.and_then(client));
    let values = params![user.as_bytes(), after, epoch.as_bytes(), is_any, client, limit];
    list(connection, sql, values, read)
}

/// Puts `new` in the place of `old`; says whether that was there.
pub(super) fn rotate(
    connection: &Connection,
    old: &TokenDigest,
    new: &Session,
) -> Result<bool, StoreError> {
    let was_there = remove(connection, old)?;
    if was_there {
        insert(connection, new)?;
    }
    Ok(was_there)
}

/// Lets sessions of `user` at `epoch` end at `until` at the latest; says how many were changed.
pub(super) fn shorten(
    connection: &Connection,
    user: UserId,
    epoch: Epoch,
    until: Timestamp,
    limit: u32,
) -> Result<u32, StoreError> {
    let sql = "UPDATE sessions SET ends_at = ?3 WHERE digest IN (SELECT digest FROM sessions \
               WHERE user = ?1 AND epoch = ?2 AND ends_at > ?3 LIMIT ?4)";
    let values = params![user.as_bytes(), epoch.as_bytes(), until.as_millis(), limit];
    run(connection, sql, values).map(count)
}

/// Spends a nonce; says whether this was the first time.
pub(super) fn spend(
    connection: &Connection,
    nonce: &Nonce,
    until: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "INSERT INTO spent (nonce, until) VALUES (?, ?)";
    run_if_free(connection, sql, params![nonce.0, until.as_millis()])
}

/// Forgets ended sessions, and nonces that need not be remembered; says how many in all.
pub(super) fn sweep(
    connection: &Connection,
    before: Timestamp,
    limit: u32,
) -> Result<u32, StoreError> {
    let sql = "DELETE FROM sessions WHERE digest IN (SELECT digest FROM sessions \
               WHERE ends_at < ? ORDER BY ends_at LIMIT ?)";
    let sessions = run(connection, sql, params![before.as_millis(), limit]).map(count)?;
    let sql = "DELETE FROM spent WHERE nonce IN (SELECT nonce FROM spent \
               WHERE until < ? ORDER BY until LIMIT ?)";
    let nonces = run(connection, sql, params![before.as_millis(), limit]).map(count)?;
    Ok(sessions.saturating_add(nonces))
}

fn read(row: &Row<'_>) -> Result<Session, StoreError> {
    let kind = match column::optional_text(row, 4)? {
        None => SessionKind::Cookie,
        Some(client) => ClientId::parse(client)
            .map(SessionKind::Refresh)
            .ok_or(StoreError::corrupt("a stored client ID cannot be one"))?,
    };
    Ok(Session {
        digest: column::bytes(row, 0).map(TokenDigest::from_bytes)?,
        id: column::bytes(row, 1).map(SessionId::from_bytes)?,
        user: column::user(row, 2)?,
        epoch: column::epoch(row, 3)?,
        kind,
        method: code::method(column::integer(row, 5)?)?,
        created_at: column::time(row, 6)?,
        accessed_at: column::time(row, 7)?,
        ends_at: column::time(row, 8)?,
    })
}

/// The client as it is stored; a cookie's session has none.
fn client(kind: &SessionKind) -> Option<&str> {
    match kind {
        SessionKind::Cookie => None,
        SessionKind::Refresh(client) => Some(client.as_str()),
    }
}

fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}
