//! What a host can choose about the SQLite backend.

use std::path::Path;

use crate::store::sqlite::{OpenError, SqliteBackend};

/// How a [`SqliteBackend`] works. Start from [`SqliteBackend::options`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// What an answered write survives.
    pub durability: Durability,
    /// Where reads are done.
    pub reads: Reads,
    /// Most writes that wait their turn; one more is refused at once with a transient
    /// [`StoreError`](crate::store::StoreError). At least 1 is taken, and at most 65,536, for which there is
    /// room from the beginning. With [`Reads::Offloaded`] also the most reads that wait.
    pub queue_depth: usize,
    /// How long a write, or opening, waits for another process that has the file locked, in
    /// milliseconds of sleep. A read waits as long for a connection if more are wanted at once than
    /// there may be. At most 2,147,483,647 are taken, which are 24 days.
    pub busy_limit_milliseconds: u32,
    /// From so many pages of 4 KiB on what is in the log is copied into the file, beside what is written,
    /// until the log begins anew. A short log takes less of the disk, a long one less work: a page that
    /// was changed several times is copied once. At three times as many, writes wait for that. At least 1 is
    /// taken.
    pub log_pages: u32,
}

/// What an answered write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// The death of the process and of the machine: each transaction waits for the disk.
    #[default]
    Full,
    /// The death of the process. The death of the machine may take the latest transactions, but
    /// never a part of one, and leaves the file whole. With them goes what they have spent: a code or a
    /// challenge of the last moments works once more then. And with them go their events: if they were
    /// read already, their cursors are given again, to others that whoever keeps the last cursor misses.
    Normal,
}

/// Where reads are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reads {
    /// On the caller's thread. A point read takes some microseconds when the page is in memory, less
    /// than going to another thread and back; when it is not, the caller's thread waits for the disk.
    #[default]
    InPlace,
    /// On threads of the backend's own, so that the caller's never waits for the disk.
    Offloaded,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            reads: Reads::default(),
            queue_depth: QUEUE_DEPTH,
            busy_limit_milliseconds: BUSY_LIMIT_MILLISECONDS,
            log_pages: LOG_PAGES,
        }
    }
}

impl SqliteOptions {
    /// Opens the file at `path`, or makes it.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; the file is then as it was.
    pub fn open(self, path: impl AsRef<Path>) -> Result<SqliteBackend, OpenError> {
        SqliteBackend::open_with(path.as_ref(), self)
    }
}

/// Four groups of the writer.
const QUEUE_DEPTH: usize = 1024;
const BUSY_LIMIT_MILLISECONDS: u32 = 10_000;
/// 40 MB.
const LOG_PAGES: u32 = 10_000;
