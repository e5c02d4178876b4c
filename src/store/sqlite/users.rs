//! Users in SQL: reading accounts, landing commits.

use rusqlite::{Connection, Row, params};

use crate::model::{
    Account, Authenticator, AuthenticatorKind, Commit, Epoch, Expect, Identity, IdentityKey,
    IdentityKind, LoginId, PasswordHash, Timestamp, User, UserId, Version, Write,
};
use crate::store::sqlite::statement::{find, list, run, run_if_free};
use crate::store::sqlite::{code, column, events, keys};
use crate::store::{CommitError, StoreError};

/// The root record of a user.
pub(super) fn user(connection: &Connection, id: UserId) -> Result<Option<User>, StoreError> {
    let sql = "SELECT id, version, epoch, standing, merged_into, is_disabled, is_verified, \
               can_reauthenticate, created_at, ends_at FROM users WHERE id = ?";
    find(connection, sql, [id.as_bytes()], read_user)
}

/// Who has the identity with this key.
pub(super) fn holder(
    connection: &Connection,
    key: &IdentityKey,
) -> Result<Option<UserId>, StoreError> {
    let Some((kind, issuer, name)) = unique(key) else {
        return Ok(None);
    };
    let sql = "SELECT user FROM identities WHERE kind = ? AND issuer = ? AND name = ?";
    find(connection, sql, params![kind, issuer, name], |row| column::user(row, 0))
}

/// A user with everything that belongs to it. The caller has begun a transaction.
pub(super) fn account(connection: &Connection, id: UserId) -> Result<Option<Account>, StoreError> {
    let Some(user) = user(connection, id)? else {
        return Ok(None);
    };
    let mut identities = list(
        connection,
        "SELECT kind, issuer, name, original, created_at, proven_at FROM identities \
         WHERE user = ? LIMIT ?",
        params![id.as_bytes(), one_more_than(Account::MAX_IDENTITIES)],
        read_identity,
    )?;
    identities.extend(keys::anonymous(connection, id)?);
    identities.sort_by_key(Identity::key);
    let authenticators = list(
        connection,
        "SELECT id, revision, kind, secret, created_at, changed_at FROM authenticators \
         WHERE user = ? ORDER BY id LIMIT ?",
        params![id.as_bytes(), one_more_than(Account::MAX_AUTHENTICATORS)],
        read_authenticator,
    )?;
    let retired_keys = keys::retired(connection, id, one_more_than(Account::MAX_RETIRED_KEYS))?;
    let account = Account { user, identities, authenticators, retired_keys };
    account.check().map_err(StoreError::corrupt)?;
    Ok(Some(account))
}

/// Who has ended by `before`, earliest first.
pub(super) fn ended(
    connection: &Connection,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<UserId>, StoreError> {
    let sql = "SELECT id FROM users WHERE ends_at IS NOT NULL AND ends_at <= ? \
               ORDER BY ends_at, id LIMIT ?";
    list(connection, sql, params![before.as_millis(), limit], |row| column::user(row, 0))
}

/// Whether there never was a user. That nobody is there but something of somebody is cannot be.
pub(super) fn is_empty(connection: &Connection) -> Result<bool, StoreError> {
    if find(connection, "SELECT 1 FROM users LIMIT 1", [], |_| Ok(()))?.is_some() {
        return Ok(false);
    }
    let sql = "SELECT 1 WHERE EXISTS (SELECT 1 FROM identities) \
               OR EXISTS (SELECT 1 FROM authenticators) OR EXISTS (SELECT 1 FROM device_keys) \
               OR EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'events' AND 0 < seq)";
    match find(connection, sql, [], |_| Ok(()))? {
        Some(()) => Err(StoreError::corrupt("there is something of users, and no user")),
        None => Ok(true),
    }
}

/// Lands a commit. The caller undoes everything if it is refused.
pub(super) fn commit(connection: &Connection, commit: &Commit) -> Result<(), CommitError> {
    if let Some((other, epoch)) = commit.also
        && epoch_of(connection, other)? != Some(epoch)
    {
        return Err(CommitError::Stale);
    }
    #[cfg(canary)]
    let commit = {
        let version = version_of(connection, commit.user)?;
        &crate::canary::at_any_version(commit, version)
    };
    let rest = match commit.expect {
        Expect::Absent => open(connection, commit)?,
        Expect::At(version) => advance(connection, commit, version)?,
        Expect::Epoch(epoch) => {
            if epoch_of(connection, commit.user)? != Some(epoch) {
                return Err(CommitError::Stale);
            }
            if !commit.writes.is_empty() {
                let sql = "UPDATE users SET version = version + 1 WHERE id = ?";
                run(connection, sql, [commit.user.as_bytes()])?;
            }
            commit.writes.as_slice()
        }
    };
    for write in rest {
        apply(connection, commit.user, write)?;
    }
    for event in &commit.events {
        events::append(connection, event)?;
    }
    Ok(())
}

fn epoch_of(connection: &Connection, id: UserId) -> Result<Option<Epoch>, StoreError> {
    let sql = "SELECT epoch FROM users WHERE id = ?";
    find(connection, sql, [id.as_bytes()], |row| column::epoch(row, 0))
}

#[cfg(canary)]
fn version_of(connection: &Connection, id: UserId) -> Result<Option<Version>, StoreError> {
    let sql = "SELECT version FROM users WHERE id = ?";
    find(connection, sql, [id.as_bytes()], |row| read_version(row, 0))
}

/// Adds the root record, which the identities and keys refer to, so that it comes first wherever it
/// stands; gives the writes that are left. An anonymous identity without a key is a part of it.
fn open<'a>(connection: &Connection, commit: &'a Commit) -> Result<&'a [Write], CommitError> {
    let (user, anonymous, rest) = match commit.writes.as_slice() {
        [Write::PutUser(user), Write::PutIdentity(identity), rest @ ..]
            if user.id == commit.user
                && identity.kind == (IdentityKind::Anonymous { key: None }) =>
        {
            (user, Some(identity), rest)
        }
        [Write::PutUser(user), rest @ ..] if user.id == commit.user => (user, None, rest),
        writes => (first_record(writes).ok_or(CommitError::Stale)?, None, writes),
    };
    let (standing, merged_into) = code::of_standing(user.standing);
    let sql = "INSERT INTO users (id, version, epoch, standing, merged_into, is_disabled, \
               is_verified, can_reauthenticate, created_at, ends_at, anonymous_since, \
               anonymous_proven_at) VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let is_free = run_if_free(
        connection,
        sql,
        params![
            commit.user.as_bytes(),
            user.epoch.as_bytes(),
            standing,
            merged_into.as_ref().map(UserId::as_bytes),
            user.is_disabled,
            user.is_verified,
            user.can_reauthenticate,
            user.created_at.as_millis(),
            user.ends_at.map(Timestamp::as_millis),
            anonymous.map(|identity| identity.created_at.as_millis()),
            anonymous.and_then(|identity| identity.proven_at).map(Timestamp::as_millis),
        ],
    )?;
    if is_free { Ok(rest) } else { Err(CommitError::Stale) }
}

fn first_record(writes: &[Write]) -> Option<&User> {
    writes.iter().find_map(|write| match write {
        Write::PutUser(user) => Some(user),
        Write::PutIdentity(_)
        | Write::DropIdentity(_)
        | Write::PutAuthenticator(_)
        | Write::DropAuthenticator(_)
        | Write::RetireKey(_) => None,
    })
}

/// Moves a user on from `version`; gives the writes that are left. A root record at their beginning is
/// put by the statement that compares the version, and by it the end of being anonymous.
fn advance<'a>(
    connection: &Connection,
    commit: &'a Commit,
    version: Version,
) -> Result<&'a [Write], CommitError> {
    // No version of a row is beyond the largest number that SQLite has.
    let version = i64::try_from(version.0).map_err(|_| CommitError::Stale)?;
    let (is_at, rest) = match commit.writes.as_slice() {
        [] => {
            let sql = "SELECT 1 FROM users WHERE id = ? AND version = ?";
            let found = find(connection, sql, params![commit.user.as_bytes(), version], |_| Ok(()));
            (found?.is_some(), [].as_slice())
        }
        [Write::PutUser(user), Write::DropIdentity(IdentityKey::Anonymous), rest @ ..]
            if user.id == commit.user =>
        {
            keys::free_live(connection, user.id)?;
            (put_user(connection, user, Some(version), Anonymity::Leave)?, rest)
        }
        [Write::PutUser(user), rest @ ..] if user.id == commit.user => {
            (put_user(connection, user, Some(version), Anonymity::Keep)?, rest)
        }
        writes => {
            let sql = "UPDATE users SET version = version + 1 WHERE id = ? AND version = ?";
            let changed = run(connection, sql, params![commit.user.as_bytes(), version])?;
            (0 < changed, writes)
        }
    };
    if is_at { Ok(rest) } else { Err(CommitError::Stale) }
}

fn apply(connection: &Connection, user: UserId, write: &Write) -> Result<(), CommitError> {
    match write {
        Write::PutUser(record) if record.id == user => {
            put_user(connection, record, None, Anonymity::Keep)?;
        }
        Write::PutUser(_) => return Err(CommitError::Held),
        Write::PutIdentity(identity) => put_identity(connection, user, identity)?,
        Write::DropIdentity(key) => match unique(key) {
            None => keys::drop_anonymous(connection, user)?,
            Some((kind, issuer, name)) => {
                let sql = "DELETE FROM identities \
                           WHERE kind = ? AND issuer = ? AND name = ? AND user = ?";
                run(connection, sql, params![kind, issuer, name, user.as_bytes()])?;
            }
        },
        Write::PutAuthenticator(authenticator) => {
            put_authenticator(connection, user, authenticator)?;
        }
        Write::DropAuthenticator(id) => {
            let sql = "DELETE FROM authenticators WHERE user = ? AND id = ?";
            run(connection, sql, params![user.as_bytes(), id.as_bytes()])?;
        }
        Write::RetireKey(retired) => keys::retire(connection, user, retired)?,
    }
    Ok(())
}

/// What becomes of the anonymous identity, which is a part of the root record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Anonymity {
    Keep,
    Leave,
}

/// Replaces a root record, and moves it on if it is at the version `at`; says whether it was there.
fn put_user(
    connection: &Connection,
    user: &User,
    at: Option<i64>,
    anonymity: Anonymity,
) -> Result<bool, StoreError> {
    let (standing, merged_into) = code::of_standing(user.standing);
    let sql = "UPDATE users SET version = version + (?1 IS NOT NULL), epoch = ?2, standing = ?3, \
               merged_into = ?4, is_disabled = ?5, is_verified = ?6, can_reauthenticate = ?7, \
               created_at = ?8, ends_at = ?9, anonymous_since = iif(?10, NULL, anonymous_since), \
               anonymous_proven_at = iif(?10, NULL, anonymous_proven_at), \
               anonymous_key = iif(?10, NULL, anonymous_key) \
               WHERE id = ?11 AND version = coalesce(?1, version)";
    let changed = run(
        connection,
        sql,
        params![
            at,
            user.epoch.as_bytes(),
            standing,
            merged_into.as_ref().map(UserId::as_bytes),
            user.is_disabled,
            user.is_verified,
            user.can_reauthenticate,
            user.created_at.as_millis(),
            user.ends_at.map(Timestamp::as_millis),
            anonymity == Anonymity::Leave,
            user.id.as_bytes(),
        ],
    )?;
    Ok(0 < changed)
}

fn put_identity(
    connection: &Connection,
    user: UserId,
    identity: &Identity,
) -> Result<(), CommitError> {
    let (kind, issuer, name, original) = match &identity.kind {
        IdentityKind::Anonymous { key } => {
            return keys::put_anonymous(connection, user, identity, key.as_ref());
        }
        IdentityKind::LoginId(login_id) => {
            (code::of_login_id(login_id.kind()), "", login_id.key(), Some(login_id.as_str()))
        }
        IdentityKind::OAuth { issuer, subject } => {
            (code::OAUTH, issuer.as_str(), subject.as_str(), None)
        }
    };
    #[cfg(canary)]
    if crate::canary::Canary::IdentityTakenOver.sings() {
        let sql = "DELETE FROM identities WHERE kind = ? AND issuer = ? AND name = ?";
        run(connection, sql, params![kind, issuer, name])?;
    }
    let sql = "INSERT INTO identities (kind, issuer, name, user, original, created_at, proven_at) \
               VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, issuer, name) DO UPDATE SET \
               original = excluded.original, created_at = excluded.created_at, \
               proven_at = excluded.proven_at WHERE user = excluded.user";
    let is_free = run_if_free(
        connection,
        sql,
        params![
            kind,
            issuer,
            name,
            user.as_bytes(),
            original,
            identity.created_at.as_millis(),
            identity.proven_at.map(Timestamp::as_millis),
        ],
    )?;
    if is_free { Ok(()) } else { Err(CommitError::Held) }
}

fn put_authenticator(
    connection: &Connection,
    user: UserId,
    authenticator: &Authenticator,
) -> Result<(), StoreError> {
    let (kind, secret) = match &authenticator.kind {
        AuthenticatorKind::Password(hash) => (code::PASSWORD, hash.as_phc()),
    };
    let sql = "INSERT INTO authenticators (user, id, revision, kind, secret, created_at, \
               changed_at) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (user, id) DO UPDATE SET \
               revision = excluded.revision, kind = excluded.kind, secret = excluded.secret, \
               created_at = excluded.created_at, changed_at = excluded.changed_at";
    run(
        connection,
        sql,
        params![
            user.as_bytes(),
            authenticator.id.as_bytes(),
            authenticator.revision.cast_signed(),
            kind,
            secret,
            authenticator.created_at.as_millis(),
            authenticator.changed_at.as_millis(),
        ],
    )
    .map(drop)
}

fn read_user(row: &Row<'_>) -> Result<User, StoreError> {
    let merged_into = column::optional_bytes(row, 4)?.map(UserId::from_bytes);
    Ok(User {
        id: column::user(row, 0)?,
        version: read_version(row, 1)?,
        epoch: column::epoch(row, 2)?,
        standing: code::standing(column::integer(row, 3)?, merged_into)?,
        is_disabled: column::flag(row, 5)?,
        is_verified: column::flag(row, 6)?,
        can_reauthenticate: column::flag(row, 7)?,
        created_at: column::time(row, 8)?,
        ends_at: column::optional_time(row, 9)?,
    })
}

fn read_version(row: &Row<'_>, at: usize) -> Result<Version, StoreError> {
    match u64::try_from(column::integer(row, at)?) {
        Ok(version) if Version::FIRST <= Version(version) => Ok(Version(version)),
        Ok(_) | Err(_) => Err(StoreError::corrupt("a stored user is at no version")),
    }
}

fn read_identity(row: &Row<'_>) -> Result<Identity, StoreError> {
    let (issuer, name) = (column::text(row, 1)?, column::text(row, 2)?);
    let kind =
        match (column::integer(row, 0)?, column::optional_text(row, 3)?) {
            (code::OAUTH, None) => {
                IdentityKind::OAuth { issuer: issuer.to_owned(), subject: name.to_owned() }
            }
            (kind, Some(original)) if issuer.is_empty() => IdentityKind::LoginId(
                LoginId::from_stored(code::login_id(kind)?, name.to_owned(), original.to_owned()),
            ),
            _ => return Err(StoreError::corrupt("a stored identity is of two kinds")),
        };
    let (created_at, proven_at) = (column::time(row, 4)?, column::optional_time(row, 5)?);
    Ok(Identity { kind, created_at, proven_at })
}

fn read_authenticator(row: &Row<'_>) -> Result<Authenticator, StoreError> {
    let kind = match column::integer(row, 2)? {
        code::PASSWORD => PasswordHash::from_phc(column::text(row, 3)?.to_owned())
            .map(AuthenticatorKind::Password)
            .ok_or(StoreError::corrupt("a stored password hash is empty or too long"))?,
        _ => return Err(StoreError::corrupt("a stored authenticator is of no kind")),
    };
    Ok(Authenticator {
        id: column::bytes(row, 0).map(crate::model::AuthenticatorId::from_bytes)?,
        revision: column::integer(row, 1)?.cast_unsigned(),
        kind,
        created_at: column::time(row, 4)?,
        changed_at: column::time(row, 5)?,
    })
}

/// What an identity is unique by. The anonymous one is not.
fn unique(key: &IdentityKey) -> Option<(i64, &str, &str)> {
    match key {
        IdentityKey::Anonymous => None,
        IdentityKey::LoginId { kind, key } => Some((code::of_login_id(*kind), "", key)),
        IdentityKey::OAuth { issuer, subject } => Some((code::OAUTH, issuer, subject)),
    }
}

/// Reading one more than there may be shows that there are too many.
fn one_more_than(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_is_bounded() {
        assert_eq!([0, 16, usize::MAX].map(one_more_than), [1, 17, i64::MAX]);
    }
}
