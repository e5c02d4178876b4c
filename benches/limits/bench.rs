//! What the lines share: a directory, an executor, and the crowds that are made once.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use guestpass::credential::Keyring;
use guestpass::model::{Clock, SystemClock, SystemEntropy, Timestamp};
use guestpass::rules::{ApplicationType, ClientPolicy};
use guestpass::store::Backend;
use guestpass::store::memory::MemoryBackend;
use guestpass::store::sqlite::{Durability, SqliteBackend};
use guestpass::{Engine, Policy};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::args::Args;
use crate::guests::CLIENT;
use crate::{Outcome, fill};

/// One run.
pub(crate) struct Bench {
    pub(crate) args: Args,
    /// When it began; what is made up beforehand was made up then.
    pub(crate) now: Timestamp,
    /// The executor where many operations are in flight.
    pub(crate) runtime: Runtime,
    directory: TempDir,
    keyring: Keyring,
    file: OnceCell<PathBuf>,
    memory: OnceCell<InMemory>,
}

/// Guests in the in-memory store.
pub(crate) struct InMemory {
    pub(crate) engine: Engine,
    /// By how much they made the process larger.
    pub(crate) bytes: u64,
}

/// The crowd in the large file and in the in-memory store.
pub(crate) const CROWD: &str = "crowd";

impl Bench {
    pub(crate) fn new(args: Args) -> Outcome<Self> {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        Ok(Self {
            args,
            now: SystemClock.now(),
            runtime: runtime.worker_threads(WORKERS).build()?,
            // Beside the build: a temporary directory may be in memory, where a sync costs nothing.
            directory: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?,
            keyring: Keyring::ephemeral(&SystemEntropy)?,
            file: OnceCell::new(),
            memory: OnceCell::new(),
        })
    }

    /// Where a file of this run is put.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// An engine as a host has it.
    pub(crate) fn engine(&self, backend: impl Backend) -> Outcome<Engine> {
        let policy = Policy {
            clients: vec![ClientPolicy::new(CLIENT, ApplicationType::Native)],
            ..Policy::default()
        };
        Ok(Engine::builder(backend, self.keyring.clone(), policy).build()?)
    }

    /// An engine on the file with this name.
    pub(crate) fn engine_on(&self, path: &Path, durability: Durability) -> Outcome<Engine> {
        let mut options = SqliteBackend::options();
        options.durability = durability;
        self.engine(options.open(path)?)
    }

    /// A file with all the guests, made when it is first asked for. It is only read.
    pub(crate) fn large_file(&self) -> Outcome<&Path> {
        if let Some(path) = self.file.get() {
            return Ok(path);
        }
        let path = self.path("large.db");
        fill::file(&path, CROWD, self.args.guests, self.now)?;
        Ok(self.file.get_or_init(|| path))
    }

    /// All the guests in memory, made when they are first asked for. More than a million tell nothing
    /// that a million do not.
    pub(crate) fn in_memory(&self) -> Outcome<&InMemory> {
        if let Some(memory) = self.memory.get() {
            return Ok(memory);
        }
        let (backend, before) = (MemoryBackend::new(), resident_bytes()?);
        fill::memory(&backend, CROWD, self.guests_in_memory(), self.now)?;
        let bytes = resident_bytes()?.saturating_sub(before);
        let engine = self.engine(backend)?;
        Ok(self.memory.get_or_init(|| InMemory { engine, bytes }))
    }

    pub(crate) fn guests_in_memory(&self) -> u64 {
        self.args.guests.min(1_000_000)
    }
}

/// How much memory the process has, without what it has mapped but never touched.
fn resident_bytes() -> Outcome<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = pages.split(' ').nth(1).ok_or("/proc/self/statm has another form")?.parse()?;
    Ok(pages * PAGE)
}

const PAGE: u64 = 4096;
/// As many as the machine has that the goals were set on.
const WORKERS: usize = 2;
