//! Sessions in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::model::{Epoch, Session, SessionId, Timestamp, TokenDigest, UserId};
use crate::store::memory::index::Index;
use crate::store::memory::shards::Shards;
use crate::store::memory::users::portion;
use crate::store::{MAX_PORTION, Memory, Nonce, SessionStore, StoreError};

/// Sessions and spent nonces in memory, gone with the value; one half of a
/// [`Pair`](crate::store::Pair).
///
/// Changes take turns on the index. Reading a session takes one short lock of one shard.
#[derive(Debug, Default)]
pub struct MemorySessions {
    index: Mutex<Index>,
    sessions: Shards<TokenDigest, Session>,
}

impl MemorySessions {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Locks all other changes out.
    pub(super) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, digest: &TokenDigest) -> Option<Session> {
        self.sessions.read(digest).get(digest).cloned()
    }

    /// Finds a session, and what `other` finds while it certainly is there.
    pub(super) fn find_with<T>(
        &self,
        digest: &TokenDigest,
        other: impl FnOnce(&Session) -> T,
    ) -> Option<(Session, T)> {
        let shard = self.sessions.read(digest);
        let session = shard.get(digest)?;
        let found = other(session);
        Some((session.clone(), found))
    }

    /// Refuses a session whose names are taken.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if there is one with its digest, or one of its user with its ID.
    pub(super) fn check_new(&self, index: &Index, session: &Session) -> Result<(), StoreError> {
        let is_taken = index.digest(session.user, session.id).is_some()
            || self.sessions.read(&session.digest).contains_key(&session.digest);
        if is_taken {
            return Err(StoreError::transient("there is a session with this digest or ID"));
        }
        Ok(())
    }

    /// Adds a session that was checked. Whoever can see it sees what `first` did.
    pub(super) fn add_with(&self, index: &mut Index, session: &Session, first: impl FnOnce()) {
        let mut shard = self.sessions.write(&session.digest);
        first();
        shard.insert(session.digest, session.clone());
        index.add(session);
    }

    /// Gives a session that is there another value, under its digest and ID. Whoever can see that sees
    /// what `first` did.
    pub(super) fn move_with(&self, index: &mut Index, session: &Session, first: impl FnOnce()) {
        let mut shard = self.sessions.write(&session.digest);
        let Some(kept) = shard.get_mut(&session.digest) else { return };
        first();
        index.remove(kept);
        kept.clone_from(session);
        index.add(session);
    }

    fn remove_with(&self, index: &mut Index, digest: &TokenDigest) -> bool {
        let removed = self.sessions.write(digest).remove(digest);
        if let Some(session) = &removed {
            index.remove(session);
        }
        removed.is_some()
    }

    fn move_end(
        &self,
        index: &mut Index,
        session: &Session,
        accessed_at: Timestamp,
        end: Timestamp,
    ) {
        if let Some(kept) = self.sessions.write(&session.digest).get_mut(&session.digest) {
            kept.accessed_at = accessed_at;
            kept.ends_at = end;
        }
        index.move_end(session.digest, session.ends_at, end);
    }
}

#[async_trait]
impl SessionStore for MemorySessions {
    async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        let mut index = self.index();
        self.check_new(&index, session)?;
        self.add_with(&mut index, session, || {});
        Ok(())
    }

    async fn session(&self, digest: &TokenDigest) -> Result<Option<Session>, StoreError> {
        Ok(self.find(digest))
    }

    async fn record_access(
        &self,
        digest: &TokenDigest,
        accessed_at: Timestamp,
        ends_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut index = self.index();
        let Some(session) = self.find(digest) else {
            return Ok(false);
        };
        if session.accessed_at <= accessed_at {
            self.move_end(&mut index, &session, accessed_at, ends_at);
        }
        Ok(true)
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        Ok(self.remove_with(&mut self.index(), digest))
    }

    async fn remove_by_id(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        let mut index = self.index();
        match index.digest(user, id) {
            Some(digest) => Ok(self.remove_with(&mut index, &digest)),
            None => Ok(false),
        }
    }

    async fn of_user(
        &self,
        user: UserId,
        epoch: Epoch,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Session>, StoreError> {
        let index = self.index();
        let sessions = index.of_user(user, after).filter_map(|digest| self.find(&digest));
        Ok(sessions.filter(|session| session.epoch == epoch).take(portion(limit)).collect())
    }

    async fn rotate(&self, old: &TokenDigest, new: &Session) -> Result<bool, StoreError> {
        let mut index = self.index();
        let Some(session) = self.find(old) else {
            return Ok(false);
        };
        // Out of the index for a moment, so that its own ID does not count as taken.
        index.remove(&session);
        let digest_is_taken = new.digest != *old && self.find(&new.digest).is_some();
        if digest_is_taken || index.digest(new.user, new.id).is_some() {
            index.add(&session);
            return Err(StoreError::transient("there is a session with the new digest or ID"));
        }
        if new.digest == *old {
            // In its place, so that a reader finds it at every moment.
            index.add(&session);
            self.move_with(&mut index, new, || {});
            return Ok(true);
        }
        self.sessions.write(old).remove(old);
        self.add_with(&mut index, new, || {});
        Ok(true)
    }

    async fn shorten(
        &self,
        user: UserId,
        epoch: Epoch,
        until: Timestamp,
        limit: u32,
    ) -> Result<u32, StoreError> {
        let mut index = self.index();
        let longer: Vec<Session> = index
            .of_user(user, None)
            .filter_map(|digest| self.find(&digest))
            .filter(|session| session.epoch == epoch && until < session.ends_at)
            .take(portion(limit))
            .collect();
        for session in &longer {
            self.move_end(&mut index, session, session.accessed_at, until);
        }
        Ok(u32::try_from(longer.len()).unwrap_or(u32::MAX))
    }

    async fn spend(&self, nonce: &Nonce, until: Timestamp) -> Result<bool, StoreError> {
        Ok(self.index().spend(*nonce, until))
    }

    async fn sweep(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let mut index = self.index();
        let mut swept = index.forget_spent(before, limit.min(MAX_PORTION));
        for digest in index.ended(before, portion(limit)) {
            if self.remove_with(&mut index, &digest) {
                swept = swept.saturating_add(1);
            }
        }
        Ok(swept)
    }

    fn remembers_spent(&self) -> Memory {
        Memory::Process
    }
}
