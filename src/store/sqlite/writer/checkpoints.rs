//! Putting the log away beside the writer.
//!
//! What is committed stays in the log until it is copied into the file and the file is synced. Whoever
//! does that in a commit keeps everybody waiting while the disk writes some thousand pages. So another
//! thread does it, on a connection of its own, while the writer goes on. But the log begins anew only if
//! nothing of it is left to copy when a transaction begins, and while others write something always is;
//! and only if nobody reads from it at that instant, and of many who read somebody always does. So the
//! writer copies the rest itself, which is little by then, and waits for those who read: whoever begins to
//! read meanwhile finds everything in the file.
//!
//! A copy that was not the whole log is not synced, and SQLite takes it for copied nevertheless. If a later
//! sync fails, nobody knows what of it the disk has, and the next one that succeeds does not make up for
//! it. So after a failed sync the log is left as it is, and nothing of it is let go, until the file is
//! opened again: then SQLite takes nothing for copied, and all of it is copied anew.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use crate::store::StoreError;
use crate::store::sqlite::column;
use crate::store::sqlite::open::{Database, put_away_at_the_end};
use crate::store::sqlite::statement::{failed, find, is_of_sync};
use crate::store::sqlite::writer::job::Fault;

/// What the writer knows of the log, and the thread that copies from it. Dropping this ends the thread
/// and closes its connection.
pub(super) struct Checkpoints {
    queue: Option<SyncSender<()>>,
    reports: Receiver<()>,
    thread: Option<JoinHandle<()>>,
    sizes: Sizes,
    /// Rows that the writer's connection had changed when the log was last looked at.
    seen: u64,
    is_copying: bool,
    /// Whether the other thread had so little to copy last that no commit came meanwhile. Only then are
    /// the pages synced too, which would otherwise be left to the writer.
    was_short: bool,
    is_too_long: bool,
    /// Whether a sync has failed, so that the log must stay as it is.
    is_kept: Arc<AtomicBool>,
}

/// How long the log may become before something is done about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Rows that are changed between two looks at the log: to look costs as much as to change one.
    pub(super) look_after_changes: u64,
    /// From so many pages on the log is copied, again and again until it begins anew. A longer one costs
    /// space, and with a shorter one the pages that are changed again and again are copied more often.
    pub(super) begin_pages: u32,
    /// With fewer pages left to copy the writer does it itself, and the log begins anew.
    pub(super) rest_pages: u32,
    /// With so many pages the log may not grow on: the writer waits for the other thread, and copies what
    /// is left before anything more is written.
    pub(super) most_pages: u32,
}

impl Sizes {
    /// For a log that is to begin anew from so many pages on.
    pub(super) fn of(log_pages: u32) -> Self {
        let log_pages = log_pages.max(1);
        Self {
            look_after_changes: LOOK_AFTER_CHANGES.min(log_pages.into()),
            begin_pages: log_pages,
            rest_pages: log_pages.div_ceil(REST_PART),
            most_pages: log_pages.saturating_mul(MOST_TIMES),
        }
    }
}

impl Checkpoints {
    /// Starts the thread, which connects when it first has something to do.
    pub(super) fn start(
        database: Database,
        sizes: Sizes,
        is_closing: Arc<AtomicBool>,
    ) -> io::Result<Self> {
        let (queue, asked) = sync_channel::<()>(1);
        let (report, reports) = sync_channel(1);
        let is_kept = Arc::new(AtomicBool::new(false));
        let keep = Arc::clone(&is_kept);
        let thread = std::thread::Builder::new().name("guestpass-checkpoints".to_owned()).spawn(
            move || {
                let mut connection = None;
                while asked.recv().is_ok() {
                    if !is_closing.load(Ordering::Relaxed)
                        && let Err(error) = copy(&database, &mut connection)
                    {
                        keep.fetch_or(is_of_sync(&error), Ordering::Relaxed);
                        // What is not copied is still in the log, and tried again; in the end by the
                        // writer, who tells.
                        connection = None;
                    }
                    if report.send(()).is_err() {
                        return;
                    }
                }
            },
        )?;
        Ok(Self {
            queue: Some(queue),
            reports,
            thread: Some(thread),
            sizes,
            seen: 0,
            is_copying: false,
            was_short: false,
            is_too_long: false,
            is_kept,
        })
    }

    /// Looks at the log now and then, while nobody waits for an answer.
    pub(super) fn look(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let has_copied = self.is_copying && self.reports.try_recv().is_ok();
        self.is_copying = self.is_copying && !has_copied;
        let changes = connection.total_changes();
        if !has_copied && changes.abs_diff(self.seen) < self.sizes.look_after_changes {
            return Ok(());
        }
        self.seen = changes;
        let log = Log::read(connection, LOOK)?;
        self.is_too_long = self.sizes.most_pages <= log.pages;
        if self.is_copying || log.pages < self.sizes.begin_pages || self.is_kept() {
            return Ok(());
        }
        let is_short = log.pages.saturating_sub(log.copied) < self.sizes.rest_pages;
        if has_copied && self.was_short && is_short {
            self.renew(connection, SHORT_PATIENCE)?;
        } else {
            self.was_short = is_short;
            self.is_copying = self.queue.as_ref().is_some_and(|queue| queue.try_send(()).is_ok());
        }
        Ok(())
    }

    /// Keeps a log that has become too long from growing on, before something is written.
    pub(super) fn keep_bounded(&mut self, connection: &Connection) -> Result<(), Fault> {
        if !self.is_too_long {
            return Ok(());
        }
        #[cfg(canary)]
        if crate::canary::Canary::LogWithoutLimit.sings() {
            return Ok(());
        }
        if self.is_copying {
            // An error means that the thread has ended, and then it is not copying either.
            let _ = self.reports.recv();
            self.is_copying = false;
        }
        if self.is_kept() {
            let cause = "a sync of the file has failed, and it must be opened again";
            return Err(Fault::new("the log cannot be put away", &cause));
        }
        self.renew(connection, LONG_PATIENCE)
            .map_err(|error| Fault::of_store("the log cannot be put away", &error))?;
        self.is_too_long = false;
        Ok(())
    }

    /// Lets the writer's connection put the log away when it is the last one to go, if that may be.
    pub(super) fn end(&mut self, connection: &Connection) {
        self.join();
        // If it is not put away, it is read again.
        let _ = put_away_at_the_end(connection, !self.is_kept());
    }

    fn renew(&self, connection: &Connection, patience: Duration) -> Result<(), StoreError> {
        let renewed = Log::renew(connection, patience);
        if let Err(error) = &renewed {
            self.is_kept.fetch_or(is_of_sync(error), Ordering::Relaxed);
        }
        renewed
    }

    fn is_kept(&self) -> bool {
        self.is_kept.load(Ordering::Relaxed)
    }

    fn join(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported when it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.join();
    }
}

/// Copies what is in the log, as far as no reader needs the pages that are to be replaced.
fn copy(database: &Database, connection: &mut Option<Connection>) -> Result<(), StoreError> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(database.writer().map_err(|failure| {
            StoreError::transient("the log cannot be opened").because(failure.0)
        })?),
    };
    Log::read(connection, COPY).map(drop)
}

/// Pages in the log, and how many of them are in the file.
struct Log {
    pages: u32,
    copied: u32,
}

impl Log {
    /// Copies what is left and lets the log begin anew with the next transaction, unless somebody reads
    /// from it for longer than that.
    fn renew(connection: &Connection, patience: Duration) -> Result<(), StoreError> {
        connection.busy_timeout(patience).map_err(failed)?;
        let log = Self::read(connection, RENEW);
        connection.busy_timeout(Duration::ZERO).map_err(failed)?;
        log.map(drop)
    }

    /// Does a checkpoint, or none; says what the log is like then.
    fn read(connection: &Connection, checkpoint: &'static str) -> Result<Self, StoreError> {
        let log = find(connection, checkpoint, [], |row| {
            // Both are -1 if the log could not be looked at.
            let count =
                |at| column::integer(row, at).map(|count| u32::try_from(count).unwrap_or(0));
            Ok(Self { pages: count(1)?, copied: count(2)? })
        });
        log?.ok_or(StoreError::transient("the log was not looked at"))
    }
}

const LOOK: &str = "PRAGMA wal_checkpoint(NOOP)";
/// Waits for nobody, and copies what can be copied.
const COPY: &str = "PRAGMA wal_checkpoint(PASSIVE)";
/// Waits for those who read from the log.
const RENEW: &str = "PRAGMA wal_checkpoint(RESTART)";
/// Longer than a read takes whose thread is not kept from running.
const SHORT_PATIENCE: Duration = Duration::from_millis(10);
/// Longer than a read takes on a machine that is overloaded. While somebody reads for longer than that,
/// writes wait so long for every [`LOOK_AFTER_CHANGES`] rows.
const LONG_PATIENCE: Duration = Duration::from_millis(50);

/// Some hundred pages; of a log that is to be shorter than that, as many rows as it has pages.
const LOOK_AFTER_CHANGES: u64 = 256;
/// Of the usual size this is two commits of a sweep, which has the largest.
const REST_PART: u32 = 8;
/// A sweep writes nearly as fast as the other thread can copy, and needs half of that.
const MOST_TIMES: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::store::Nonce;
    use crate::store::sqlite::sessions::spend;
    use crate::store::sqlite::{Durability, SqliteOptions};

    struct Writing {
        _directory: tempfile::TempDir,
        database: Database,
        connection: Connection,
        checkpoints: Checkpoints,
    }

    fn open(sizes: Sizes) -> Writing {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users.db");
        let options = SqliteOptions { durability: Durability::Normal, ..SqliteOptions::default() };
        let Ok((database, connection)) = Database::prepare(&path, &options) else {
            panic!("the database is not opened");
        };
        let checkpoints =
            Checkpoints::start(database.clone(), sizes, Arc::new(AtomicBool::new(false))).unwrap();
        Writing { _directory: directory, database, connection, checkpoints }
    }

    impl Writing {
        /// Writes a few pages, looks at the log, and lets the other thread do what it was asked for.
        fn write(&mut self, number: u32) -> u32 {
            self.write_on(number);
            while self.checkpoints.is_copying {
                std::thread::yield_now();
                self.checkpoints.look(&self.connection).unwrap();
            }
            self.pages()
        }

        /// Writes a few pages, and looks at the log.
        fn write_on(&mut self, number: u32) -> u32 {
            self.checkpoints.keep_bounded(&self.connection).map_err(|_| "kept bounded").unwrap();
            let mut nonce = Nonce([0; 16]);
            nonce.0[..4].copy_from_slice(&number.to_be_bytes());
            assert!(spend(&self.connection, &nonce, Timestamp::MAX).unwrap());
            self.checkpoints.look(&self.connection).unwrap();
            self.pages()
        }

        fn pages(&self) -> u32 {
            Log::read(&self.connection, LOOK).unwrap().pages
        }
    }

    const NEVER: Sizes = Sizes {
        look_after_changes: 1,
        begin_pages: u32::MAX,
        rest_pages: 10,
        most_pages: u32::MAX,
    };

    #[test]
    fn the_log_begins_anew_again_and_again_while_somebody_writes() {
        let mut log = open(Sizes { begin_pages: 40, ..NEVER });
        let pages: Vec<u32> = (0..200).map(|number| log.write(number)).collect();
        let renewals = pages.windows(2).filter(|pair| pair[1] < pair[0]).count();
        assert!(3 <= renewals, "{pages:?}");
        assert!(pages.iter().all(|pages| *pages < 80), "{pages:?}");
    }

    #[test]
    fn without_the_other_thread_the_log_stays_bounded_nevertheless() {
        let mut log = open(Sizes { most_pages: 40, ..NEVER });
        let pages: Vec<u32> = (0..200).map(|number| log.write(number)).collect();
        assert!(pages.iter().all(|pages| *pages < 60), "{pages:?}");
    }

    /// A log that is copied whole begins anew only if nobody reads from it just then. It was left to that,
    /// and with a few threads that read without a pause it grew for as long as they did.
    #[test]
    fn the_log_stays_bounded_also_while_others_read_without_a_pause() {
        let mut log = open(Sizes { begin_pages: 40, most_pages: 120, ..NEVER });
        for number in 0..100 {
            log.write(number);
        }
        let is_over = AtomicBool::new(false);
        let longest = std::thread::scope(|scope| {
            for _ in 0..READERS {
                let reader = log.database.reader().map_err(|_| "opened").unwrap();
                scope.spawn(|| {
                    let reader = reader;
                    while !is_over.load(Ordering::Relaxed) {
                        // Some hundred microseconds.
                        reader.query_row(SLOW_READ, [], |row| row.get::<_, i64>(0)).unwrap();
                    }
                });
            }
            let longest = (100..600).map(|number| log.write_on(number)).max();
            is_over.store(true, Ordering::Relaxed);
            longest
        });
        assert!(longest < Some(400), "{longest:?} pages");
    }

    const READERS: usize = 4;
    const SLOW_READ: &str = "SELECT count(*) FROM spent, (SELECT nonce FROM spent LIMIT 20)";

    /// A reader of another process may keep the pages that it sees from being replaced. That is no
    /// reason to refuse what is written.
    #[test]
    fn a_reader_that_stays_lets_the_log_grow_until_it_goes() {
        let mut log = open(Sizes { most_pages: 40, ..NEVER });
        log.write(0);
        let reader = log.database.reader().map_err(|_| "opened").unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM spent").unwrap();
        let grown = (1..40).map(|number| log.write(number)).last().unwrap();
        assert!(40 < grown);
        reader.execute_batch("COMMIT").unwrap();
        let pages = (100..120).map(|number| log.write(number)).last().unwrap();
        assert!(pages < 60, "{pages}");
    }

    #[test]
    fn a_log_that_must_be_kept_is_neither_copied_nor_put_away_nor_without_limit() {
        let mut log = open(Sizes { begin_pages: 10, most_pages: 60, ..NEVER });
        log.checkpoints.is_kept.store(true, Ordering::Relaxed);
        let copied = |log: &Writing| Log::read(&log.connection, LOOK).unwrap().copied;
        let (before, mut pages) = (copied(&log), Vec::new());
        while !log.checkpoints.is_too_long {
            pages.push(log.write(u32::try_from(pages.len()).unwrap()));
        }
        assert!(pages.is_sorted(), "{pages:?}");
        assert_eq!(copied(&log), before);
        assert!(log.checkpoints.keep_bounded(&log.connection).is_err());
        assert_eq!(copied(&log), before);

        let Writing { _directory: directory, connection, mut checkpoints, .. } = log;
        let bytes = || std::fs::metadata(directory.path().join("users.db-wal")).unwrap().len();
        let written = bytes();
        checkpoints.end(&connection);
        connection.close().unwrap();
        assert_eq!(bytes(), written, "the last one to go leaves it");
    }

    #[test]
    fn what_keeps_a_long_log_from_being_put_away_is_told_until_it_is_over() {
        let mut log = open(Sizes { most_pages: 8, ..NEVER });
        while !log.checkpoints.is_too_long {
            log.connection
                .execute_batch("DELETE FROM spent; INSERT INTO spent VALUES (zeroblob(16), 0)")
                .unwrap();
            log.checkpoints.look(&log.connection).unwrap();
        }
        // It may not put the log away.
        let reader = log.database.reader().map_err(|_| "opened").unwrap();
        assert!(log.checkpoints.keep_bounded(&reader).is_err());
        assert!(log.checkpoints.keep_bounded(&reader).is_err());
        assert!(log.checkpoints.keep_bounded(&log.connection).is_ok());
        assert!(log.write(1) < 8);
    }
}
