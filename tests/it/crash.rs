//! Processes that die and files that fail: what was acknowledged is there, and nothing is half done.
//!
//! A process goes through the lives of users and tells of each step. It is killed at random or at each
//! call that it makes on its files, its calls fail, or the machine loses what was not synced. What is
//! there afterwards is compared to what the same steps come to in memory.

mod child;
mod copying;
mod disk;
mod key_file;
pub(crate) mod kills;
mod life;
mod memory;
pub(crate) mod power;
mod report;
mod shim;
mod survey;
pub(crate) mod system_calls;

use std::fs;
use std::path::{Path, PathBuf};

use guestpass::credential::Keyring;
use tempfile::TempDir;

use crate::support::scratch_directory;

/// A directory whose syncs cost little: what a test kills is the process, not the machine.
pub(crate) struct Scratch {
    directory: PathBuf,
    _parent: TempDir,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        let parent = scratch_directory();
        let directory = parent.path().join("data");
        fs::create_dir(&directory).unwrap();
        Self { directory, _parent: parent }
    }

    /// One with new keys.
    pub(crate) fn with_keys() -> Self {
        let scratch = Self::new();
        Keyring::open(keys(scratch.path())).unwrap();
        scratch
    }

    /// One with the keys of another.
    pub(crate) fn with_keys_of(other: &Self) -> Self {
        let scratch = Self::new();
        fs::copy(keys(other.path()), keys(scratch.path())).unwrap();
        scratch
    }

    pub(crate) fn path(&self) -> &Path {
        &self.directory
    }
}

fn database(directory: &Path) -> PathBuf {
    directory.join("users.db")
}

/// Beside the directory, so that what is done to the database is all that happens in it.
pub(crate) fn keys(directory: &Path) -> PathBuf {
    directory.with_file_name("keys.json")
}

/// Says what a test was at when it failed.
struct Named(String);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was {}", self.0);
        }
    }
}
