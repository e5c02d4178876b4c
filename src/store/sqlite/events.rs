//! Events in SQL.

use rusqlite::{Connection, Row, params};

use crate::model::{Event, EventCursor, EventKind, SessionId, Thumbprint, UserId};
use crate::store::StoreError;
use crate::store::sqlite::statement::{list, run};
use crate::store::sqlite::{code, column};

/// Appends an event under the next cursor.
pub(super) fn append(connection: &Connection, event: &Event) -> Result<(), StoreError> {
    let (kind, detail) = encode(&event.kind);
    let sql = "INSERT INTO events (user, at, kind, detail) VALUES (?, ?, ?, ?)";
    run(connection, sql, params![event.user.as_bytes(), event.at.as_millis(), kind, detail])
        .map(drop)
}

/// The events after `after`, at most `limit`.
pub(super) fn after(
    connection: &Connection,
    after: EventCursor,
    limit: u32,
) -> Result<Vec<(EventCursor, Event)>, StoreError> {
    let sql = "SELECT cursor, user, at, kind, detail FROM events WHERE cursor > ? \
               ORDER BY cursor LIMIT ?";
    list(connection, sql, params![cursor(after), limit], |row| {
        let cursor = u64::try_from(column::integer(row, 0)?)
            .map_err(|_| StoreError::corrupt("a stored event is nowhere"))?;
        let (user, at) = (column::user(row, 1)?, column::time(row, 2)?);
        Ok((EventCursor(cursor), Event { user, at, kind: decode(row)? }))
    })
}

/// Forgets the earliest events; says how many.
pub(super) fn forget(
    connection: &Connection,
    through: EventCursor,
    limit: u32,
) -> Result<u32, StoreError> {
    let sql = "DELETE FROM events WHERE cursor IN \
               (SELECT cursor FROM events WHERE cursor <= ? ORDER BY cursor LIMIT ?)";
    let forgotten = run(connection, sql, params![cursor(through), limit])?;
    Ok(u32::try_from(forgotten).unwrap_or(u32::MAX))
}

/// No event is ever beyond the largest number that SQLite has.
fn cursor(cursor: EventCursor) -> i64 {
    i64::try_from(cursor.0).unwrap_or(i64::MAX)
}

fn encode(kind: &EventKind) -> (i64, Option<Vec<u8>>) {
    match kind {
        EventKind::SignedUpAnonymously => (1, None),
        EventKind::SignedUp => (2, None),
        EventKind::SignedIn { session, method } => {
            let session = session.as_ref().map_or(&[][..], |id| id.as_bytes());
            (3, Some([&[code::of_method(*method)], session].concat()))
        }
        EventKind::Promoted => (4, None),
        EventKind::Merged { into } => (5, Some(into.as_bytes().to_vec())),
        EventKind::PasswordChanged => (6, None),
        EventKind::Disabled => (7, None),
        EventKind::Enabled => (8, None),
        EventKind::Deleted => (9, None),
        EventKind::Collected => (10, None),
        EventKind::PasswordRemoved => (12, None),
        EventKind::IdentityProven => (13, None),
        EventKind::KeyRefused { thumbprint } => (11, Some(thumbprint.0.to_vec())),
    }
}

fn decode(row: &Row<'_>) -> Result<EventKind, StoreError> {
    let detail = column::optional_blob(row, 4)?;
    let kind = match (column::integer(row, 3)?, detail) {
        (1, None) => Some(EventKind::SignedUpAnonymously),
        (2, None) => Some(EventKind::SignedUp),
        (3, Some([method, session @ ..])) => {
            let method = code::method((*method).into())?;
            match session {
                [] => Some(EventKind::SignedIn { session: None, method }),
                id => <[u8; 16]>::try_from(id)
                    .ok()
                    .map(SessionId::from_bytes)
                    .map(|id| EventKind::SignedIn { session: Some(id), method }),
            }
        }
        (4, None) => Some(EventKind::Promoted),
        (5, Some(into)) => <[u8; 16]>::try_from(into)
            .ok()
            .map(|into| EventKind::Merged { into: UserId::from_bytes(into) }),
        (6, None) => Some(EventKind::PasswordChanged),
        (7, None) => Some(EventKind::Disabled),
        (8, None) => Some(EventKind::Enabled),
        (9, None) => Some(EventKind::Deleted),
        (10, None) => Some(EventKind::Collected),
        (11, Some(key)) => <[u8; 32]>::try_from(key)
            .ok()
            .map(|key| EventKind::KeyRefused { thumbprint: Thumbprint(key) }),
        (12, None) => Some(EventKind::PasswordRemoved),
        (13, None) => Some(EventKind::IdentityProven),
        _ => None,
    };
    kind.ok_or(StoreError::corrupt("a stored event is of no kind"))
}
