//! A backend of any two stores.

use async_trait::async_trait;

use crate::model::{Session, TokenDigest, User};
use crate::store::{
    Atomicity, Backend, CommitError, LandError, Landing, SessionStore, SessionUse, StoreError,
    UserStore,
};

/// A [`Backend`] of any two stores, each of which may be anywhere.
///
/// A landing takes up to four steps, and stopping after each is safe: a nonce that was spent in vain costs
/// another challenge, a user without a session signs in again.
#[derive(Debug)]
pub struct Pair<U, S> {
    users: U,
    sessions: S,
}

impl<U: UserStore, S: SessionStore> Pair<U, S> {
    /// Puts two stores together.
    pub fn new(users: U, sessions: S) -> Self {
        Self { users, sessions }
    }
}

#[async_trait]
impl<U: UserStore, S: SessionStore> Backend for Pair<U, S> {
    async fn land(&self, landing: &Landing) -> Result<(), LandError> {
        if let Some((nonce, until)) = &landing.spend
            && !self.sessions.spend(nonce, *until).await?
        {
            return Err(LandError::Spent);
        }
        #[cfg(canary)]
        if let Some(session) =
            crate::canary::Canary::SessionBeforeCommit.instead(&None, &landing.open_session)
        {
            self.sessions.insert(session).await?;
            return self.land(&crate::canary::after_opening(landing)).await;
        }
        if let Some(commit) = &landing.commit {
            self.users.commit(commit).await?;
        }
        if let Some(session) = &landing.move_session {
            self.sessions.rotate(&session.digest, session).await?;
        }
        if let Some(session) = &landing.open_session {
            self.sessions.insert(session).await?;
        }
        Ok(())
    }

    async fn resolve(&self, digest: &TokenDigest) -> Result<Option<(Session, User)>, StoreError> {
        let Some(session) = self.sessions.session(digest).await? else {
            return Ok(None);
        };
        match self.users.user(session.user).await? {
            Some(user) => Ok(Some((session, user))),
            None => Err(StoreError::corrupt("a session belongs to no user")),
        }
    }

    async fn record_use(&self, used: &SessionUse) -> Result<(), StoreError> {
        record_in_turn(&self.users, &self.sessions, used).await
    }

    fn atomicity(&self) -> Atomicity {
        Atomicity::Stepwise
    }

    fn users(&self) -> &dyn UserStore {
        &self.users
    }

    fn sessions(&self) -> &dyn SessionStore {
        &self.sessions
    }
}

/// Records a use in two stores, one after the other.
///
/// # Errors
///
/// [`StoreError`] of either store. A fence that others have moved is none: nothing is recorded, and the
/// next use tries again.
pub(super) async fn record_in_turn(
    users: &impl UserStore,
    sessions: &impl SessionStore,
    used: &SessionUse,
) -> Result<(), StoreError> {
    if let Some(fence) = &used.fence {
        match users.commit(fence).await {
            Ok(()) => {}
            Err(CommitError::Stale | CommitError::Held) => return Ok(()),
            Err(CommitError::Store(error)) => return Err(error),
        }
    }
    sessions.record_access(&used.digest, used.accessed_at, used.ends_at).await.map(drop)
}
