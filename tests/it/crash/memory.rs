//! A process whose database gets no more memory: what is refused for want of it has not happened, what was
//! acknowledged stands, and nothing is half done.

use std::env;

use rusqlite::Connection;

use super::child::{Plan, process};
use super::report::Report;
use super::survey::survey;
use super::{Named, Scratch};

/// Lives of every kind, one after the other.
const PLAN: Plan = Plan { first: 1, openings: 2, lanes: 1, lives: 3, story: None };

/// Lets SQLite have so much memory in this process and no more, if whoever started it said so. What was
/// set once can only be lowered.
pub(super) fn limit_what_was_asked_for() {
    if let Ok(bytes) = env::var(BYTES) {
        let connection = Connection::open_in_memory().unwrap();
        let sql = format!("PRAGMA hard_heap_limit = {bytes}");
        let limit: i64 = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(limit.to_string(), bytes);
    }
}

/// Lets a process live with so much memory for SQLite, and looks at what it leaves; gives what it told.
fn live_with(kib: u64) -> Report {
    let scratch = Scratch::with_keys();
    let bytes = (kib * 1024).to_string();
    let output = process(scratch.path(), &PLAN).env(BYTES, bytes).output().unwrap();
    let _named = Named(format!("a process with {kib} KiB"));
    assert!(output.status.success(), "{output:?}");
    // Want of memory is not taken for damage, nor for somebody else's file.
    let told = String::from_utf8_lossy(&output.stdout);
    let unopened = told.lines().filter(|line| line.starts_with("> unopened"));
    for line in unopened {
        assert!(line.contains("out of memory"), "{line}");
    }
    let report = Report::read(&output.stdout);
    survey(scratch.path(), &report, 1);
    report
}

/// From too little to open the file, over what is enough for some calls and not for others, to enough.
#[test]
fn a_database_may_get_no_more_memory_at_any_point() {
    let (mut unopened, mut failed, mut acknowledged) = (0, 0, 0);
    for kib in (LEAST..=MOST).step_by(STEP) {
        let report = live_with(kib);
        unopened += report.count("unopened");
        failed += report.count("failed");
        acknowledged = report.acknowledged();
    }
    assert!(0 < unopened && 0 < failed && 0 < acknowledged, "{unopened}, {failed}, {acknowledged}");
}

/// Of memory for SQLite, in KiB.
const LEAST: u64 = 192;
const MOST: u64 = 480;
const STEP: usize = 24;
const BYTES: &str = "GUESTPASS_CRASH_HEAP";
