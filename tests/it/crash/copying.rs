//! The log is copied all the time, and who copies dies at it or meets with calls that fail.
//!
//! That is another thread than the one that writes, so only its calls count here. How many there are
//! depends on how the two get on beside each other; but who writes waits for the copy when the log has
//! become too long, so there are always more than these tests ask for.

use std::process::Output;

use super::child::{Plan, SHORT_LOG, process};
use super::disk::{Call, Loss};
use super::power::{calls_of, die, die_within};
use super::report::Report;
use super::shim::{self, CHANGES, Deed, Errno, READS, SYNCS, Trouble, WRITES, Whose};
use super::survey::survey;
use super::system_calls::{FOR_EVER, goes_on};
use super::{Named, Scratch};
use crate::support::Random;

/// A life of every kind.
const PLAN: Plan =
    Plan { first: 1, openings: 1, lanes: 1, lives: 5, story: None, log_pages: Some(SHORT_LOG) };

fn trouble(calls: &'static str, deed: Deed, at: u64, span: u64) -> Trouble {
    Trouble { calls, whose: Whose::Copying, deed, at, span }
}

/// Lets who copies meet with trouble and looks at what is left.
fn meet(trouble: Trouble) -> (Output, Report, Scratch) {
    let scratch = Scratch::with_keys();
    let mut command = process(scratch.path(), &PLAN);
    shim::trouble(&mut command, scratch.path(), trouble);
    let output = command.output().unwrap();
    let _named = Named(format!("{trouble:?}"));
    let report = Report::read(&output.stdout);
    survey(scratch.path(), &report, 1);
    (output, report, scratch)
}

#[test]
fn a_process_may_die_while_the_log_is_copied() {
    if !shim::is_available() {
        return;
    }
    for at in (1..=MOST_CALLS).step_by(3) {
        let deed = if at % 2 == 0 { Deed::KillBefore } else { Deed::KillHalf };
        let (output, _, _) = meet(trouble(CHANGES, deed, at, 1));
        assert!(!output.status.success(), "it was to die at call {at} of who copies");
    }
}

/// What was not copied is in the log still. Nobody waits for the copy, so nobody is told.
#[test]
fn what_fails_while_the_log_is_copied_refuses_nobody() {
    if !shim::is_available() {
        return;
    }
    let full = Deed::HalfThenFail(Errno::NoSpace);
    for (calls, deed) in [(WRITES, full), (READS, Deed::Half)] {
        for (at, span) in [(1, 1), (2, 3), (5, 1), (9, 2), (1, FOR_EVER)] {
            let (output, report, scratch) = meet(trouble(calls, deed, at, span));
            goes_on(&output, &report);
            assert_ne!(shim::struck(scratch.path()), 0, "{calls} {at}");
            assert_eq!(report.count("failed"), 0, "{calls} {at}");
        }
    }
}

/// The log is not let go any more, so that with a short one there is soon no room to write; but people are
/// told who they are, and nothing is lost once the file is opened again.
#[test]
fn after_a_sync_that_failed_while_the_log_was_copied_the_log_is_kept() {
    if !shim::is_available() {
        return;
    }
    for at in 1..=MOST_SYNCS {
        let (output, report, scratch) = meet(trouble(SYNCS, Deed::Fail(Errno::Io), at, 1));
        assert!(output.status.success(), "{output:?}");
        assert_eq!(report.count("unreadable"), 0, "reads go on");
        assert_ne!(shim::struck(scratch.path()), 0, "sync {at}");
    }
}

/// What an earlier copy had written and not synced was taken for copied after a later sync had failed and
/// one more had not: the log began anew, and the death of the machine took what was acknowledged.
///
/// Of the database only: that a sync of the log has failed is told by Linux to everybody who syncs it, also
/// to who writes, and here to one alone.
#[test]
fn a_machine_may_die_after_a_sync_of_the_database_that_failed() {
    if !shim::is_available() {
        return;
    }
    let plan = Plan { lives: 12, lanes: 3, log_pages: Some(5 * SHORT_LOG), ..PLAN };
    let (mut random, mut deaths, mut met, mut follow) = (Random::new(1), 0, 0, 0);
    // Every other sync or so is one of the log.
    for at in (3..=MOST_SYNCS).cycle().take(MOST_TRIES) {
        let _named = Named(format!("sync {at} of who copies"));
        let trouble = trouble(SYNCS, Deed::Fail(Errno::Io), at, 1);
        let (calls, scratch) = calls_of(&plan, Some(trouble));
        if let Some(failed) = calls.iter().position(|call| call.failed_to_sync("users.db")) {
            let written = calls[failed..].iter().filter(|call| call.writes_to("users.db-wal"));
            let positions: Vec<u64> = written.map(Call::position).collect();
            assert!(positions.is_sorted(), "the log began anew");
            follow += positions.len();
            let fresh = || Scratch::with_keys_of(&scratch);
            deaths += die(&calls, 211, &[Loss::All], &mut random, fresh, |directory, said| {
                survey(directory, &Report::read(said), 1);
            });
            met += 1;
        }
        if met == ENOUGH {
            break;
        }
    }
    assert_eq!(met, ENOUGH, "a sync of the database was to fail");
    assert!(LONG < follow, "only {follow} writes to the log came after that");
    println!("{deaths} deaths of the machine, {follow} writes to the log after a failed sync");
}

/// As long as nobody else can copy, the writer does, before the log becomes much longer than it may.
#[test]
fn a_log_that_can_only_be_copied_by_the_writer_stays_bounded() {
    if !shim::is_available() {
        return;
    }
    let plan = Plan { lives: 20, ..PLAN };
    let failing = trouble(WRITES, Deed::Fail(Errno::Io), 1, FOR_EVER);
    let (calls, _scratch) = calls_of(&plan, Some(failing));
    let written = calls.iter().filter(|call| call.writes_to("users.db-wal"));
    let positions: Vec<u64> = written.map(Call::position).collect();
    let pages = positions.iter().max().unwrap() / PAGE_BYTES;
    assert!(pages < MOST_PAGES, "the log had {pages} pages");
    assert!(MOST_PAGES < u64::try_from(positions.len()).unwrap() / 4, "too little was written");
}

#[test]
fn a_machine_may_die_after_a_write_that_failed_while_the_log_was_copied() {
    if !shim::is_available() {
        return;
    }
    let (mut random, mut deaths) = (Random::new(1), 0);
    for at in (1..=MOST_CALLS).step_by(4) {
        let _named = Named(format!("write {at} of who copies"));
        let trouble = trouble(WRITES, Deed::HalfThenFail(Errno::NoSpace), at, 1 + at % 3);
        deaths += die_within(&PLAN, Some(trouble), 97, &[Loss::All, Loss::Some], &mut random);
    }
    println!("{deaths} deaths of the machine after a failed write of who copies");
}

/// Far fewer than who copies makes in any order of things.
const MOST_CALLS: u64 = 40;
const MOST_SYNCS: u64 = 10;
/// Failed syncs of the database.
const ENOUGH: u32 = 3;
const MOST_TRIES: usize = 64;
/// Writes to the log, two for each page, until it would begin anew.
const LONG: usize = 100;
/// A log that is to have [`SHORT_LOG`] pages has three times as many and some commits when the writer
/// copies it, or what the making of the file needs.
const MOST_PAGES: u64 = 128;
const PAGE_BYTES: u64 = 4096;
