//! The embedded backend, in one SQLite file.
//!
//! One thread writes, in groups, and another puts the log away beside it; reads are done in place, on
//! connections of their own. No async runtime is named.

mod code;
mod column;
mod events;
mod files;
mod keys;
mod open;
mod options;
mod readers;
mod sessions;
mod statement;
mod users;
mod writer;

use std::fmt;
use std::path::Path;

use async_trait::async_trait;

pub use open::OpenError;
pub use options::{Durability, Reads, SqliteOptions};

use crate::model::{
    Account, Commit, Epoch, Event, EventCursor, IdentityKey, KeyId, KeyName, KeyRecord, Session,
    SessionId, SessionKind, Thumbprint, Timestamp, TokenDigest, User, UserId,
};
use crate::store::{
    Atomicity, Backend, CommitError, LandError, Landing, Lookup, MAX_PORTION, Memory, Nonce,
    SessionStore, SessionUse, StoreError, UserStore,
};
use open::{Database, OpenFailure};
use readers::Readers;
use writer::Writer;

/// Users and sessions in one SQLite file, which several processes may share.
///
/// A landing is one transaction and a resolution one snapshot. Every answer to a write is given when
/// the write is as durable as [`Durability`] says. A file that it makes can be read by its owner only.
///
/// Dropping it waits for the writes that were handed over, and for the log to be copied into the file,
/// which is some syncs of the disk as long as no other process has the file locked. The file must be on
/// a local disk.
///
/// If the disk fails to sync the file itself, the log is kept whole until the file is opened again, and
/// once it is three times as long as it should be, writes are refused until then. Another process that has
/// the file open at that time can let the log begin anew nevertheless, and then a machine that dies takes
/// what the disk has not written.
pub struct SqliteBackend {
    // Dropped first: the last connection to go puts the log away, and a reader cannot.
    readers: Readers,
    writer: Writer,
}

impl SqliteBackend {
    /// Opens the file at `path`, or makes it, with the default options.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; the file is then as it was.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::options().open(path)
    }

    /// The default options, to be changed.
    pub fn options() -> SqliteOptions {
        SqliteOptions::default()
    }

    fn open_with(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        let queue_depth = options.queue_depth.min(MAX_QUEUE_DEPTH);
        let options = SqliteOptions { queue_depth, ..options };
        let start = || -> Result<Self, OpenFailure> {
            let (database, connection) = Database::prepare(path, &options)?;
            #[cfg(canary)]
            if crate::canary::Canary::SpentForgottenOnRestart.sings() {
                connection.execute_batch("DELETE FROM spent")?;
            }
            let database = database.hold();
            let readers = Readers::open(&database, &options)?;
            let writer =
                Writer::start(database, connection, options.queue_depth, options.log_pages)?;
            Ok(Self { readers, writer })
        };
        start().map_err(|OpenFailure(error)| error)
    }
}

impl fmt::Debug for SqliteBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteBackend").finish_non_exhaustive()
    }
}

#[async_trait]
impl Backend for SqliteBackend {
    async fn land(&self, landing: &Landing) -> Result<(), LandError> {
        let landing = landing.clone();
        self.writer
            .run(move |connection| {
                if let Some((nonce, until)) = &landing.spend
                    && !sessions::spend(connection, nonce, *until)?
                {
                    return Err(LandError::Spent);
                }
                if let Some(commit) = &landing.commit {
                    users::commit(connection, commit)?;
                }
                if let Some(session) = &landing.move_session {
                    sessions::rotate(connection, &session.digest, session)?;
                }
                if let Some(session) = &landing.open_session {
                    sessions::insert(connection, session)?;
                }
                Ok(())
            })
            .await
    }

    async fn resolve(&self, digest: &TokenDigest) -> Result<Option<(Session, User)>, StoreError> {
        let digest = *digest;
        self.readers
            .run(move |connection| {
                // Two point reads: a join would be prepared anew each time it is taken from the cache.
                statement::snapshot(connection, |connection| {
                    let Some(session) = sessions::session(connection, &digest)? else {
                        return Ok(None);
                    };
                    match users::user(connection, session.user)? {
                        Some(user) => Ok(Some((session, user))),
                        None => Err(StoreError::corrupt("a session belongs to no user")),
                    }
                })
            })
            .await
    }

    async fn record_use(&self, used: &SessionUse) -> Result<(), StoreError> {
        let used = used.clone();
        self.writer.hand_over(move |connection| {
            if let Some(fence) = &used.fence {
                users::commit(connection, fence)?;
            }
            let SessionUse { digest, accessed_at, ends_at, .. } = &used;
            sessions::record_access(connection, digest, *accessed_at, *ends_at)?;
            Ok::<_, CommitError>(())
        })
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
impl UserStore for SqliteBackend {
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.readers.run(move |connection| users::user(connection, id)).await
    }

    async fn load(&self, by: Lookup<'_>) -> Result<Option<Account>, StoreError> {
        enum Owned {
            User(UserId),
            Identity(IdentityKey),
        }
        let by = match by {
            Lookup::User(id) => Owned::User(id),
            Lookup::Identity(key) => Owned::Identity(key.clone()),
        };
        self.readers
            .run(move |connection| {
                statement::snapshot(connection, |connection| {
                    let id = match by {
                        Owned::User(id) => Some(id),
                        Owned::Identity(key) => users::holder(connection, &key)?,
                    };
                    match id {
                        Some(id) => users::account(connection, id),
                        None => Ok(None),
                    }
                })
            })
            .await
    }

    async fn key(&self, name: KeyName<'_>) -> Result<Option<KeyRecord>, StoreError> {
        enum Owned {
            Thumbprint(Thumbprint),
            Kid(KeyId),
        }
        let name = match name {
            KeyName::Thumbprint(thumbprint) => Owned::Thumbprint(*thumbprint),
            KeyName::Kid(kid) => match KeyId::parse(kid) {
                Some(kid) => Owned::Kid(kid),
                None => return Ok(None),
            },
        };
        self.readers
            .run(move |connection| {
                let name = match &name {
                    Owned::Thumbprint(thumbprint) => KeyName::Thumbprint(thumbprint),
                    Owned::Kid(kid) => KeyName::Kid(kid.as_str()),
                };
                keys::key(connection, name)
            })
            .await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), CommitError> {
        let commit = commit.clone();
        self.writer.run(move |connection| users::commit(connection, &commit)).await
    }

    async fn ended(&self, before: Timestamp, limit: u32) -> Result<Vec<UserId>, StoreError> {
        let limit = limit.min(MAX_PORTION);
        self.readers.run(move |connection| users::ended(connection, before, limit)).await
    }

    async fn events(
        &self,
        after: EventCursor,
        limit: u32,
    ) -> Result<Vec<(EventCursor, Event)>, StoreError> {
        let limit = limit.min(MAX_PORTION);
        self.readers.run(move |connection| events::after(connection, after, limit)).await
    }

    async fn forget_events(&self, through: EventCursor, limit: u32) -> Result<u32, StoreError> {
        let limit = limit.min(MAX_SLICE);
        self.writer.run(move |connection| events::forget(connection, through, limit)).await
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        self.readers.run(|connection| statement::snapshot(connection, users::is_empty)).await
    }
}

#[async_trait]
impl SessionStore for SqliteBackend {
    async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        let session = session.clone();
        self.writer.run(move |connection| sessions::insert(connection, &session)).await
    }

    async fn session(&self, digest: &TokenDigest) -> Result<Option<Session>, StoreError> {
        let digest = *digest;
        self.readers.run(move |connection| sessions::session(connection, &digest)).await
    }

    async fn record_access(
        &self,
        digest: &TokenDigest,
        accessed_at: Timestamp,
        ends_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let digest = *digest;
        self.writer
            .run(move |connection| {
                sessions::record_access(connection, &digest, accessed_at, ends_at)
            })
            .await
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        let digest = *digest;
        self.writer.run(move |connection| sessions::remove(connection, &digest)).await
    }

    async fn remove_by_id(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        self.writer.run(move |connection| sessions::remove_by_id(connection, user, id)).await
    }

    async fn of_user(
        &self,
        user: UserId,
        epoch: Epoch,
        kind: Option<&SessionKind>,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Session>, StoreError> {
        let (kind, limit) = (kind.cloned(), limit.min(MAX_PORTION));
        self.readers
            .run(move |connection| {
                sessions::of_user(connection, user, epoch, kind.as_ref(), after, limit)
            })
            .await
    }

    async fn rotate(&self, old: &TokenDigest, new: &Session) -> Result<bool, StoreError> {
        let (old, new) = (*old, new.clone());
        self.writer.run(move |connection| sessions::rotate(connection, &old, &new)).await
    }

    async fn shorten(
        &self,
        user: UserId,
        epoch: Epoch,
        until: Timestamp,
        limit: u32,
    ) -> Result<u32, StoreError> {
        let limit = limit.min(MAX_SLICE);
        self.writer
            .run(move |connection| sessions::shorten(connection, user, epoch, until, limit))
            .await
    }

    async fn spend(&self, nonce: &Nonce, until: Timestamp) -> Result<bool, StoreError> {
        let nonce = *nonce;
        self.writer.run(move |connection| sessions::spend(connection, &nonce, until)).await
    }

    async fn sweep(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let limit = limit.min(MAX_SLICE);
        self.writer.run(move |connection| sessions::sweep(connection, before, limit)).await
    }

    fn remembers_spent(&self) -> Memory {
        Memory::Durable
    }
}

/// Most writes that may wait: there is room for all of them from the beginning.
const MAX_QUEUE_DEPTH: usize = 65_536;
/// Most rows of a kind that one job of the writer removes or changes, so that sign-ins do not wait
/// behind a sweep.
const MAX_SLICE: u32 = 500;
