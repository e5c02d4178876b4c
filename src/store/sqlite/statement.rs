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

/// Whether it was a sync that failed.
pub(super) fn is_of_sync(error: &StoreError) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref());
    let code = cause.and_then(Error::sqlite_error).map(|error| error.extended_code);
    code == Some(rusqlite::ffi::SQLITE_IOERR_FSYNC)
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

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;
    use crate::store::StoreErrorKind;

    fn failure(code: i32) -> Error {
        Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn a_failure_says_what_happened_and_what_to_do() {
        use StoreErrorKind::{Corrupt, Transient};
        for (code, kind, told) in [
            (ffi::SQLITE_CORRUPT, Corrupt, "the database file is damaged"),
            (ffi::SQLITE_NOTADB, Corrupt, "the database file is damaged"),
            (ffi::SQLITE_TOOBIG, Corrupt, "a stored value is too long"),
            (ffi::SQLITE_BUSY, Transient, "the database is busy"),
            (ffi::SQLITE_LOCKED, Transient, "the database is busy"),
            (ffi::SQLITE_FULL, Transient, "the disk is full"),
            (ffi::SQLITE_IOERR, Transient, "the database failed"),
        ] {
            let error = failed(failure(code));
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, told));
            assert_eq!(is_busy(&failure(code)), told == "the database is busy");
            assert_eq!(is_damage(&failure(code)), told == "the database file is damaged");
        }
        let error = failed(Error::QueryReturnedNoRows);
        assert_eq!(error.to_string(), "the database failed");
    }

    #[test]
    fn a_sync_that_failed_is_told_from_whatever_else_fails() {
        let is_told = |code| is_of_sync(&failed(failure(code)));
        assert!(is_told(ffi::SQLITE_IOERR_FSYNC));
        for other in [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_READ, ffi::SQLITE_FULL] {
            assert!(!is_told(other));
        }
        assert!(!is_of_sync(&StoreError::transient("the database failed")));
    }

    #[test]
    fn only_a_unique_key_that_is_another_s_is_taken() {
        let connection = Connection::open_in_memory().unwrap();
        let table = "CREATE TABLE t (a PRIMARY KEY, b UNIQUE, c CHECK (c < 9)); \
                     INSERT INTO t VALUES (1, 1, 1)";
        connection.execute_batch(table).unwrap();
        let insert = |a, b, c| {
            let sql = "INSERT INTO t VALUES (?, ?, ?)";
            run_if_free(&connection, sql, [a, b, c]).map_err(|error| error.to_string())
        };
        assert_eq!(insert(1, 2, 2), Ok(false));
        assert_eq!(insert(2, 1, 2), Ok(false));
        assert_eq!(insert(2, 2, 9), Err("the database failed".to_owned()));
        assert_eq!(insert(2, 2, 2), Ok(true));
    }
}
