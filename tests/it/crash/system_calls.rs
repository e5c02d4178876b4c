//! A process that dies at each of its calls on files, or whose calls fail.

use std::process::Output;
use std::time::Instant;

use super::child::{LOGS, Plan, process};
use super::life::Story;
use super::report::Report;
use super::shim::{
    self, CHANGES, Deed, Errno, NAMES, OPENINGS, READS, SYNCS, Trouble, WRITES, Whose,
};
use super::survey::survey;
use super::{Named, Scratch};
use crate::long;

/// One guest who is promoted, with everything made anew before and put away after.
const SHORT: Plan =
    Plan { first: 1, openings: 1, lanes: 1, lives: 1, story: Some(Story::Short), log_pages: None };

/// How many calls a process makes that does what `plan` says.
fn calls_of(plan: &Plan, calls: &str) -> u64 {
    let scratch = Scratch::with_keys();
    let mut command = process(scratch.path(), plan);
    shim::count(&mut command, scratch.path(), calls);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    shim::counted(scratch.path())
}

/// Lets a process meet with trouble and looks at what it leaves; gives what it told.
fn meet(plan: &Plan, trouble: Trouble) -> (Output, Report) {
    let scratch = Scratch::with_keys();
    let mut command = process(scratch.path(), plan);
    shim::trouble(&mut command, scratch.path(), trouble);
    let output = command.output().unwrap();
    let report = Report::read(&output.stdout);
    survey(scratch.path(), &report, 1);
    (output, report)
}

#[test]
fn a_process_may_die_at_each_call() {
    if !shim::is_available() {
        return;
    }
    let count = calls_of(&SHORT, CHANGES);
    let mut acknowledged = 0;
    for at in 1..=count {
        // When it dies within a write, half of that is there.
        let deeds = [Deed::KillBefore, Deed::KillHalf];
        for deed in deeds.into_iter().filter(|deed| *deed == Deed::KillBefore || at % 3 == 0) {
            let trouble = Trouble { calls: CHANGES, whose: Whose::All, deed, at, span: 1 };
            let (output, report) = meet(&SHORT, trouble);
            assert!(!output.status.success(), "it was to die at call {at} of {count}");
            assert!(acknowledged <= report.acknowledged(), "later deaths come after more steps");
            acknowledged = report.acknowledged();
        }
    }
    println!("{count} calls, a death before each and one within or after every third");
}

/// Half of a write is written, and then nothing more until there is room again.
#[test]
fn a_full_disk_refuses_and_recovers() {
    if !shim::is_available() {
        return;
    }
    let count = calls_of(&SHORT, WRITES);
    let mut failed = 0;
    for at in (1..=count).step_by(2) {
        for span in [1, 9].into_iter().filter(|span| *span == 1 || at % 5 == 0) {
            let deed = Deed::HalfThenFail(Errno::NoSpace);
            let (output, report) =
                meet(&SHORT, Trouble { calls: WRITES, whose: Whose::All, deed, at, span });
            goes_on(&output, &report);
            failed += report.count("failed") + report.count("unopened");
        }
    }
    assert_ne!(failed, 0);
    println!("{count} writes, {failed} refusals for want of room");
}

#[test]
fn a_disk_that_stays_full_can_be_read() {
    if !shim::is_available() {
        return;
    }
    let count = calls_of(&SHORT, WRITES);
    for at in (1..=count).step_by(13) {
        let deed = Deed::HalfThenFail(Errno::NoSpace);
        let trouble = Trouble { calls: WRITES, whose: Whose::All, deed, at, span: FOR_EVER };
        let (output, report) = meet(&SHORT, trouble);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(report.count("unreadable"), 0, "reads go on");
    }
}

#[test]
fn a_sync_that_fails_is_no_acknowledgement() {
    if !shim::is_available() {
        return;
    }
    let count = calls_of(&SHORT, SYNCS);
    let mut failed = 0;
    for at in 1..=count {
        for span in [1, 3] {
            let deed = Deed::Fail(Errno::Io);
            let (output, report) =
                meet(&SHORT, Trouble { calls: SYNCS, whose: Whose::All, deed, at, span });
            goes_on(&output, &report);
            failed += report.count("failed") + report.count("unopened");
        }
    }
    assert!(
        u64::from(failed) > count,
        "every sync but those of the end is one that somebody waits for"
    );
    println!("{count} syncs, {failed} refusals because one failed");
}

#[test]
fn a_read_that_fails_or_ends_early_lets_nobody_in() {
    if !shim::is_available() {
        return;
    }
    let count = calls_of(&SHORT, READS);
    for at in (1..=count).step_by(5) {
        for deed in [Deed::Fail(Errno::Io), Deed::Half] {
            let (output, report) =
                meet(&SHORT, Trouble { calls: READS, whose: Whose::All, deed, at, span: 1 });
            assert!(output.status.success(), "{output:?}");
            assert_eq!(report.count("gave-up"), 0, "{output:?}");
        }
    }
    println!("{count} reads");
}

/// Root may write everything, so this is how a file or a directory that must not be written looks.
#[test]
fn what_must_not_be_written_is_not_opened_and_stays_as_it_is() {
    if !shim::is_available() {
        return;
    }
    for (calls, errno) in [
        (OPENINGS, Errno::Access),
        (OPENINGS, Errno::ReadOnly),
        (NAMES, Errno::Access),
        (NAMES, Errno::ReadOnly),
    ] {
        let scratch = Scratch::with_keys();
        let output = process(scratch.path(), &SHORT).output().unwrap();
        let report = Report::read(&output.stdout);
        assert_eq!(report.acknowledged(), 2);

        let mut command = process(scratch.path(), &Plan { first: 2, ..SHORT });
        let deed = Deed::Fail(errno);
        shim::trouble(
            &mut command,
            scratch.path(),
            Trouble { calls, whose: Whose::All, deed, at: 1, span: FOR_EVER },
        );
        let output = command.output().unwrap();
        let refused = Report::read(&output.stdout);
        assert!(output.status.success(), "{output:?}");
        assert_eq!((refused.count("opened"), refused.count("gave-up")), (0, 1), "{output:?}");
        survey(scratch.path(), &report, 1);
    }
}

/// The process was told of what failed, could read all the time, and got to its end.
pub(super) fn goes_on(output: &Output, report: &Report) {
    assert!(output.status.success(), "{output:?}");
    assert_eq!(report.count("unreadable"), 0, "reads go on");
    assert_eq!(report.count("gave-up"), 0, "it goes on when the trouble is over");
}

/// Draws what goes wrong, until it is time. Counts the processes that met with it.
pub(crate) fn random_faults(seed: u64, until: Instant) -> u64 {
    long::repeat(seed, until, |random| {
        let first = u32::try_from(random.below(1_000_000)).unwrap();
        let log_pages = *random.pick(LOGS);
        let plan = Plan { first, openings: 2, lanes: 3, lives: 2, story: None, log_pages };
        let deed = *random.pick(&[
            Deed::KillBefore,
            Deed::KillHalf,
            Deed::Fail(Errno::Io),
            Deed::Fail(Errno::NoSpace),
            Deed::HalfThenFail(Errno::NoSpace),
        ]);
        let (whose, most_calls) = *random.pick(&[(Whose::All, 1200), (Whose::Copying, 200)]);
        let trouble = Trouble {
            calls: [CHANGES, WRITES, SYNCS, READS][random.below(4)],
            whose,
            deed,
            at: 1 + random.number() % most_calls,
            span: 1 + random.number() % 20,
        };
        let _named = Named(format!("{plan:?} with {trouble:?}"));
        meet(&plan, trouble);
        1
    })
}

/// More calls than any process makes.
pub(super) const FOR_EVER: u64 = 1 << 40;
