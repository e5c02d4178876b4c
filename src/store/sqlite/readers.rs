//! The connections that read, in place or on threads of their own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use futures_channel::oneshot;
use rusqlite::Connection;

use crate::store::StoreError;
use crate::store::sqlite::open::{Database, OpenFailure};
use crate::store::sqlite::options::{Reads, SqliteOptions};

/// Where reads are done.
pub(super) enum Readers {
    /// On the caller's thread.
    InPlace(Pool),
    /// On their own threads.
    Offloaded(Threads),
}

impl Readers {
    /// Opens the first connections.
    pub(super) fn open(database: &Database, options: &SqliteOptions) -> Result<Self, OpenFailure> {
        match options.reads {
            Reads::InPlace => Pool::open(database).map(Self::InPlace),
            Reads::Offloaded => Threads::start(database, options.queue_depth).map(Self::Offloaded),
        }
    }

    /// Reads.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match self {
            Self::InPlace(pool) => pool.run(read),
            Self::Offloaded(threads) => threads.run(read).await,
        }
    }
}

/// Up to [`MAX_CONNECTIONS`] connections, each lent to one read at a time.
///
/// A read in place never waits for anything but the disk, so a connection comes back soon. When all
/// are lent and no more may be opened, the next read waits for one, up to the busy limit, and then
/// fails as transient.
pub(super) struct Pool {
    database: Database,
    state: Mutex<State>,
    returned: Condvar,
}

struct State {
    idle: Vec<Connection>,
    /// Connections that there are, idle or lent.
    open: usize,
    /// Reads that wait for one.
    waiting: usize,
}

impl Pool {
    fn open(database: &Database) -> Result<Self, OpenFailure> {
        let state = State { idle: vec![database.reader()?], open: 1, waiting: 0 };
        let (database, returned) = (database.clone(), Condvar::new());
        Ok(Self { database, state: Mutex::new(state), returned })
    }

    fn run<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let lease = self.lend()?;
        match &lease.connection {
            Some(connection) => read(connection),
            None => Err(StoreError::transient("no connection was lent")),
        }
    }

    fn lend(&self) -> Result<Lease<'_>, StoreError> {
        let is_exhausted =
            |state: &mut State| state.idle.is_empty() && MAX_CONNECTIONS <= state.open;
        let mut state = self.state();
        if is_exhausted(&mut state) {
            state.waiting += 1;
            let limit = self.database.busy_limit();
            let waited = self.returned.wait_timeout_while(state, limit, is_exhausted);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        if let Some(connection) = state.idle.pop() {
            return Ok(Lease { pool: self, connection: Some(connection) });
        }
        if MAX_CONNECTIONS <= state.open {
            return Err(StoreError::transient("all connections are reading"));
        }
        state.open += 1;
        drop(state);
        // From here on the lease gives the place back, whatever happens.
        let mut lease = Lease { pool: self, connection: None };
        match self.database.reader() {
            Ok(connection) => {
                lease.connection = Some(connection);
                Ok(lease)
            }
            Err(OpenFailure(error)) => {
                Err(StoreError::transient("no further connection could be opened").because(error))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is lent, or the place of one.
struct Lease<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // One that is still within a transaction would show the past for ever.
        let sound = self.connection.take().filter(Connection::is_autocommit);
        let mut state = self.pool.state();
        match sound {
            Some(connection) => state.idle.push(connection),
            None => state.open = state.open.saturating_sub(1),
        }
        let is_awaited = 0 < state.waiting;
        drop(state);
        if is_awaited {
            self.pool.returned.notify_one();
        }
    }
}

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// Threads with a connection each, and one bounded queue to them.
pub(super) struct Threads {
    queue: Option<SyncSender<Read>>,
    threads: Vec<JoinHandle<()>>,
}

impl Threads {
    fn start(database: &Database, queue_depth: usize) -> Result<Self, OpenFailure> {
        let (queue, reads) = sync_channel(queue_depth.max(1));
        let reads = Arc::new(Mutex::new(reads));
        let mut started = Self { queue: Some(queue), threads: Vec::new() };
        for number in 0..READ_THREADS {
            let (connection, reads) = (database.reader()?, Arc::clone(&reads));
            let thread = std::thread::Builder::new()
                .name(format!("guestpass-reader-{number}"))
                .spawn(move || serve(&connection, &reads))?;
            started.threads.push(thread);
        }
        Ok(started)
    }

    async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let read: Read = Box::new(move |connection| {
            // Whoever has stopped waiting does not want to know.
            let _ = answer.send(read(connection));
        });
        let outcome = match &self.queue {
            Some(queue) => queue.try_send(read),
            None => Err(TrySendError::Disconnected(read)),
        };
        match outcome {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                return Err(StoreError::transient("too many reads are waiting"));
            }
            Err(TrySendError::Disconnected(_)) => {
                return Err(StoreError::transient("the readers have ended"));
            }
        }
        match answered.await {
            Ok(outcome) => outcome,
            Err(oneshot::Canceled) => Err(StoreError::transient("a read was given up")),
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A panic of the thread was reported when it happened.
            let _ = thread.join();
        }
    }
}

/// Takes reads from the queue until that ends. Only one thread waits at it at a time.
fn serve(connection: &Connection, reads: &Mutex<Receiver<Read>>) {
    loop {
        let next = reads.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(read) = next else {
            return;
        };
        // A panic loses this one answer; the caller is told that the read was given up.
        let _ = catch_unwind(AssertUnwindSafe(|| read(connection)));
        if !connection.is_autocommit() {
            let _ = connection.execute_batch("ROLLBACK");
        }
    }
}

/// Most reads in place at a time; more than the threads of most executors.
const MAX_CONNECTIONS: usize = 32;
/// Enough to keep a disk busy.
const READ_THREADS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::block_on;

    fn database() -> (tempfile::TempDir, Database) {
        let directory = tempfile::tempdir().unwrap();
        let options = SqliteOptions { busy_limit_milliseconds: 1, ..SqliteOptions::default() };
        let path = directory.path().join("users.db");
        let Ok((database, _)) = Database::prepare(&path, &options) else {
            panic!("the database is not opened");
        };
        (directory, database)
    }

    #[test]
    fn as_many_read_in_place_as_there_may_be_connections() {
        let (_directory, database) = database();
        let Ok(pool) = Pool::open(&database) else { panic!("no connection is opened") };
        let mut leases: Vec<_> = (0..MAX_CONNECTIONS).map(|_| pool.lend().ok()).collect();
        assert!(leases.iter().all(Option::is_some));
        let refused = pool.lend().err().map(|error| error.to_string());
        assert_eq!(refused.as_deref(), Some("all connections are reading"));
        leases.truncate(1);
        assert_eq!(pool.state().idle.len(), MAX_CONNECTIONS - 1);
        drop(pool.lend());
        assert_eq!(pool.state().idle.len(), MAX_CONNECTIONS - 1, "it was one of those");
    }

    #[test]
    fn a_connection_that_shows_the_past_is_lent_to_nobody() {
        let (_directory, database) = database();
        let Ok(pool) = Pool::open(&database) else { panic!("no connection is opened") };
        let begun = pool.run(|connection| Ok(connection.execute_batch("BEGIN").is_ok()));
        assert!(begun.unwrap());
        let state = pool.state();
        assert_eq!((state.idle.len(), state.open), (0, 0));
    }

    #[test]
    fn a_read_that_panics_leaves_no_transaction_to_the_next() {
        let (_directory, database) = database();
        let Ok(threads) = Threads::start(&database, 1) else { panic!("no thread is started") };
        for _ in 0..16 {
            let panicking = threads.run(|connection| -> Result<(), StoreError> {
                connection
                    .execute_batch("BEGIN")
                    .map_err(crate::store::sqlite::statement::failed)?;
                panic!("out of order")
            });
            assert!(block_on(panicking).is_err());
            let next = threads.run(|connection| Ok(connection.is_autocommit()));
            assert!(block_on(next).unwrap());
        }
    }
}
