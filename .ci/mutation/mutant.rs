//! Which mutant is on. In a tree of mutants this is a module of the crate.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex};

/// The mutant that the environment names, or 0, which is none.
static ON: LazyLock<u32> = LazyLock::new(|| {
    std::env::var("GUESTPASS_MUTANT").ok().map_or(0, |id| id.parse().expect("the number of a mutant"))
});

/// Where it is written which mutants were reached, if somebody asks.
static REACHED: LazyLock<Option<Mutex<File>>> = LazyLock::new(|| {
    let path = std::env::var_os("GUESTPASS_MUTANTS_REACHED")?;
    Some(Mutex::new(OpenOptions::new().create(true).append(true).open(path).expect("a file to write to")))
});

static IS_KNOWN: [AtomicBool; MOST] = [const { AtomicBool::new(false) }; MOST];

/// Answers at a place of these mutants which mutant is on.
pub(crate) fn at(here: &[u32]) -> u32 {
    if let Some(reached) = &*REACHED {
        for id in here {
            if !IS_KNOWN[*id as usize].swap(true, Ordering::Relaxed) {
                writeln!(reached.lock().expect("no panic while writing"), "{id}").expect("room on the disk");
            }
        }
    }
    *ON
}

/// How many mutants there may be.
const MOST: usize = 8192;
