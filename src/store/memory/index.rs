//! Where sessions are found other than by their digest, and which nonces were spent.

use std::collections::HashMap;

use crate::model::{Session, SessionId, Timestamp, UserId};
use crate::store::Nonce;
use crate::store::memory::opening::Openings;
use crate::store::memory::session_row::SessionRow;
use crate::store::memory::shards::Place;
use crate::store::memory::sorted::SortedSet;

/// The indexes over all sessions, as plain data.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) openings: Openings,
    by_user: SortedSet<(UserId, SessionId, Place)>,
    by_end: SortedSet<(Timestamp, Place)>,
    spent: HashMap<Nonce, Timestamp>,
    spent_by_time: SortedSet<(Timestamp, Nonce)>,
}

impl Index {
    /// Where the session of `user` with this ID is.
    pub(super) fn place(&self, user: UserId, id: SessionId) -> Option<Place> {
        let (owner, found, place) = self.by_user.from((user, id, Place::FIRST)).next()?;
        ((owner, found) == (user, id)).then_some(place)
    }

    /// Where the sessions of `user` are, in the order of their IDs.
    pub(super) fn of_user(
        &self,
        user: UserId,
        after: Option<SessionId>,
    ) -> impl Iterator<Item = Place> {
        let first = after.unwrap_or(SessionId::from_bytes([0; 16]));
        self.by_user
            .from((user, first, Place::FIRST))
            .take_while(move |(owner, ..)| *owner == user)
            .filter(move |(_, id, _)| after.is_none_or(|after| after < *id))
            .map(|(.., place)| place)
    }

    pub(super) fn add(&mut self, session: &Session, place: Place) {
        self.by_user.insert((session.user, session.id, place));
        self.by_end.insert((session.ends_at, place));
    }

    pub(super) fn remove(&mut self, row: &SessionRow, place: Place) {
        self.by_user.remove((row.user, row.id, place));
        self.by_end.remove((row.ends_at, place));
    }

    /// Moves the end of a session.
    pub(super) fn move_end(&mut self, place: Place, from: Timestamp, to: Timestamp) {
        self.by_end.remove((from, place));
        self.by_end.insert((to, place));
    }

    /// The sessions that ended before `before`, earliest first.
    pub(super) fn ended(&self, before: Timestamp, limit: usize) -> Vec<Place> {
        let ended = self.by_end.iter().take_while(|(ends_at, _)| *ends_at < before);
        ended.take(limit).map(|(_, place)| place).collect()
    }

    pub(super) fn is_spent(&self, nonce: &Nonce) -> bool {
        self.spent.contains_key(nonce)
    }

    /// Spends a nonce; says whether this was the first time.
    pub(super) fn spend(&mut self, nonce: Nonce, until: Timestamp) -> bool {
        if self.is_spent(&nonce) {
            return false;
        }
        self.spent.insert(nonce, until);
        self.spent_by_time.insert((until, nonce));
        true
    }

    /// Forgets nonces that had to be remembered until earlier than `before`; says how many.
    pub(super) fn forget_spent(&mut self, before: Timestamp, limit: u32) -> u32 {
        let mut forgotten = 0;
        while forgotten < limit
            && let Some((until, nonce)) = self.spent_by_time.first()
            && until < before
        {
            self.spent_by_time.remove((until, nonce));
            self.spent.remove(&nonce);
            forgotten += 1;
        }
        forgotten
    }
}
