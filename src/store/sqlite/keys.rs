//! Device keys in SQL, and the anonymous identity that has the live one.
//!
//! A key is one row, live or retired, so that its two names are unique over both. The root record of
//! its user names the live one.

use rusqlite::{Connection, Row, params};

use crate::model::{
    DeviceKey, Identity, IdentityKind, KeyId, KeyName, KeyRecord, Outcome, PublicKey, RetiredKey,
    Timestamp, UserId,
};
use crate::store::sqlite::statement::{find, list, run, run_if_free};
use crate::store::sqlite::{code, column};
use crate::store::{CommitError, StoreError};

/// The device key with this name.
pub(super) fn key(
    connection: &Connection,
    name: KeyName<'_>,
) -> Result<Option<KeyRecord>, StoreError> {
    let read = |row: &Row<'_>| {
        let outcome = read_retirement(row)?.map(|(outcome, _)| outcome);
        Ok(KeyRecord { user: column::user(row, 3)?, key: read_key(row)?, outcome })
    };
    match name {
        KeyName::Thumbprint(thumbprint) => {
            let sql = "SELECT thumbprint, kid, public, user, outcome, retired_at \
                       FROM device_keys WHERE thumbprint = ?";
            find(connection, sql, [&thumbprint.0], read)
        }
        KeyName::Kid(kid) => {
            let sql = "SELECT thumbprint, kid, public, user, outcome, retired_at \
                       FROM device_keys WHERE kid = ?";
            find(connection, sql, [kid], read)
        }
    }
}

/// The anonymous identity of a user, if it has one.
pub(super) fn anonymous(
    connection: &Connection,
    user: UserId,
) -> Result<Option<Identity>, StoreError> {
    let sql = "SELECT anonymous_since, anonymous_proven_at, anonymous_key FROM users WHERE id = ?";
    let found = find(connection, sql, [user.as_bytes()], |row| {
        let thumbprint = column::optional_bytes::<32>(row, 2)?;
        Ok((column::optional_time(row, 0)?, column::optional_time(row, 1)?, thumbprint))
    })?;
    let (created_at, proven_at, thumbprint) = match found {
        Some((Some(since), proven_at, thumbprint)) => (since, proven_at, thumbprint),
        Some((None, None, None)) | None => return Ok(None),
        Some((None, Some(_), _) | (None, _, Some(_))) => {
            return Err(StoreError::corrupt("a stored user is half anonymous"));
        }
    };
    let key = match thumbprint {
        None => None,
        Some(thumbprint) => {
            let sql = "SELECT thumbprint, kid, public FROM device_keys \
                       WHERE thumbprint = ? AND user = ?";
            let key = find(connection, sql, params![thumbprint, user.as_bytes()], read_key)?;
            Some(key.ok_or(StoreError::corrupt("a stored user names a key that is not its own"))?)
        }
    };
    Ok(Some(Identity { kind: IdentityKind::Anonymous { key }, created_at, proven_at }))
}

/// The retired keys of a user, in the order of their thumbprints.
pub(super) fn retired(
    connection: &Connection,
    user: UserId,
    limit: i64,
) -> Result<Vec<RetiredKey>, StoreError> {
    let sql = "SELECT thumbprint, kid, public, user, outcome, retired_at FROM device_keys \
               WHERE user = ? AND outcome IS NOT NULL ORDER BY thumbprint LIMIT ?";
    list(connection, sql, params![user.as_bytes(), limit], |row| {
        let key = read_key(row)?;
        match read_retirement(row)? {
            Some((outcome, retired_at)) => Ok(RetiredKey { key, outcome, retired_at }),
            None => Err(StoreError::corrupt("a stored key is both live and retired")),
        }
    })
}

/// Puts the anonymous identity in the place of the one before, whose key is free again.
pub(super) fn put_anonymous(
    connection: &Connection,
    user: UserId,
    identity: &Identity,
    key: Option<&DeviceKey>,
) -> Result<(), CommitError> {
    free_live(connection, user)?;
    if let Some(key) = key {
        let sql = "INSERT INTO device_keys (thumbprint, kid, user, public) VALUES (?, ?, ?, ?)";
        let public = key.public.to_bytes();
        let values = params![key.thumbprint.0, key.kid.as_str(), user.as_bytes(), public];
        if !run_if_free(connection, sql, values)? {
            return Err(CommitError::Held);
        }
    }
    let sql = "UPDATE users SET anonymous_since = ?, anonymous_proven_at = ?, anonymous_key = ? \
               WHERE id = ?";
    run(
        connection,
        sql,
        params![
            identity.created_at.as_millis(),
            identity.proven_at.map(Timestamp::as_millis),
            key.map(|key| key.thumbprint.0),
            user.as_bytes(),
        ],
    )?;
    Ok(())
}

/// Drops the anonymous identity, and its key unless that is retired already.
pub(super) fn drop_anonymous(connection: &Connection, user: UserId) -> Result<(), StoreError> {
    free_live(connection, user)?;
    let sql = "UPDATE users SET anonymous_since = NULL, anonymous_proven_at = NULL, \
               anonymous_key = NULL WHERE id = ?";
    run(connection, sql, [user.as_bytes()]).map(drop)
}

/// Keeps a key for good, or once more, whether or not its live row is still there.
pub(super) fn retire(
    connection: &Connection,
    user: UserId,
    retired: &RetiredKey,
) -> Result<(), CommitError> {
    let sql = "INSERT INTO device_keys (thumbprint, kid, user, public, outcome, retired_at) \
               VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (thumbprint) DO UPDATE SET \
               kid = excluded.kid, public = excluded.public, outcome = excluded.outcome, \
               retired_at = excluded.retired_at WHERE user = excluded.user";
    let is_free = run_if_free(
        connection,
        sql,
        params![
            retired.key.thumbprint.0,
            retired.key.kid.as_str(),
            user.as_bytes(),
            retired.key.public.to_bytes(),
            code::of_outcome(retired.outcome),
            retired.retired_at.as_millis(),
        ],
    )?;
    if is_free { Ok(()) } else { Err(CommitError::Held) }
}

/// Lets go of the live key of a user, whom the root record still names.
pub(super) fn free_live(connection: &Connection, user: UserId) -> Result<(), StoreError> {
    let sql = "DELETE FROM device_keys WHERE outcome IS NULL AND \
               thumbprint = (SELECT anonymous_key FROM users WHERE id = ?)";
    run(connection, sql, [user.as_bytes()]).map(drop)
}

fn read_key(row: &Row<'_>) -> Result<DeviceKey, StoreError> {
    let kid = KeyId::parse(column::text(row, 1)?);
    let public = PublicKey::from_bytes(column::blob(row, 2)?);
    Ok(DeviceKey {
        thumbprint: column::thumbprint(row, 0)?,
        kid: kid.ok_or(StoreError::corrupt("a stored `kid` cannot be one"))?,
        public: public.ok_or(StoreError::corrupt("a stored public key cannot be one"))?,
    })
}

fn read_retirement(row: &Row<'_>) -> Result<Option<(Outcome, Timestamp)>, StoreError> {
    let retired_at = column::optional_time(row, 5)?;
    match (retired_at, column::optional_integer(row, 4)?) {
        (Some(retired_at), Some(outcome)) => Ok(Some((code::outcome(outcome)?, retired_at))),
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => {
            Err(StoreError::corrupt("a stored key is half retired"))
        }
    }
}
