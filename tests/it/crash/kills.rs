//! A process that is killed while it is at work, at no moment in particular.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::child::{Plan, SHORT_LOG, process};
use super::report::Report;
use super::survey::survey;
use super::{Named, Scratch};
use crate::long;
use crate::support::Random;

/// Three lives at a time, more of them than any process lives to see.
const ENDLESS: Plan =
    Plan { first: 0, openings: 1, lanes: 3, lives: 1000, story: None, log_pages: None };

/// Kills process after process over one file, and looks at what each leaves.
fn kill(cycles: u32, random: &mut Random) {
    let scratch = Scratch::with_keys();
    for cycle in 1..=cycles {
        let _named = Named(format!("cycle {cycle}"));
        let report = cycle_of(&scratch, cycle, random);
        // The lives of this process only: those before were looked at, and that was their end.
        survey(scratch.path(), &report, cycle);
    }
}

fn cycle_of(scratch: &Scratch, cycle: u32, random: &mut Random) -> Report {
    let told = scratch.path().with_extension("told");
    // Half of them copy what is in the log all the time.
    let log_pages = (random.below(2) == 0).then_some(SHORT_LOG);
    let plan = Plan { first: cycle * 10_000, log_pages, ..ENDLESS };
    let child = process(scratch.path(), &plan)
        .stdout(File::create(&told).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // So far, and a little farther: between two steps, and within one.
    let far = random.below(MOST_TOLD);
    let farther = Duration::from_micros(u64::try_from(random.below(2000)).unwrap());
    kill_after(child, &told, far, farther);
    let report = Report::read(&fs::read(&told).unwrap());
    assert_eq!(report.count("failed") + report.count("unopened"), 0, "{report:?}");
    report
}

/// Kills a process once it has told `far` bytes and some time has passed.
fn kill_after(mut child: Child, told: &Path, far: usize, farther: Duration) {
    let far = u64::try_from(far).unwrap();
    let since = Instant::now();
    while fs::metadata(told).unwrap().len() < far {
        assert!(child.try_wait().unwrap().is_none(), "the process has ended by itself");
        assert!(since.elapsed() < LONGEST, "the process does not get so far");
        thread::sleep(Duration::from_micros(200));
    }
    thread::sleep(farther);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_process_may_be_killed_at_any_moment() {
    kill(25, &mut Random::new(1));
}

/// Kills until it is time, and begins with a new file now and then, so that its making is met too. Counts
/// the kills.
pub(crate) fn random_kills(seed: u64, until: Instant) -> u64 {
    long::repeat(seed, until, |random| {
        kill(KILLS_AT_ONCE, random);
        u64::from(KILLS_AT_ONCE)
    })
}

const KILLS_AT_ONCE: u32 = 8;
/// What some fifty steps tell.
const MOST_TOLD: usize = 20_000;
const LONGEST: Duration = Duration::from_secs(60);
