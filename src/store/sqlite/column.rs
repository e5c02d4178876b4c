//! Reading one column, trusting nothing that is stored.

use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::model::{Epoch, Thumbprint, Timestamp, UserId};
use crate::store::StoreError;

/// A blob of exactly this length.
pub(super) fn bytes<const N: usize>(row: &Row<'_>, column: usize) -> Result<[u8; N], StoreError> {
    blob(row, column)?
        .try_into()
        .map_err(|_| StoreError::corrupt("a stored blob has another length than it must"))
}

/// The same, or nothing.
pub(super) fn optional_bytes<const N: usize>(
    row: &Row<'_>,
    column: usize,
) -> Result<Option<[u8; N]>, StoreError> {
    if is_null(row, column)? { Ok(None) } else { bytes(row, column).map(Some) }
}

/// A blob.
pub(super) fn blob<'row>(row: &'row Row<'_>, column: usize) -> Result<&'row [u8], StoreError> {
    match value(row, column)? {
        ValueRef::Blob(blob) => Ok(blob),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Text(_) => {
            Err(StoreError::corrupt("a stored value is not a blob"))
        }
    }
}

/// The same, or nothing.
pub(super) fn optional_blob<'row>(
    row: &'row Row<'_>,
    column: usize,
) -> Result<Option<&'row [u8]>, StoreError> {
    if is_null(row, column)? { Ok(None) } else { blob(row, column).map(Some) }
}

/// A text in UTF-8.
pub(super) fn text<'row>(row: &'row Row<'_>, column: usize) -> Result<&'row str, StoreError> {
    match value(row, column)? {
        ValueRef::Text(text) => str::from_utf8(text)
            .map_err(|error| StoreError::corrupt("a stored text is not UTF-8").because(error)),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => {
            Err(StoreError::corrupt("a stored value is not a text"))
        }
    }
}

/// The same, or nothing.
pub(super) fn optional_text<'row>(
    row: &'row Row<'_>,
    column: usize,
) -> Result<Option<&'row str>, StoreError> {
    if is_null(row, column)? { Ok(None) } else { text(row, column).map(Some) }
}

/// An integer.
pub(super) fn integer(row: &Row<'_>, column: usize) -> Result<i64, StoreError> {
    match value(row, column)? {
        ValueRef::Integer(integer) => Ok(integer),
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_) => {
            Err(StoreError::corrupt("a stored value is not an integer"))
        }
    }
}

/// The same, or nothing.
pub(super) fn optional_integer(row: &Row<'_>, column: usize) -> Result<Option<i64>, StoreError> {
    if is_null(row, column)? { Ok(None) } else { integer(row, column).map(Some) }
}

/// An integer that is 0 or 1.
pub(super) fn flag(row: &Row<'_>, column: usize) -> Result<bool, StoreError> {
    match integer(row, column)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(StoreError::corrupt("a stored flag is neither 0 nor 1")),
    }
}

/// An instant.
pub(super) fn time(row: &Row<'_>, column: usize) -> Result<Timestamp, StoreError> {
    integer(row, column).map(Timestamp::from_millis)
}

/// The same, or nothing.
pub(super) fn optional_time(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>, StoreError> {
    Ok(optional_integer(row, column)?.map(Timestamp::from_millis))
}

/// The `sub` of a user.
pub(super) fn user(row: &Row<'_>, column: usize) -> Result<UserId, StoreError> {
    bytes(row, column).map(UserId::from_bytes)
}

/// An epoch.
pub(super) fn epoch(row: &Row<'_>, column: usize) -> Result<Epoch, StoreError> {
    bytes(row, column).map(Epoch::from_bytes)
}

/// The thumbprint of a device key.
pub(super) fn thumbprint(row: &Row<'_>, column: usize) -> Result<Thumbprint, StoreError> {
    bytes(row, column).map(Thumbprint)
}

fn is_null(row: &Row<'_>, column: usize) -> Result<bool, StoreError> {
    value(row, column).map(|value| value == ValueRef::Null)
}

fn value<'row>(row: &'row Row<'_>, column: usize) -> Result<ValueRef<'row>, StoreError> {
    row.get_ref(column)
        .map_err(|error| StoreError::corrupt("a stored row lacks a column").because(error))
}
