//! A session as it is kept: of a fixed size, and all of it in one place.

use std::sync::Arc;

use crate::model::{Epoch, Session, SessionId, Timestamp, TokenDigest, UserId};
use crate::store::memory::opening::Opening;
use crate::store::memory::shard::Row;
use crate::store::memory::shards::Place;

/// A session without what it has in common with others.
///
/// It is read whole wherever it is read, so it is kept in no more cache lines than it needs.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct SessionRow {
    pub(super) digest: TokenDigest,
    pub(super) id: SessionId,
    pub(super) user: UserId,
    /// Where the user is, if that is known: reading it there saves a look into a table.
    pub(super) user_at: Option<Place>,
    pub(super) epoch: Epoch,
    pub(super) opening: Arc<Opening>,
    pub(super) created_at: Timestamp,
    pub(super) accessed_at: Timestamp,
    pub(super) ends_at: Timestamp,
}

impl SessionRow {
    /// The row of a session that was opened in this way.
    pub(super) fn new(session: &Session, opening: Arc<Opening>, user_at: Option<Place>) -> Self {
        let &Session {
            digest,
            id,
            user,
            epoch,
            kind: _,
            method: _,
            created_at,
            accessed_at,
            ends_at,
        } = session;
        Self { digest, id, user, user_at, epoch, opening, created_at, accessed_at, ends_at }
    }

    /// The session.
    pub(super) fn session(&self) -> Session {
        let &Self { digest, id, user, epoch, created_at, accessed_at, ends_at, .. } = self;
        let Opening { kind, method } = &*self.opening;
        Session {
            digest,
            id,
            user,
            epoch,
            kind: kind.clone(),
            method: *method,
            created_at,
            accessed_at,
            ends_at,
        }
    }
}

impl Row for SessionRow {
    type Key = TokenDigest;

    fn key(&self) -> &TokenDigest {
        &self.digest
    }
}

/// Two cache lines; an empty slot takes no more.
const _: () = assert!(size_of::<Option<SessionRow>>() == 128);
