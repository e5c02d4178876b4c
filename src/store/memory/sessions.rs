//! Sessions in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::model::{Epoch, Session, SessionId, SessionKind, Timestamp, TokenDigest, UserId};
use crate::store::memory::index::Index;
use crate::store::memory::session_row::SessionRow;
use crate::store::memory::shards::{Place, Shards};
use crate::store::memory::users::portion;
use crate::store::{MAX_PORTION, Memory, Nonce, SessionStore, StoreError};

/// Sessions and spent nonces in memory, gone with the value; one half of a
/// [`Pair`](crate::store::Pair).
///
/// Changes take turns on the index. Reading a session takes one short lock of one shard.
#[derive(Debug, Default)]
pub struct MemorySessions {
    index: Mutex<Index>,
    rows: Shards<SessionRow>,
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

    /// Finds a session, and what `other` finds of its user while the session certainly is there.
    pub(super) fn find_with<T>(
        &self,
        digest: &TokenDigest,
        other: impl FnOnce(UserId, Option<Place>) -> T,
    ) -> Option<(Session, T)> {
        let shard = self.rows.read(digest);
        let row = shard.get(digest)?;
        let found = other(row.user, row.user_at);
        Some((row.session(), found))
    }

    fn place(&self, digest: &TokenDigest) -> Option<Place> {
        self.rows.read(digest).find(digest).map(|slot| Place::of(digest, slot))
    }

    /// Refuses a session whose names are taken, or for which there is no room.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if there is one with its digest, or one of its user with its ID, or the store is
    /// full.
    pub(super) fn check_new(&self, index: &Index, session: &Session) -> Result<(), StoreError> {
        let shard = self.rows.read(&session.digest);
        let is_taken = index.place(session.user, session.id).is_some()
            || shard.find(&session.digest).is_some();
        if is_taken {
            return Err(StoreError::transient("there is a session with this digest or ID"));
        }
        if shard.is_full() {
            return Err(StoreError::transient("there is no room for another session"));
        }
        Ok(())
    }

    /// Adds a session that was checked. Whoever can see it sees what `first` did, which tells where its
    /// user is.
    pub(super) fn add_with(
        &self,
        index: &mut Index,
        session: &Session,
        first: impl FnOnce() -> Option<Place>,
    ) {
        let opening = index.openings.of(session);
        let mut shard = self.rows.write(&session.digest);
        let slot = shard.insert(SessionRow::new(session, opening, first()));
        index.add(session, Place::of(&session.digest, slot));
    }

    /// Gives a session that is there another value, under its digest. Whoever can see that sees what
    /// `first` did, which tells where its user is.
    pub(super) fn move_with(
        &self,
        index: &mut Index,
        session: &Session,
        first: impl FnOnce() -> Option<Place>,
    ) {
        let mut shard = self.rows.write(&session.digest);
        let Some((slot, kept)) = shard.find_mut(&session.digest) else { return };
        let place = Place::of(&session.digest, slot);
        index.remove(kept, place);
        let row = SessionRow::new(session, index.openings.of(session), first());
        let before = std::mem::replace(kept, row);
        index.openings.release(&before.opening);
        index.add(session, place);
    }

    fn remove_with(&self, index: &mut Index, place: Place) -> bool {
        let removed = self.rows.write_at(place).remove(place.slot());
        if let Some(row) = &removed {
            index.remove(row, place);
            index.openings.release(&row.opening);
        }
        removed.is_some()
    }
}

#[async_trait]
impl SessionStore for MemorySessions {
    async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        let mut index = self.index();
        self.check_new(&index, session)?;
        self.add_with(&mut index, session, || None);
        Ok(())
    }

    async fn session(&self, digest: &TokenDigest) -> Result<Option<Session>, StoreError> {
        Ok(self.rows.read(digest).get(digest).map(SessionRow::session))
    }

    async fn record_access(
        &self,
        digest: &TokenDigest,
        accessed_at: Timestamp,
        ends_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut index = self.index();
        let mut shard = self.rows.write(digest);
        let Some((slot, row)) = shard.find_mut(digest) else {
            return Ok(false);
        };
        if row.accessed_at <= accessed_at {
            index.move_end(Place::of(digest, slot), row.ends_at, ends_at);
            row.accessed_at = accessed_at;
            row.ends_at = ends_at;
        }
        Ok(true)
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        let mut index = self.index();
        match self.place(digest) {
            Some(place) => Ok(self.remove_with(&mut index, place)),
            None => Ok(false),
        }
    }

    async fn remove_by_id(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        let mut index = self.index();
        match index.place(user, id) {
            Some(place) => Ok(self.remove_with(&mut index, place)),
            None => Ok(false),
        }
    }

    async fn of_user(
        &self,
        user: UserId,
        epoch: Epoch,
        kind: Option<&SessionKind>,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Session>, StoreError> {
        let index = self.index();
        let listed = |row: &SessionRow| {
            let is_wanted = row.epoch == epoch && kind.is_none_or(|kind| row.opening.kind == *kind);
            is_wanted.then(|| row.session())
        };
        let sessions =
            index.of_user(user, after).filter_map(|place| self.rows.at(place, listed)?);
        Ok(sessions.take(portion(limit)).collect())
    }

    async fn rotate(&self, old: &TokenDigest, new: &Session) -> Result<bool, StoreError> {
        let mut index = self.index();
        let Some(place) = self.place(old) else {
            return Ok(false);
        };
        let is_anothers = |other: Option<Place>| other.is_some_and(|other| other != place);
        if is_anothers(self.place(&new.digest)) || is_anothers(index.place(new.user, new.id)) {
            return Err(StoreError::transient("there is a session with the new digest or ID"));
        }
        let of_user = |row: &SessionRow| row.user_at.filter(|_| row.user == new.user);
        let user_at = self.rows.at(place, of_user).flatten();
        if new.digest == *old {
            // In its place, so that a reader finds it at every moment.
            self.move_with(&mut index, new, || user_at);
            return Ok(true);
        }
        if self.rows.read(&new.digest).is_full() {
            return Err(StoreError::transient("there is no room for the rotated session"));
        }
        self.remove_with(&mut index, place);
        self.add_with(&mut index, new, || user_at);
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
        let is_longer = |row: &SessionRow| row.epoch == epoch && until < row.ends_at;
        let longer: Vec<Place> = index
            .of_user(user, None)
            .filter(|place| self.rows.at(*place, is_longer) == Some(true))
            .take(portion(limit))
            .collect();
        for &place in &longer {
            if let Some(row) = self.rows.write_at(place).at_mut(place.slot()) {
                index.move_end(place, row.ends_at, until);
                row.ends_at = until;
            }
        }
        Ok(u32::try_from(longer.len()).unwrap_or(u32::MAX))
    }

    async fn spend(&self, nonce: &Nonce, until: Timestamp) -> Result<bool, StoreError> {
        Ok(self.index().spend(*nonce, until))
    }

    async fn sweep(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let mut index = self.index();
        let mut swept = index.forget_spent(before, limit.min(MAX_PORTION));
        for place in index.ended(before, portion(limit)) {
            if self.remove_with(&mut index, place) {
                swept = swept.saturating_add(1);
            }
        }
        Ok(swept)
    }

    fn remembers_spent(&self) -> Memory {
        Memory::Process
    }
}
