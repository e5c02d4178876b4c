//! Users in memory.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;

use crate::model::{
    Account, Commit, Event, EventCursor, Expect, KeyName, KeyRecord, Timestamp, User, UserId, Write,
};
use crate::store::memory::claims;
use crate::store::memory::directory::Directory;
use crate::store::memory::shards::{Place, Shards};
use crate::store::memory::user_row::UserRow;
use crate::store::{CommitError, Lookup, MAX_PORTION, StoreError, UserStore};

/// Users in memory, gone with the value; one half of a [`Pair`](crate::store::Pair).
///
/// Commits take turns on the directory. Reading a root record takes one short lock of one shard.
#[derive(Debug, Default)]
pub struct MemoryUsers {
    directory: RwLock<Directory>,
    rows: Shards<UserRow>,
}

/// A commit that has been checked and only needs to be written.
pub(super) struct Change {
    /// The account before and after; `None` if the commit only tells of something.
    account: Option<(Option<Account>, Account)>,
    events: Vec<Event>,
}

impl MemoryUsers {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Locks all other commits out.
    pub(super) fn directory_to_write(&self) -> RwLockWriteGuard<'_, Directory> {
        self.directory.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn directory(&self) -> RwLockReadGuard<'_, Directory> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The root record of a user.
    pub(super) fn find(&self, id: UserId) -> Option<User> {
        self.rows.read(&id).get(&id).map(UserRow::user)
    }

    /// Where a user is, for as long as the store is there: no user is ever removed.
    pub(super) fn place(&self, id: UserId) -> Option<Place> {
        self.rows.read(&id).find(&id).map(|slot| Place::of(&id, slot))
    }

    /// The root record of the user in a place.
    pub(super) fn at(&self, place: Place) -> Option<User> {
        self.rows.at(place, UserRow::user)
    }

    fn account(&self, id: UserId) -> Option<Account> {
        self.rows.read(&id).get(&id).map(UserRow::account)
    }

    /// What `commit` would change, if it may. The directory is locked, so nothing moves meanwhile.
    ///
    /// # Errors
    ///
    /// [`CommitError::Stale`] or [`CommitError::Held`]; [`CommitError::Store`] if there is no room for
    /// another user.
    pub(super) fn check(
        &self,
        directory: &Directory,
        commit: &Commit,
    ) -> Result<Change, CommitError> {
        let only_tells = commit.writes.is_empty();
        let before = {
            let shard = self.rows.read(&commit.user);
            let before = shard.get(&commit.user);
            if !holds(commit, before.map(UserRow::user).as_ref()) {
                return Err(CommitError::Stale);
            }
            if before.is_none() && shard.is_full() {
                return Err(StoreError::transient("there is no room for another user").into());
            }
            if only_tells { None } else { before.map(UserRow::account) }
        };
        if let Some((other, epoch)) = commit.also
            && self.find(other).is_none_or(|user| user.epoch != epoch)
        {
            return Err(CommitError::Stale);
        }
        let events = commit.events.clone();
        if only_tells {
            return Ok(Change { account: None, events });
        }
        claims::check(directory, before.as_ref(), commit)?;
        let after = Account::after(before.as_ref(), commit).ok_or(CommitError::Stale)?;
        Ok(Change { account: Some((before, after)), events })
    }

    /// Writes what was checked.
    pub(super) fn write(&self, directory: &mut Directory, change: Change) {
        for event in change.events {
            directory.events.append(event);
        }
        if let Some((before, after)) = change.account {
            directory.replace(before.as_ref(), &after);
            let id = after.user.id;
            self.rows.write(&id).put(after.into());
        }
    }
}

/// Whether what the commit expects of its own user is so. Signing up takes a root record.
fn holds(commit: &Commit, before: Option<&User>) -> bool {
    match (commit.expect, before) {
        (Expect::Absent, None) => {
            commit.writes.iter().any(|write| matches!(write, Write::PutUser(_)))
        }
        (Expect::At(version), Some(user)) => user.version == version,
        (Expect::Epoch(epoch), Some(user)) => user.epoch == epoch,
        (Expect::Absent, Some(_)) | (Expect::At(_) | Expect::Epoch(_), None) => false,
    }
}

#[async_trait]
impl UserStore for MemoryUsers {
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.find(id))
    }

    async fn load(&self, by: Lookup<'_>) -> Result<Option<Account>, StoreError> {
        let account = match by {
            Lookup::User(id) => self.account(id),
            Lookup::Identity(key) => {
                let directory = self.directory();
                directory.holder(key).and_then(|id| self.account(id))
            }
        };
        if let Some(account) = &account {
            account.check().map_err(StoreError::corrupt)?;
        }
        Ok(account)
    }

    async fn key(&self, name: KeyName<'_>) -> Result<Option<KeyRecord>, StoreError> {
        let directory = self.directory();
        let holder = directory.key_holder(name);
        Ok(holder.and_then(|user| self.rows.read(&user).get(&user)?.key(name)))
    }

    async fn commit(&self, commit: &Commit) -> Result<(), CommitError> {
        let mut directory = self.directory_to_write();
        let change = self.check(&directory, commit)?;
        self.write(&mut directory, change);
        Ok(())
    }

    async fn ended(&self, before: Timestamp, limit: u32) -> Result<Vec<UserId>, StoreError> {
        Ok(self.directory().ended(before, portion(limit)))
    }

    async fn events(
        &self,
        after: EventCursor,
        limit: u32,
    ) -> Result<Vec<(EventCursor, Event)>, StoreError> {
        let directory = self.directory();
        let later = directory.events.after(after).take(portion(limit));
        Ok(later.map(|(cursor, event)| (cursor, event.clone())).collect())
    }

    async fn forget_events(&self, through: EventCursor, limit: u32) -> Result<u32, StoreError> {
        Ok(self.directory_to_write().events.forget(through, limit.min(MAX_PORTION)))
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.directory().is_empty())
    }
}

/// At most [`MAX_PORTION`], as a length.
pub(super) fn portion(limit: u32) -> usize {
    usize::try_from(limit.min(MAX_PORTION)).unwrap_or(usize::MAX)
}
