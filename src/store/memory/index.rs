//! Where sessions are found other than by their digest, and which nonces were spent.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::{Session, SessionId, Timestamp, TokenDigest, UserId};
use crate::store::Nonce;

/// The indexes over all sessions, as plain data.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_user: BTreeMap<(UserId, SessionId), TokenDigest>,
    by_end: BTreeSet<(Timestamp, TokenDigest)>,
    spent: HashMap<Nonce, Timestamp>,
    spent_by_time: BTreeSet<(Timestamp, Nonce)>,
}

impl Index {
    /// The digest of the session of `user` with this ID.
    pub(super) fn digest(&self, user: UserId, id: SessionId) -> Option<TokenDigest> {
        self.by_user.get(&(user, id)).copied()
    }

    /// The digests of the sessions of `user` in the order of their IDs.
    pub(super) fn of_user(
        &self,
        user: UserId,
        after: Option<SessionId>,
    ) -> impl Iterator<Item = TokenDigest> {
        let first = (user, after.unwrap_or(SessionId::from_bytes([0; 16])));
        self.by_user
            .range(first..)
            .take_while(move |((owner, _), _)| *owner == user)
            .filter(move |((_, id), _)| after.is_none_or(|after| after < *id))
            .map(|(_, digest)| *digest)
    }

    pub(super) fn add(&mut self, session: &Session) {
        self.by_user.insert((session.user, session.id), session.digest);
        self.by_end.insert((session.ends_at, session.digest));
    }

    pub(super) fn remove(&mut self, session: &Session) {
        self.by_user.remove(&(session.user, session.id));
        self.by_end.remove(&(session.ends_at, session.digest));
    }

    /// Moves the end of a session.
    pub(super) fn move_end(&mut self, digest: TokenDigest, from: Timestamp, to: Timestamp) {
        self.by_end.remove(&(from, digest));
        self.by_end.insert((to, digest));
    }

    /// The sessions that ended before `before`, earliest first.
    pub(super) fn ended(&self, before: Timestamp, limit: usize) -> Vec<TokenDigest> {
        let ended = self.by_end.iter().take_while(|(ends_at, _)| *ends_at < before);
        ended.take(limit).map(|(_, digest)| *digest).collect()
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
            && let Some((until, nonce)) = self.spent_by_time.first().copied()
            && until < before
        {
            self.spent_by_time.remove(&(until, nonce));
            self.spent.remove(&nonce);
            forgotten += 1;
        }
        forgotten
    }
}
