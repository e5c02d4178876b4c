//! The reference backend, in memory.
//!
//! It is what the laws of a store mean, and a real backend for tests and for hosts of one process
//! whose guests may be forgotten when that ends.

mod claims;
mod directory;
mod event_log;
mod index;
mod opening;
mod rows;
mod session_row;
mod sessions;
mod shard;
mod shards;
mod slot_table;
mod sorted;
mod user_row;
mod users;

use async_trait::async_trait;

pub use sessions::MemorySessions;
pub use users::MemoryUsers;

use crate::model::{
    Account, Commit, Epoch, Event, EventCursor, KeyName, KeyRecord, Session, SessionId,
    SessionKind, Timestamp, TokenDigest, User, UserId,
};
use crate::store::pair::record_in_turn;
use crate::store::{
    Atomicity, Backend, CommitError, LandError, Landing, Lookup, Memory, Nonce, SessionStore,
    SessionUse, StoreError, UserStore,
};

/// Users and sessions in memory, gone with the value.
///
/// A landing is one step and a resolution one snapshot, as in a database that holds both. A
/// resolution takes two short read locks, each of one shard, and searches nothing.
#[derive(Debug, Default)]
pub struct MemoryBackend {
    users: MemoryUsers,
    sessions: MemorySessions,
}

impl MemoryBackend {
    /// An empty backend.
    pub fn new() -> Self {
        Self::default()
    }

    /// Checks everything, then writes everything.
    ///
    /// Locks are taken in one order everywhere: the index of sessions, the directory of users, a shard
    /// of sessions, a shard of users.
    fn land_at_once(&self, landing: &Landing) -> Result<(), LandError> {
        let mut index = self.sessions.index();
        if landing.spend.is_some_and(|(nonce, _)| index.is_spent(&nonce)) {
            return Err(LandError::Spent);
        }
        let mut directory = self.users.directory_to_write();
        let change = match &landing.commit {
            Some(commit) => Some(self.users.check(&directory, commit)?),
            None => None,
        };
        if let Some(session) = &landing.open_session {
            self.sessions.check_new(&index, session)?;
        }

        if let Some((nonce, until)) = landing.spend {
            index.spend(nonce, until);
        }
        // The first session that is written takes the change with it, so that nobody sees the one
        // without the other.
        let mut change = change;
        let mut write_users = || {
            if let Some(change) = change.take() {
                self.users.write(&mut directory, change);
            }
        };
        let mut user_of = |session: &Session| {
            write_users();
            self.users.place(session.user)
        };
        if let Some(session) = &landing.move_session {
            self.sessions.move_with(&mut index, session, || user_of(session));
        }
        if let Some(session) = &landing.open_session {
            self.sessions.add_with(&mut index, session, || user_of(session));
        }
        write_users();
        Ok(())
    }
}

#[async_trait]
impl Backend for MemoryBackend {
    async fn land(&self, landing: &Landing) -> Result<(), LandError> {
        self.land_at_once(landing)
    }

    async fn resolve(&self, digest: &TokenDigest) -> Result<Option<(Session, User)>, StoreError> {
        let found = self.sessions.find_with(digest, |user, place| match place {
            Some(place) => self.users.at(place),
            None => self.users.find(user),
        });
        match found {
            None => Ok(None),
            Some((session, Some(user))) => Ok(Some((session, user))),
            Some((_, None)) => Err(StoreError::corrupt("a session belongs to no user")),
        }
    }

    async fn record_use(&self, used: &SessionUse) -> Result<(), StoreError> {
        record_in_turn(&self.users, &self.sessions, used).await
    }

    fn atomicity(&self) -> Atomicity {
        Atomicity::Whole
    }

    fn users(&self) -> &dyn UserStore {
        self
    }

    fn sessions(&self) -> &dyn SessionStore {
        self
    }
}

#[async_trait]
impl UserStore for MemoryBackend {
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.users.user(id).await
    }

    async fn load(&self, by: Lookup<'_>) -> Result<Option<Account>, StoreError> {
        self.users.load(by).await
    }

    async fn key(&self, name: KeyName<'_>) -> Result<Option<KeyRecord>, StoreError> {
        self.users.key(name).await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), CommitError> {
        self.users.commit(commit).await
    }

    async fn ended(&self, before: Timestamp, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.users.ended(before, limit).await
    }

    async fn events(
        &self,
        after: EventCursor,
        limit: u32,
    ) -> Result<Vec<(EventCursor, Event)>, StoreError> {
        self.users.events(after, limit).await
    }

    async fn forget_events(&self, through: EventCursor, limit: u32) -> Result<u32, StoreError> {
        self.users.forget_events(through, limit).await
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        self.users.is_empty().await
    }
}

#[async_trait]
impl SessionStore for MemoryBackend {
    async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        self.sessions.insert(session).await
    }

    async fn session(&self, digest: &TokenDigest) -> Result<Option<Session>, StoreError> {
        self.sessions.session(digest).await
    }

    async fn record_access(
        &self,
        digest: &TokenDigest,
        accessed_at: Timestamp,
        ends_at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.sessions.record_access(digest, accessed_at, ends_at).await
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        self.sessions.remove(digest).await
    }

    async fn remove_by_id(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        self.sessions.remove_by_id(user, id).await
    }

    async fn of_user(
        &self,
        user: UserId,
        epoch: Epoch,
        kind: Option<&SessionKind>,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Session>, StoreError> {
        self.sessions.of_user(user, epoch, kind, after, limit).await
    }

    async fn rotate(&self, old: &TokenDigest, new: &Session) -> Result<bool, StoreError> {
        self.sessions.rotate(old, new).await
    }

    async fn shorten(
        &self,
        user: UserId,
        epoch: Epoch,
        until: Timestamp,
        limit: u32,
    ) -> Result<u32, StoreError> {
        self.sessions.shorten(user, epoch, until, limit).await
    }

    async fn spend(&self, nonce: &Nonce, until: Timestamp) -> Result<bool, StoreError> {
        self.sessions.spend(nonce, until).await
    }

    async fn sweep(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        self.sessions.sweep(before, limit).await
    }

    fn remembers_spent(&self) -> Memory {
        self.sessions.remembers_spent()
    }
}
