//! A process that gets no more memory, or whose database does not: what is refused for want of it has not
//! happened, what was acknowledged stands, and nothing is half done.

use std::env;
#[cfg(target_os = "linux")]
use std::process::{Command, Stdio};

use rusqlite::Connection;

use super::child::{Plan, process};
use super::report::Report;
use super::survey::survey;
use super::{Named, Scratch};

/// Lives of every kind, one after the other.
const PLAN: Plan = Plan { first: 1, openings: 2, lanes: 1, lives: 3, story: None, log_pages: None };

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

/// How often something that fails is tried again: more memory does not come, so a few times tell.
pub(super) fn tries() -> Option<u32> {
    env::var_os(IS_SHORT).map(|_| FEW_TRIES)
}

/// Lets a process live with so much memory for SQLite, and looks at what it leaves; gives what it told.
fn live_with(kib: u64) -> Report {
    let scratch = Scratch::with_keys();
    let bytes = (kib * 1024).to_string();
    let mut process = process(scratch.path(), &PLAN);
    let output = process.env(BYTES, bytes).env(IS_SHORT, "").output().unwrap();
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

/// Where Rust gets no memory, the process dies at once, wherever it is; where SQLite gets none, it goes on.
/// From too little to start with to enough.
#[cfg(target_os = "linux")]
#[test]
fn a_process_may_get_no_more_memory_at_any_point() {
    let enough = live_with(MOST).acknowledged();
    let reached = (STEP_MIB..=MOST_MIB).step_by(STEP_MIB).find(|mib| {
        let _named = Named(format!("a process with {mib} MiB"));
        let scratch = Scratch::with_keys();
        let process = process(scratch.path(), &PLAN);
        let mut limited = Command::new("sh");
        limited
            .args(["-c", &format!("ulimit -c 0 && ulimit -v {} && exec \"$0\" \"$@\"", mib * 1024)])
            .arg(process.get_program())
            .args(process.get_args())
            .envs(process.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .env(IS_SHORT, "")
            .stdin(Stdio::null());
        let report = Report::read(&limited.output().unwrap().stdout);
        survey(scratch.path(), &report, 1);
        assert!(report.acknowledged() <= enough);
        report.acknowledged() == enough
    });
    assert!(reached.is_some(), "a process never gets as far with a limit as without");
}

/// Of memory for the process, in MiB.
#[cfg(target_os = "linux")]
const MOST_MIB: usize = 1024;
#[cfg(target_os = "linux")]
const STEP_MIB: usize = 2;
/// Of memory for SQLite, in KiB.
const LEAST: u64 = 192;
const MOST: u64 = 480;
const STEP: usize = 24;
const IS_SHORT: &str = "GUESTPASS_CRASH_SHORT_OF_MEMORY";
const FEW_TRIES: u32 = 4;
const BYTES: &str = "GUESTPASS_CRASH_HEAP";
