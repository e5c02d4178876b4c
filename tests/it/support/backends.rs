//! The backends that every test runs on.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use guestpass::Policy;
use guestpass::store::memory::{MemoryBackend, MemorySessions, MemoryUsers};
use guestpass::store::sqlite::{Durability, SqliteBackend};
use guestpass::store::{Backend, Pair};
use tempfile::TempDir;

use super::World;
use super::probe::{Probe, Script};

/// A backend to run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Users and sessions together in memory.
    Memory,
    /// Users and sessions in memory, each by themselves.
    Pair,
    /// Users and sessions together in one SQLite file.
    Sqlite,
    /// Users in an SQLite file, sessions in memory.
    SqliteUsers,
    /// Users and sessions together in one SQLite file, which two engines have open, each by itself, as
    /// two processes would.
    TwoEngines,
}

impl Place {
    pub(crate) const ALL: &[Self] = &[Self::Memory, Self::Pair, Self::Sqlite, Self::SqliteUsers];
    /// Those that cost nothing to open.
    pub(crate) const QUICK: &[Self] = &[Self::Memory, Self::Pair];
    /// Those on which operations race.
    pub(crate) const RACED: &[Self] = &[Self::Memory, Self::Pair, Self::Sqlite, Self::TwoEngines];

    /// Opens a new, empty backend whose calls meet with what `script` says, and the directory that
    /// must live as long.
    pub(super) fn open(self, script: &Script) -> (Arc<dyn Backend>, Option<TempDir>) {
        match self {
            Self::Memory => (Arc::new(Probe::new(MemoryBackend::new(), script)), None),
            Self::Pair => {
                let users = Probe::new(MemoryUsers::new(), script);
                (Arc::new(Pair::new(users, Probe::new(MemorySessions::new(), script))), None)
            }
            Self::Sqlite | Self::TwoEngines => {
                let (sqlite, directory) = sqlite();
                (Arc::new(Probe::new(sqlite, script)), Some(directory))
            }
            Self::SqliteUsers => {
                let (users, directory) = sqlite();
                let sessions = Probe::new(MemorySessions::new(), script);
                (Arc::new(Pair::new(Probe::new(users, script), sessions)), Some(directory))
            }
        }
    }

    /// Opens what [`open`](Self::open) has opened once more, for a second engine; `None` where there is
    /// but one.
    pub(super) fn open_again(
        self,
        script: &Script,
        directory: Option<&TempDir>,
    ) -> Option<Arc<dyn Backend>> {
        match self {
            Self::Memory | Self::Pair | Self::Sqlite | Self::SqliteUsers => None,
            Self::TwoEngines => Some(Arc::new(Probe::new(sqlite_in(directory?.path()), script))),
        }
    }
}

/// A directory whose syncs cost little, for what need not survive the machine.
pub(crate) fn scratch_directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let directory = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    directory.unwrap()
}

/// A new file that need not survive the machine.
fn sqlite() -> (SqliteBackend, TempDir) {
    let directory = scratch_directory();
    (sqlite_in(directory.path()), directory)
}

fn sqlite_in(directory: &Path) -> SqliteBackend {
    let mut options = SqliteBackend::options();
    options.durability = Durability::Normal;
    options.open(directory.join(DATABASE)).unwrap()
}

/// Runs `test` in a new world on every backend; a failure names the backend.
pub(crate) fn on_every_backend(test: impl Fn(World)) {
    on_every_backend_with(|_| {}, test);
}

/// The same, with a policy that differs from that of other tests.
pub(crate) fn on_every_backend_with(policy: impl Fn(&mut Policy), test: impl Fn(World)) {
    for &place in Place::ALL {
        let _named = Named(place);
        test(World::with(place, &policy));
    }
}

/// What the file of a backend is called.
pub(super) const DATABASE: &str = "guestpass.db";

struct Named(Place);

impl Drop for Named {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("this was on the backend {:?}", self.0);
        }
    }
}
