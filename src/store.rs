//! Where users and sessions are kept: the traits, and two backends.
//!
//! Stores hold no rules and see no secret. They check versions and uniqueness, and keep digests and
//! public keys.

#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
pub mod memory;
mod pair;
mod shared;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use std::fmt::Debug;

use async_trait::async_trait;

pub use error::{CommitError, LandError, StoreError, StoreErrorKind};
pub use pair::Pair;

pub use crate::model::Nonce;
use crate::model::{
    Account, Commit, Epoch, Event, EventCursor, IdentityKey, KeyName, KeyRecord, Session,
    SessionId, SessionKind, Timestamp, TokenDigest, User, UserId,
};

/// Keeps users.
///
/// # What must hold
///
/// - A commit lands whole or not at all, also when the process dies or the caller stops waiting.
/// - A commit lands only if its `expect` and its `also` hold at that instant. Then the version is one
///   higher if there are writes, and the same if there are none.
/// - An identity key belongs to at most one user. A device key's thumbprint and its `kid` belong to at
///   most one user each, and stay taken when the key is retired. The anonymous identity's key is no
///   such key: every user may have one.
/// - A commit changes no row of another user; a put that would is [`CommitError::Held`], a drop of what
///   the user does not have does nothing.
/// - A read shows one instant, and every commit acknowledged before it began.
/// - Events are appended in the order of their commits, in the commit, under cursors that only grow.
///
/// # What breaks otherwise
///
/// If two commits against one version both land, two people can be promoted into one account. If a
/// commit is torn, a guest's session can act for a regular user. If `also` is overlooked, a guest is
/// merged into a user who is gone. If a retired key is forgotten, its device becomes a second user. A
/// false [`CommitError::Stale`] costs only a retry.
#[async_trait]
pub trait UserStore: Debug + Send + Sync + 'static {
    /// Reads the root record of a user.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store failed or the record cannot be.
    ///
    /// # Cancellation
    ///
    /// Safe: it reads.
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// Reads a user with everything that belongs to it, as it stood at one instant.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store failed or a row cannot be.
    ///
    /// # Cancellation
    ///
    /// Safe: it reads.
    async fn load(&self, by: Lookup<'_>) -> Result<Option<Account>, StoreError>;

    /// Finds a device key, whether it signs somebody in or is retired.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store failed or the row cannot be.
    ///
    /// # Cancellation
    ///
    /// Safe: it reads.
    async fn key(&self, name: KeyName<'_>) -> Result<Option<KeyRecord>, StoreError>;

    /// Lands `commit` whole, or leaves everything as it was.
    ///
    /// # Errors
    ///
    /// [`CommitError`]; only after [`CommitError::Store`] the outcome is unknown.
    ///
    /// # Cancellation
    ///
    /// The commit lands whole or not at all.
    async fn commit(&self, commit: &Commit) -> Result<(), CommitError>;

    /// The users whose [`User::ends_at`] is at or before `before`, earliest first, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store failed or a row cannot be.
    ///
    /// # Cancellation
    ///
    /// Safe: it reads.
    async fn ended(&self, before: Timestamp, limit: u32) -> Result<Vec<UserId>, StoreError>;

    /// The events after `after`, in their order, at most `limit`, each with its own cursor.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store failed or a row cannot be.
    ///
    /// # Cancellation
    ///
    /// Safe: it reads.
    async fn events(
        &self,
        after: EventCursor,
        limit: u32,
    ) -> Result<Vec<(EventCursor, Event)>, StoreError>;

    /// Forgets the earliest events up to and including `through`, at most `limit`; says how many. The
    /// cursors of later events stay as they are, and none is given twice.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store failed.
    ///
    /// # Cancellation
    ///
    /// Lands whole or not at all.
    async fn forget_events(&self, through: EventCursor, limit: u32) -> Result<u32, StoreError>;

    /// Whether no user was ever kept here.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store failed.
    ///
    /// # Cancellation
    ///
    /// Safe: it reads.
    async fn is_empty(&self) -> Result<bool, StoreError>;
}

/// How [`UserStore::load`] finds a user.
#[derive(Clone, Copy, Debug)]
pub enum Lookup<'a> {
    /// By its `sub`.
    User(UserId),
    /// By an identity; [`IdentityKey::Anonymous`] finds nobody.
    Identity(&'a IdentityKey),
}

/// Keeps sessions, and remembers what was spent.
///
/// # What must hold
///
/// - No method both creates and replaces, so that a removed session cannot come back.
/// - Of any number of calls to [`spend`](Self::spend) with one nonce, exactly one is told that it was
///   the first, at least until `until`; and across restarts if
///   [`remembers_spent`](Self::remembers_spent) says so.
/// - Sessions may be lost; they are never altered but as asked.
///
/// # What breaks otherwise
///
/// A session that comes back undoes a sign-out. A nonce spent twice lets a recorded sign-in be
/// replayed. A lost session costs a sign-in, and a guest without a device key its way back.
#[async_trait]
pub trait SessionStore: Debug + Send + Sync + 'static {
    /// Adds a session.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store failed, or there is a session with this digest, or one of this user
    /// with this ID; the earlier one is kept as it is.
    ///
    /// # Cancellation
    ///
    /// Lands whole or not at all.
    async fn insert(&self, session: &Session) -> Result<(), StoreError>;

    /// Reads a session, whether or not it has ended.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store failed or the row cannot be.
    ///
    /// # Cancellation
    ///
    /// Safe: it reads.
    async fn session(&self, digest: &TokenDigest) -> Result<Option<Session>, StoreError>;

    /// Records that a session was used at `accessed_at` and now ends at `ends_at`; says whether there
    /// still is such a session. An earlier `accessed_at` than the recorded one changes nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store failed.
    ///
    /// # Cancellation
    ///
    /// Lands whole or not at all.
    async fn record_access(
        &self,
        digest: &TokenDigest,
        accessed_at: Timestamp,
        ends_at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Removes a session; says whether there was one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store failed.
    ///
    /// # Cancellation
    ///
    /// Lands whole or not at all.
    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError>;

    /// Removes the session of `user` with this ID; says whether there was one. Another user's session
    /// is left alone.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store failed.
    ///
    /// # Cancellation
    ///
    /// Lands whole or not at all.
    async fn remove_by_id(&self, user: UserId, id: SessionId) -> Result<bool, StoreError>;

    /// The sessions of `user` at `epoch` with an ID after `after`, in the order of their IDs, at most
    /// `limit`: those of one kind, or of all. Sessions of another epoch or kind are never listed, and take no
    /// place in a portion, so that whoever looks for those of one client need not read all others.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store failed or a row cannot be.
    ///
    /// # Cancellation
    ///
    /// Safe: it reads.
    async fn of_user(
        &self,
        user: UserId,
        epoch: Epoch,
        kind: Option<&SessionKind>,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Session>, StoreError>;

    /// Puts `new` in the place of the session with the digest `old`; says whether it was there. Without
    /// it nothing is added.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store failed, or there is another session with the new digest, or one of
    /// this user with the new ID; then nothing was changed.
    ///
    /// # Cancellation
    ///
    /// Lands whole or not at all.
    async fn rotate(&self, old: &TokenDigest, new: &Session) -> Result<bool, StoreError>;

    /// Lets the sessions of `user` at `epoch`, which is over, end at `until` at the latest, so that they
    /// are swept early; at most `limit`. Says how many were changed. Sessions of another epoch are left
    /// alone: the user may be at any of them by now.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store failed.
    ///
    /// # Cancellation
    ///
    /// Any of the sessions may have been changed.
    async fn shorten(
        &self,
        user: UserId,
        epoch: Epoch,
        until: Timestamp,
        limit: u32,
    ) -> Result<u32, StoreError>;

    /// Spends a nonce and remembers it until `until`; says whether this was the first time.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store failed; the nonce may or may not be spent.
    ///
    /// # Cancellation
    ///
    /// The nonce may or may not be spent.
    async fn spend(&self, nonce: &Nonce, until: Timestamp) -> Result<bool, StoreError>;

    /// Forgets sessions that ended, and nonces whose time was up, before `before`; at most `limit` of
    /// each. Says how many in all.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store failed.
    ///
    /// # Cancellation
    ///
    /// Any of them may have been forgotten.
    async fn sweep(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError>;

    /// How long a spent nonce is remembered. If it is not across restarts, the engine signs tickets
    /// with a key that does not outlive the process.
    fn remembers_spent(&self) -> Memory;
}

/// What a landing that is refused leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Atomicity {
    /// Nothing: the nonce, too, is as it was.
    Whole,
    /// The nonce is spent, unless that is why it was refused.
    Stepwise,
}

/// How long a store remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    /// Across restarts and crashes.
    Durable,
    /// As long as the process lives.
    Process,
}

/// Keeps users and sessions together.
///
/// [`Pair`] makes one of any two stores, and an [`Arc`](std::sync::Arc) of a backend is one, so that a
/// host can keep a handle to what it gives to the engine. A database that holds both implements this itself, so that a
/// landing is one transaction and a resolution one snapshot.
///
/// # What must hold
///
/// - What [`UserStore`] and [`SessionStore`] demand holds for [`users`](Self::users) and
///   [`sessions`](Self::sessions), which are the same data.
/// - A landing spends, commits, moves and opens in this order, and may stop only between two steps, never
///   within one. A session is never visible before the commit it belongs to, and a nonce that was spent
///   before stops everything.
///
/// # What breaks otherwise
///
/// A session that is visible before its commit signs a person in as a user whom a lost race never
/// made.
#[async_trait]
pub trait Backend: Debug + Send + Sync + 'static {
    /// Spends, commits, moves and opens, whatever of them is asked for, in this order.
    ///
    /// # Errors
    ///
    /// [`LandError`]; a store that does it in one transaction writes nothing at all unless it is
    /// [`LandError::Store`], after which the outcome is unknown.
    ///
    /// # Cancellation
    ///
    /// It may have stopped after any of the steps.
    async fn land(&self, landing: &Landing) -> Result<(), LandError>;

    /// Reads a session and the root record of its user.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store failed, a row cannot be, or there is a session without its user.
    ///
    /// # Cancellation
    ///
    /// Safe: it reads.
    async fn resolve(&self, digest: &TokenDigest) -> Result<Option<(Session, User)>, StoreError>;

    /// Records that a session was used, behind the request that it was used for.
    ///
    /// The commit of the fence lands first, and if it does not, nothing is recorded; then the use, as by
    /// [`SessionStore::record_access`]. The answer need not wait for either, and should not where that
    /// means to wait for a disk. What was noted is there, at the latest, once a write that was asked for
    /// later is acknowledged. A crash before that takes it back.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it could not be noted, or, where the answer waits, not be recorded.
    ///
    /// # Cancellation
    ///
    /// The fence may be moved without the use.
    async fn record_use(&self, used: &SessionUse) -> Result<(), StoreError>;

    /// Whether a landing that is refused has written nothing at all.
    fn atomicity(&self) -> Atomicity;

    /// Where the users are.
    fn users(&self) -> &dyn UserStore;

    /// Where the sessions are.
    fn sessions(&self) -> &dyn SessionStore;
}

/// What belongs together: a nonce that is used up, the change that it allows, the sessions that follow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Landing {
    /// The nonce to spend, and until when it must be remembered.
    pub spend: Option<(Nonce, Timestamp)>,
    /// The change.
    pub commit: Option<Commit>,
    /// The session that takes on this value, under the digest that it has; if there is none, nothing is
    /// added. This is how a session outlives a change that ends all others.
    pub move_session: Option<Session>,
    /// The session to open.
    pub open_session: Option<Session>,
}

/// That a session was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionUse {
    /// Of which session.
    pub digest: TokenDigest,
    /// When it was used.
    pub accessed_at: Timestamp,
    /// When it ends now.
    pub ends_at: Timestamp,
    /// What moves the fence of its user, where the session would end beyond that.
    pub fence: Option<Commit>,
}

/// Most of what one call of a store lists, sweeps or changes; a store may do less at a time.
pub const MAX_PORTION: u32 = 1000;
