//! Two processes at work on one file, on the same guests and the same login IDs.
//!
//! Each asks what it draws and tells what was acknowledged. What is in the file afterwards must fit what
//! both were told: a login ID has one owner, a guest has one end, and nothing that was acknowledged is
//! missing.

mod child;
mod survey;
mod told;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::crash::Scratch;
use crate::long::repeat;
use crate::support::Random;
use child::process;
use survey::survey;
use told::Told;

/// Lets two processes work on a new file, and looks at what they leave; says how many operations were
/// acknowledged.
fn round(random: &mut Random) -> u64 {
    let scratch = Scratch::with_keys();
    let logs = [0, 1].map(|number| scratch.path().with_extension(format!("told-{number}")));
    let mut processes = [0, 1].map(|number: usize| {
        process(scratch.path(), number, random.number())
            .stdin(Stdio::piped())
            .stdout(File::create(&logs[number]).unwrap())
            .spawn()
            .unwrap()
    });
    // Both have the file open before either begins: it is the work that is to come at once.
    logs.iter().zip(&mut processes).for_each(|(log, process)| wait_until_ready(process, log));
    for process in &mut processes {
        process.stdin.take().unwrap().write_all(b"go\n").unwrap();
    }
    for mut process in processes {
        assert!(process.wait().unwrap().success(), "a process has failed");
    }
    let told = logs.map(|log| Told::read(&fs::read_to_string(log).unwrap()));
    survey(scratch.path(), &told);
    told.iter().map(Told::count).sum()
}

fn wait_until_ready(process: &mut Child, log: &Path) {
    let since = Instant::now();
    while !fs::read_to_string(log).unwrap().contains(told::READY) {
        assert!(process.try_wait().unwrap().is_none(), "a process has ended before it began");
        assert!(since.elapsed() < LONGEST_START, "a process does not begin");
        thread::sleep(Duration::from_micros(200));
    }
}

#[test]
fn two_processes_on_one_file_leave_what_both_were_told() {
    let mut random = Random::new(1);
    let acknowledged: u64 = (0..ROUNDS).map(|_| round(&mut random)).sum();
    assert_ne!(acknowledged, 0);
}

/// Lets two processes work until it is time, each time on a new file; counts what was acknowledged.
pub(crate) fn random_rounds(seed: u64, until: Instant) -> u64 {
    repeat(seed, until, round)
}

/// The database of a directory, as the crash tests name it.
fn database(directory: &Path) -> PathBuf {
    directory.join("users.db")
}

const ROUNDS: u32 = 3;
const LONGEST_START: Duration = Duration::from_secs(60);
