//! The one thread that writes.
//!
//! It takes whatever waits, up to a group, into one transaction, each job in a savepoint of its own,
//! and gives every answer after the commit: also a refusal may rest on an earlier job of the group.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use futures_channel::oneshot;
use rusqlite::Connection;

use crate::store::StoreError;
use crate::store::sqlite::open::{BUSY_POLL, Database, REPLACED, polls};
use crate::store::sqlite::statement::{is_busy, run};

/// The thread and the way to it. Dropping this ends the thread after what waits has landed.
pub(super) struct Writer {
    queue: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    is_closing: Arc<AtomicBool>,
    /// Jobs that wait and that nobody waits for.
    behind: Arc<AtomicUsize>,
    most_behind: usize,
}

impl Writer {
    /// Starts the thread with at most `queue_depth` jobs waiting.
    pub(super) fn start(
        database: Database,
        connection: Connection,
        queue_depth: usize,
    ) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(queue_depth.max(1));
        let is_closing = Arc::new(AtomicBool::new(false));
        let mut worker =
            Worker { database, connection: Some(connection), is_closing: Arc::clone(&is_closing) };
        let thread = std::thread::Builder::new()
            .name("guestpass-writer".to_owned())
            .spawn(move || worker.work(&jobs))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            is_closing,
            behind: Arc::default(),
            most_behind: queue_depth.div_ceil(2),
        })
    }

    /// Does `work` on the thread, and answers when it is on the disk. If `work` fails, what it wrote
    /// is undone.
    pub(super) async fn run<T, E>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let task = Task { work: Some(work), outcome: None, answer };
        if let Err(refused) = self.enqueue(Box::new(task)) {
            return Err(refused.into());
        }
        match answered.await {
            Ok(outcome) => outcome,
            Err(oneshot::Canceled) => {
                Err(StoreError::transient("the writer ended before it answered").into())
            }
        }
    }

    /// Does `work` on the thread some time, before whatever is asked for later; nobody is told what came
    /// of it. At most half of what may wait is such work, so that it keeps nobody out who waits.
    pub(super) fn hand_over<T, E>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<(), StoreError>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let place = Place::take(&self.behind, self.most_behind)?;
        let (answer, _nobody_waits) = oneshot::channel();
        let work = move |connection: &Connection| {
            let _place = place;
            work(connection)
        };
        self.enqueue(Box::new(Task { work: Some(work), outcome: None, answer }))
    }

    /// Never waits: the caller may be on the only thread of an executor.
    fn enqueue(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        let outcome = match &self.queue {
            Some(queue) => queue.try_send(job),
            None => Err(TrySendError::Disconnected(job)),
        };
        outcome.map_err(|error| match error {
            TrySendError::Full(_) => StoreError::transient("too many writes are waiting"),
            TrySendError::Disconnected(_) => StoreError::transient("the writer has ended"),
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.is_closing.store(true, Ordering::Relaxed);
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported when it happened.
            let _ = thread.join();
        }
    }
}

/// The place of one job among those that nobody waits for.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(taken: &Arc<AtomicUsize>, most: usize) -> Result<Self, StoreError> {
        let place = Self(Arc::clone(taken));
        if most <= taken.fetch_add(1, Ordering::Relaxed) {
            return Err(StoreError::transient("too many writes are waiting"));
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Something to write.
trait Job: Send {
    /// Does it; says whether what was written is to be kept.
    fn run(&mut self, connection: &Connection) -> Verdict;
    /// Tells the outcome, or why nothing of the group landed.
    fn answer(self: Box<Self>, fault: Option<&Fault>);
}

enum Verdict {
    Keep,
    Undo,
}

struct Task<W, T, E> {
    work: Option<W>,
    outcome: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
}

impl<W, T, E> Job for Task<W, T, E>
where
    W: FnOnce(&Connection) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, connection: &Connection) -> Verdict {
        let Some(work) = self.work.take() else {
            return Verdict::Undo;
        };
        // The connection is sound after a panic: the savepoint is undone, statements reset themselves.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(connection)));
        let outcome = outcome.unwrap_or_else(|payload| Err(panicked(&*payload).into()));
        let verdict = if outcome.is_ok() { Verdict::Keep } else { Verdict::Undo };
        self.outcome = Some(outcome);
        verdict
    }

    fn answer(self: Box<Self>, fault: Option<&Fault>) {
        let outcome = match (fault, self.outcome) {
            (None, Some(outcome)) => outcome,
            (Some(fault), _) => Err(fault.to_error().into()),
            (None, None) => Err(StoreError::transient("the write was not tried").into()),
        };
        // Whoever has stopped waiting does not want to know.
        let _ = self.answer.send(outcome);
    }
}

fn panicked(payload: &(dyn Any + Send)) -> StoreError {
    let message = payload.downcast_ref::<&'static str>().copied().unwrap_or("no message");
    StoreError::transient("a write panicked and was undone").because(message)
}

/// Why nothing of a group landed, for each of its jobs.
struct Fault {
    context: &'static str,
    cause: String,
    /// Whether only somebody else's lock was in the way.
    is_busy: bool,
}

impl Fault {
    fn new(context: &'static str, cause: &dyn ToString) -> Self {
        Self { context, cause: cause.to_string(), is_busy: false }
    }

    fn to_error(&self) -> StoreError {
        StoreError::transient(self.context).because(self.cause.clone())
    }
}

/// What the thread has.
struct Worker {
    database: Database,
    connection: Option<Connection>,
    is_closing: Arc<AtomicBool>,
}

impl Worker {
    fn work(&mut self, jobs: &Receiver<Box<dyn Job>>) {
        while let Ok(first) = jobs.recv() {
            let mut group = vec![first];
            group.extend(jobs.try_iter().take(MAX_GROUP - 1));
            let fault = self.land(&mut group).err();
            if fault.as_ref().is_some_and(|fault| !fault.is_busy) {
                // After a failed sync nobody knows what the old connection takes for written.
                self.connection = None;
            }
            for job in group {
                job.answer(fault.as_ref());
            }
            #[cfg(canary)]
            if let Some(connection) = &self.connection {
                let _ = step(connection, "COMMIT");
            }
        }
    }

    /// Lands the group in one transaction, without what its jobs want undone.
    fn land(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), Fault> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.database.writer().map_err(|failure| {
                let cause = std::error::Error::source(&failure.0).map(ToString::to_string);
                let cause = cause.unwrap_or_else(|| failure.0.to_string());
                Fault::new("the database could not be opened again", &cause)
            })?,
        };
        let connection = &*self.connection.insert(connection);
        if !self.database.is_in_place() {
            return Err(Fault::new("the database is not where it was", &REPLACED));
        }
        begin(connection, self.database.busy_limit(), &self.is_closing)?;
        let outcome = group.iter_mut().try_for_each(|job| land_one(connection, job.as_mut()));
        #[cfg(canary)]
        if crate::canary::Canary::AnsweredBeforeDurable.sings() {
            return outcome;
        }
        let outcome = outcome.and_then(|()| step(connection, "COMMIT"));
        if outcome.is_err() && !connection.is_autocommit() {
            // If this fails as well, the connection is dropped, which undoes it too.
            let _ = step(connection, "ROLLBACK");
        }
        outcome
    }
}

/// Takes the write lock, looking for it often: the other process has it for one sync of the disk.
fn begin(
    connection: &Connection,
    limit: std::time::Duration,
    is_closing: &AtomicBool,
) -> Result<(), Fault> {
    let mut polls = polls(limit);
    loop {
        let began = connection
            .prepare_cached("BEGIN IMMEDIATE")
            .and_then(|mut statement| statement.execute([]));
        match began {
            Ok(_) => return Ok(()),
            Err(error) if !is_busy(&error) => {
                return Err(Fault::new("the database failed to begin a write", &error));
            }
            Err(error) if polls == 0 || is_closing.load(Ordering::Relaxed) => {
                let fault = Fault::new("another process keeps the database locked", &error);
                return Err(Fault { is_busy: true, ..fault });
            }
            Err(_) => {
                polls -= 1;
                std::thread::sleep(BUSY_POLL);
            }
        }
    }
}

fn land_one(connection: &Connection, job: &mut dyn Job) -> Result<(), Fault> {
    step(connection, "SAVEPOINT job")?;
    let verdict = job.run(connection);
    #[cfg(canary)]
    let verdict = crate::canary::Canary::TornCommit.instead(verdict, Verdict::Keep);
    // A full disk ends the whole transaction, and what came after would land one by one.
    if connection.is_autocommit() {
        return Err(Fault::new("the database ended the transaction", &"it was rolled back"));
    }
    match verdict {
        Verdict::Keep => {}
        Verdict::Undo => step(connection, "ROLLBACK TO job")?,
    }
    step(connection, "RELEASE job")
}

fn step(connection: &Connection, sql: &'static str) -> Result<(), Fault> {
    run(connection, sql, []).map(drop).map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        Fault::new("the database failed to write", &cause.unwrap_or_default())
    })
}

/// Most jobs of one transaction: more would keep the first of them waiting without gaining much.
const MAX_GROUP: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::block_on;
    use crate::store::sqlite::SqliteOptions;

    fn start(queue_depth: usize) -> (tempfile::TempDir, Writer) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users.db");
        let Ok(database) = Database::prepare(&path, &SqliteOptions::default()) else {
            panic!("the database is not prepared");
        };
        let Ok(connection) = database.writer() else {
            panic!("the database is not opened");
        };
        (directory, Writer::start(database, connection, queue_depth).unwrap())
    }

    fn spend(connection: &Connection, number: u8) -> Result<bool, StoreError> {
        let nonce = crate::store::Nonce([number; 16]);
        crate::store::sqlite::sessions::spend(connection, &nonce, crate::model::Timestamp::MAX)
    }

    #[test]
    fn a_panic_undoes_its_job_and_no_other() {
        let (_directory, writer) = start(8);
        let before = writer.run(|connection| spend(connection, 1));
        let panicking = writer.run(|connection| -> Result<bool, StoreError> {
            spend(connection, 2)?;
            panic!("out of order")
        });
        let after = writer.run(|connection| spend(connection, 3));
        assert!(block_on(before).unwrap());
        let error = block_on(panicking).unwrap_err();
        assert_eq!(error.kind(), crate::store::StoreErrorKind::Transient);
        assert!(block_on(after).unwrap());
        assert!(block_on(writer.run(|connection| spend(connection, 2))).unwrap(), "it was undone");
        assert!(!block_on(writer.run(|connection| spend(connection, 1))).unwrap());
    }

    #[test]
    fn a_refused_job_is_undone_within_its_group() {
        let (_directory, writer) = start(8);
        let refused = writer.run(|connection| -> Result<bool, StoreError> {
            spend(connection, 1)?;
            Err(StoreError::transient("refused"))
        });
        assert!(block_on(refused).is_err());
        assert!(block_on(writer.run(|connection| spend(connection, 1))).unwrap());
    }

    /// As a full disk does: the jobs of the group before and after it have not landed either.
    #[test]
    fn a_transaction_that_ends_within_a_job_fails_its_group_and_no_later_one() {
        let (_directory, writer) = start(8);
        let ended = writer.run(|connection| {
            let first = spend(connection, 1)?;
            connection
                .execute_batch("ROLLBACK")
                .map_err(crate::store::sqlite::statement::failed)?;
            Ok::<_, StoreError>(first)
        });
        assert!(block_on(ended).is_err(), "the answer is not taken for landed");
        assert!(block_on(writer.run(|connection| spend(connection, 1))).unwrap());
    }
}
