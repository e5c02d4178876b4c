//! The one thread that writes.
//!
//! It takes whatever waits, up to a group, into one transaction, and gives every answer after the
//! commit: also a refusal may rest on an earlier job of the group.

mod checkpoints;
mod group;
mod job;
mod lookout;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures_channel::oneshot;
use rusqlite::Connection;

use crate::store::StoreError;
use crate::store::sqlite::open::{Database, REPLACED};
use crate::store::sqlite::writer::checkpoints::{Checkpoints, Sizes};
use crate::store::sqlite::writer::job::{Fault, Job, Place, Task};
use crate::store::sqlite::writer::lookout::{Look, Lookout};

/// The thread and the way to it. Dropping this ends the thread after what waits has landed.
pub(super) struct Writer {
    queue: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    is_closing: Arc<AtomicBool>,
    /// For the answers.
    lookout: Lookout,
    /// Jobs that wait and that nobody waits for.
    behind: Arc<AtomicUsize>,
    most_behind: usize,
}

impl Writer {
    /// Starts the thread with at most `queue_depth` jobs waiting, and what puts the log away beside it.
    pub(super) fn start(
        database: Database,
        connection: Connection,
        queue_depth: usize,
        log_pages: u32,
    ) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(queue_depth.max(1));
        let is_closing = Arc::new(AtomicBool::new(false));
        let checkpoints =
            Checkpoints::start(database.clone(), Sizes::of(log_pages), Arc::clone(&is_closing))?;
        let mut worker = Worker {
            checkpoints,
            database,
            connection: Some(connection),
            is_closing: Arc::clone(&is_closing),
            rhythm: Rhythm::default(),
            lookout: Lookout::default(),
        };
        let thread = std::thread::Builder::new()
            .name("guestpass-writer".to_owned())
            .spawn(move || worker.work(&jobs))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            is_closing,
            lookout: Lookout::default(),
            behind: Arc::default(),
            most_behind: queue_depth.div_ceil(2),
        })
    }

    /// Does `work` on the thread, and answers when it is on the disk. If `work` fails, what it wrote
    /// is undone. It may be done a second time, if the first was undone for another's sake.
    pub(super) async fn run<T, E>(
        &self,
        work: impl Fn(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (answer, mut answered) = oneshot::channel();
        let task = Task::new(work, answer, None);
        let asked = Instant::now();
        if let Err(refused) = self.enqueue(Box::new(task)) {
            return Err(refused.into());
        }
        let answer = match self.lookout.look(LOOK_FOR_ANSWER, || answered.try_recv().transpose()) {
            Look::Found(answer) => answer,
            Look::InVain => answered.await,
            Look::NotTried => {
                let answer = answered.await;
                self.lookout.note(asked.elapsed(), LOOK_FOR_ANSWER);
                answer
            }
        };
        match answer {
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
        work: impl Fn(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<(), StoreError>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let place = Place::take(&self.behind, self.most_behind)?;
        let (answer, _nobody_waits) = oneshot::channel();
        self.enqueue(Box::new(Task::new(work, answer, Some(place))))
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

/// What the thread has.
struct Worker {
    // Dropped first: the last connection to go puts the log away, and that is for the one that writes.
    checkpoints: Checkpoints,
    database: Database,
    connection: Option<Connection>,
    is_closing: Arc<AtomicBool>,
    rhythm: Rhythm,
    /// For the next job.
    lookout: Lookout,
}

impl Worker {
    fn work(&mut self, jobs: &Receiver<Box<dyn Job>>) {
        while let Some(first) = self.next(jobs) {
            let mut group = vec![first];
            self.rhythm.gather(jobs, &mut group);
            let fault = match self.land(&mut group) {
                Ok(sync) => {
                    self.rhythm.note(group.len(), sync);
                    None
                }
                Err(fault) => Some(fault),
            };
            if fault.as_ref().is_some_and(|fault| !fault.is_busy) {
                // After a failed sync nobody knows what the old connection takes for written.
                self.connection = None;
            }
            for job in group {
                // Answering wakes the caller, whose runtime may panic at that. Others wait here too.
                let _ = catch_unwind(AssertUnwindSafe(|| job.answer(fault.as_ref())));
            }
            #[cfg(canary)]
            if let Some(connection) = &self.connection {
                let _ = group::step(connection, "COMMIT");
            }
            self.look_at_the_log();
        }
        if let Some(connection) = &self.connection {
            self.checkpoints.end(connection);
        }
    }

    /// The next job, once there is one.
    fn next(&self, jobs: &Receiver<Box<dyn Job>>) -> Option<Box<dyn Job>> {
        match self.lookout.look(LOOK_FOR_JOB, || jobs.try_recv().ok()) {
            Look::Found(job) => Some(job),
            Look::InVain => jobs.recv().ok(),
            Look::NotTried => {
                let idle = Instant::now();
                let job = jobs.recv().ok();
                self.lookout.note(idle.elapsed(), LOOK_FOR_JOB);
                job
            }
        }
    }

    fn look_at_the_log(&mut self) {
        let Some(connection) = &self.connection else { return };
        if self.checkpoints.look(connection).is_err() {
            // What is in the log stays there.
            self.connection = None;
        }
    }

    /// Lands the group in one transaction, without what its jobs want undone; says how long the sync
    /// took.
    fn land(&mut self, group: &mut [Box<dyn Job>]) -> Result<Duration, Fault> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.database.writer().map_err(|failure| {
                let fault = Fault::new("the database could not be opened again", &failure.0);
                fault.of(failure.kind())
            })?,
        };
        let connection = &*self.connection.insert(connection);
        if !self.database.is_in_place() {
            return Err(Fault::new("the database is not where it was", &REPLACED));
        }
        self.checkpoints.keep_bounded(connection)?;
        group::land(connection, group, self.database.busy_limit(), &self.is_closing)
    }
}

/// How large the groups were of late, and how long it took to make them durable.
///
/// Who was just answered often has something to write again at once. If the next group does not wait
/// for them, it takes only those who came meanwhile, and the callers part into two halves that take
/// turns: each waits for two syncs of the disk, and every sync carries half of what it could. So a
/// group waits for as many as the larger of the last two had.
///
/// But who has something else to do first, a signature to verify, does it best while the disk is busy
/// with the other half. Waiting saves one sync, and pays as long as all of them come back in less time
/// than that takes. So the time is dealt out: a little of it at first, and for each who comes an equal
/// share of the whole. When they come more slowly, it is soon used up. Who writes alone never waits.
#[derive(Debug, Default)]
struct Rhythm {
    sizes: [usize; 2],
    syncs: [Duration; 2],
}

impl Rhythm {
    /// Adds to a group what waits, and what is likely to be here in a moment.
    fn gather(&self, jobs: &Receiver<Box<dyn Job>>, group: &mut Vec<Box<dyn Job>>) {
        group.extend(jobs.try_iter().take(MAX_GROUP - group.len()));
        let [last, before] = self.sizes;
        let expected = last.max(before);
        if expected <= group.len() {
            return;
        }
        // The shorter of two: now and then the disk has something else to do.
        let [last, before] = self.syncs;
        let patience = last.min(before).min(MAX_PATIENCE);
        let share = patience / u32::try_from(expected).unwrap_or(u32::MAX);
        let mut deadline = Instant::now() + patience / FIRST_PART;
        while group.len() < expected {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(job) = jobs.recv_timeout(left) else { break };
            group.push(job);
            deadline += share;
        }
        group.extend(jobs.try_iter().take(MAX_GROUP - group.len()));
    }

    fn note(&mut self, size: usize, sync: Duration) {
        *self = Self { sizes: [size, self.sizes[0]], syncs: [sync, self.syncs[0]] };
    }
}

/// Most jobs of one transaction: more would keep the first of them waiting without gaining much.
const MAX_GROUP: usize = 512;
/// The caller, who may be on the only thread of an executor, looks no longer than some reads take in
/// place: a transaction that waits for the disk is never looked for.
const LOOK_FOR_ANSWER: Duration = Duration::from_micros(50);
/// As long as some callers need from an answer to the next thing that they write.
const LOOK_FOR_JOB: Duration = Duration::from_micros(150);
/// Those who are likely to come have no more time than this, and the first part of it again.
const MAX_PATIENCE: Duration = Duration::from_millis(4);
/// The first of them has this part of the time: enough to be woken.
const FIRST_PART: u32 = 16;

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::store::conformance::block_on;
    use crate::store::sqlite::SqliteOptions;
    use crate::store::sqlite::writer::job::Verdict;

    fn start(queue_depth: usize) -> (tempfile::TempDir, Writer) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users.db");
        let Ok((database, connection)) = Database::prepare(&path, &SqliteOptions::default()) else {
            panic!("the database is not opened");
        };
        (directory, Writer::start(database, connection, queue_depth, 1_000).unwrap())
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

    /// The jobs of a group share a transaction, and one of them must not take the others along. The
    /// group is one because its first job keeps the thread until all of them wait.
    #[test]
    fn a_job_that_refuses_after_it_has_written_is_undone_within_its_group() {
        let (_directory, writer) = start(8);
        let (release, held) = std::sync::mpsc::channel::<()>();
        let held = std::sync::Mutex::new(held);
        let mut first = pin!(writer.run(move |connection| {
            let _ = held.lock().unwrap().recv();
            spend(connection, 0)
        }));
        let mut before = pin!(writer.run(|connection| spend(connection, 1)));
        let mut refused = pin!(writer.run(|connection| -> Result<bool, StoreError> {
            spend(connection, 2)?;
            Err(StoreError::transient("refused"))
        }));
        let mut idle = pin!(writer.run(|_| Err::<bool, _>(StoreError::transient("idle"))));
        let mut after = pin!(writer.run(|connection| spend(connection, 3)));
        let mut context = Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert!(before.as_mut().poll(&mut context).is_pending());
        assert!(refused.as_mut().poll(&mut context).is_pending());
        assert!(idle.as_mut().poll(&mut context).is_pending());
        assert!(after.as_mut().poll(&mut context).is_pending());
        drop(release);
        assert!(block_on(first).unwrap() && block_on(before).unwrap() && block_on(after).unwrap());
        assert!(block_on(refused).is_err() && block_on(idle).is_err());
        let spent = |number| !block_on(writer.run(move |it| spend(it, number))).unwrap();
        assert_eq!([0, 1, 2, 3].map(spent), [true, true, false, true]);
    }

    struct Idle;

    impl Job for Idle {
        fn run(&mut self, _: &Connection) -> Verdict {
            Verdict::Keep
        }

        fn answer(self: Box<Self>, _: Option<&Fault>) {}
    }

    #[test]
    fn a_group_takes_what_waits_up_to_its_limit() {
        let (queue, jobs) = sync_channel::<Box<dyn Job>>(600);
        (0..600).for_each(|_| queue.try_send(Box::new(Idle)).unwrap());
        let mut group: Vec<Box<dyn Job>> = vec![Box::new(Idle)];
        Rhythm::default().gather(&jobs, &mut group);
        assert_eq!((group.len(), jobs.try_iter().count()), (MAX_GROUP, 600 - (MAX_GROUP - 1)));
    }

    #[test]
    fn the_rhythm_is_that_of_the_last_two() {
        let mut rhythm = Rhythm::default();
        for (size, seconds) in [(9, 9), (3, 2), (5, 4)] {
            rhythm.note(size, Duration::from_secs(seconds));
        }
        assert_eq!(rhythm.sizes, [5, 3]);
        assert_eq!(rhythm.syncs, [4, 2].map(Duration::from_secs));
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
