//! Stores behind an [`Arc`], so that a host keeps a handle to the store that it gives to the engine.

use std::sync::Arc;

use async_trait::async_trait;

use crate::model::{
    Account, Commit, Epoch, Event, EventCursor, KeyName, KeyRecord, Nonce, Session, SessionId,
    SessionKind, Timestamp, TokenDigest, User, UserId,
};
use crate::store::{
    Atomicity, Backend, CommitError, LandError, Landing, Lookup, Memory, SessionStore, SessionUse,
    StoreError, UserStore,
};

#[async_trait]
impl<T: UserStore + ?Sized> UserStore for Arc<T> {
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        (**self).user(id).await
    }

    async fn load(&self, by: Lookup<'_>) -> Result<Option<Account>, StoreError> {
        (**self).load(by).await
    }

    async fn key(&self, name: KeyName<'_>) -> Result<Option<KeyRecord>, StoreError> {
        (**self).key(name).await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), CommitError> {
        (**self).commit(commit).await
    }

    async fn ended(&self, before: Timestamp, limit: u32) -> Result<Vec<UserId>, StoreError> {
        (**self).ended(before, limit).await
    }

    async fn events(
        &self,
        after: EventCursor,
        limit: u32,
    ) -> Result<Vec<(EventCursor, Event)>, StoreError> {
        (**self).events(after, limit).await
    }

    async fn forget_events(&self, through: EventCursor, limit: u32) -> Result<u32, StoreError> {
        (**self).forget_events(through, limit).await
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        (**self).is_empty().await
    }
}

#[async_trait]
impl<T: SessionStore + ?Sized> SessionStore for Arc<T> {
    async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        (**self).insert(session).await
    }

    async fn session(&self, digest: &TokenDigest) -> Result<Option<Session>, StoreError> {
        (**self).session(digest).await
    }

    async fn record_access(
        &self,
        digest: &TokenDigest,
        accessed_at: Timestamp,
        ends_at: Timestamp,
    ) -> Result<bool, StoreError> {
        (**self).record_access(digest, accessed_at, ends_at).await
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        (**self).remove(digest).await
    }

    async fn remove_by_id(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        (**self).remove_by_id(user, id).await
    }

    async fn of_user(
        &self,
        user: UserId,
        epoch: Epoch,
        kind: Option<&SessionKind>,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Session>, StoreError> {
        (**self).of_user(user, epoch, kind, after, limit).await
    }

    async fn rotate(&self, old: &TokenDigest, new: &Session) -> Result<bool, StoreError> {
        (**self).rotate(old, new).await
    }

    async fn shorten(
        &self,
        user: UserId,
        epoch: Epoch,
        until: Timestamp,
        limit: u32,
    ) -> Result<u32, StoreError> {
        (**self).shorten(user, epoch, until, limit).await
    }

    async fn spend(&self, nonce: &Nonce, until: Timestamp) -> Result<bool, StoreError> {
        (**self).spend(nonce, until).await
    }

    async fn sweep(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        (**self).sweep(before, limit).await
    }

    fn remembers_spent(&self) -> Memory {
        (**self).remembers_spent()
    }
}

#[async_trait]
impl<T: Backend + ?Sized> Backend for Arc<T> {
    async fn land(&self, landing: &Landing) -> Result<(), LandError> {
        (**self).land(landing).await
    }

    async fn resolve(&self, digest: &TokenDigest) -> Result<Option<(Session, User)>, StoreError> {
        (**self).resolve(digest).await
    }

    async fn record_use(&self, used: &SessionUse) -> Result<(), StoreError> {
        (**self).record_use(used).await
    }

    fn atomicity(&self) -> Atomicity {
        (**self).atomicity()
    }

    fn users(&self) -> &dyn UserStore {
        (**self).users()
    }

    fn sessions(&self) -> &dyn SessionStore {
        (**self).sessions()
    }
}
