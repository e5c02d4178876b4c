//! Running prepared statements, and what their failures mean.

use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
use rusqlite::{Connection, Error, ErrorCode, Params, Row};

use crate::store::StoreError;

/// Runs a statement that gives no rows; says how many it changed.
pub(super) fn run(
    connection: &Connection,
    sql: &'static str,
    values: impl Params,
) -> Result<usize, StoreError> {
    connection.prepare_cached(sql).and_then(|mut it| it.execute(values)).map_err(failed)
}

/// Runs a statement that may meet a unique key; says whether it changed a row and met none.
pub(super) fn run_if_free(
    connection: &Connection,
    sql: &'static str,
    values: impl Params,
) -> Result<bool, StoreError> {
    match connection.prepare_cached(sql).and_then(|mut it| it.execute(values)) {
        Ok(changed) => Ok(0 < changed),
        Err(error) if is_taken(&error) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

/// The first row, if there is one.
pub(super) fn find<T>(
    connection: &Connection,
    sql: &'static str,
    values: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query(values).map_err(failed)?;
    match rows.next().map_err(failed)? {
        Some(row) => read(row).map(Some),
        None => Ok(None),
    }
}

/// All rows; the statement says how many at most.
pub(super) fn list<T>(
    connection: &Connection,
    sql: &'static str,
    values: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query(values).map_err(failed)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// Reads several statements at one instant.
pub(super) fn snapshot<T>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    run(connection, "BEGIN", [])?;
    let found = read(connection);
    let ended = run(connection, "COMMIT", []);
    let found = found?;
    ended.map(|_| found)
}

/// Whether somebody else has the lock.
pub(super) fn is_busy(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether the file is not what SQLite has written.
pub(super) fn is_damage(error: &Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// What a failure means to the caller.
pub(super) fn failed(error: Error) -> StoreError {
    let told = match error.sqlite_error_code() {
        _ if is_damage(&error) => StoreError::corrupt("the database file is damaged"),
        Some(ErrorCode::TooBig) => StoreError::corrupt("a stored value is too long"),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::transient("the database is busy")
        }
        Some(ErrorCode::DiskFull) => StoreError::transient("the disk is full"),
        Some(_) | None => StoreError::transient("the database failed"),
    };
    told.because(error)
}

fn is_taken(error: &Error) -> bool {
    error.sqlite_error().is_some_and(|failure| {
        failure.extended_code == SQLITE_CONSTRAINT_UNIQUE
            || failure.extended_code == SQLITE_CONSTRAINT_PRIMARYKEY
    })
}
