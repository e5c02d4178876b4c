//! The machine dies: what was synced is there, and of the rest any part, in any order.

use std::path::Path;
use std::time::Instant;

use super::child::{LOGS, Plan, process};
use super::disk::{Call, Disk, Loss};
use super::life::Story;
use super::report::Report;
use super::shim::{
    self, CHANGES, Deed, Errno, LOG_SYNCS, SYNCS, SYNCS_AND_NAMES, Trouble, WRITES, Whose,
};
use super::survey::survey;
use super::{Named, Scratch};
use crate::long;
use crate::support::Random;

/// Runs a process on files whose calls are told of, and gives those.
pub(super) fn calls_of(plan: &Plan, trouble: Option<Trouble>) -> (Vec<Call>, Scratch) {
    let scratch = Scratch::with_keys();
    let mut command = process(scratch.path(), plan);
    shim::record(&mut command, scratch.path());
    if let Some(trouble) = trouble {
        shim::trouble(&mut command, scratch.path(), trouble);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    (Call::read_all(&shim::recorded(scratch.path())), scratch)
}

/// Lets the machine die after every one of `stride` calls, and looks at what it leaves in a new
/// directory; says how often it died.
pub(super) fn die(
    calls: &[Call],
    stride: usize,
    losses: &[Loss],
    random: &mut Random,
    fresh: impl Fn() -> Scratch,
    look: impl Fn(&Path, &[u8]),
) -> u64 {
    let (mut disk, mut said, mut deaths) = (Disk::default(), Vec::new(), 0);
    let offset = random.below(stride);
    for (number, call) in calls.iter().enumerate() {
        disk.apply(call, random);
        said.extend(call.said());
        if number % stride != offset {
            continue;
        }
        for loss in losses {
            let scratch = fresh();
            disk.die(*loss, scratch.path(), random);
            let _named = Named(format!("{loss:?} lost at call {number}"));
            look(scratch.path(), &said);
            deaths += 1;
        }
    }
    deaths
}

/// What a process leaves that does what `plan` says while it meets with trouble; says how often the
/// machine died.
pub(super) fn die_within(
    plan: &Plan,
    trouble: Option<Trouble>,
    stride: usize,
    losses: &[Loss],
    random: &mut Random,
) -> u64 {
    let (calls, scratch) = calls_of(plan, trouble);
    let fresh = || Scratch::with_keys_of(&scratch);
    die(&calls, stride, losses, random, fresh, |directory, said| {
        survey(directory, &Report::read(said), 1);
    })
}

#[test]
fn a_machine_may_die_at_any_call() {
    if !shim::is_available() {
        return;
    }
    let plan = Plan { first: 1, openings: 2, lanes: 1, lives: 3, story: None, log_pages: None };
    let losses = [Loss::Nothing, Loss::All, Loss::Some];
    let deaths = die_within(&plan, None, 19, &losses, &mut Random::new(1));
    println!("{deaths} deaths of the machine");
}

/// What is in the log is copied by another thread than the one that writes, which goes on meanwhile; also
/// when the one that writes cannot sync the log, or the other can neither write nor sync.
#[test]
fn a_machine_may_die_while_the_log_is_copied() {
    if !shim::is_available() {
        return;
    }
    let plan =
        Plan { first: 1, openings: 1, lanes: 2, lives: 30, story: None, log_pages: Some(100) };
    let failing =
        |calls, whose, at| Some(Trouble { calls, whose, deed: Deed::Fail(Errno::Io), at, span: 3 });
    let (mut random, mut deaths) = (Random::new(1), 0);
    for (trouble, fewest) in [
        (None, 20),
        (failing(LOG_SYNCS, Whose::Writing, 100), 20),
        (failing(WRITES, Whose::Copying, 30), 20),
        // Twice it is copied before, and a copy may be of a few pages.
        (failing(LOG_SYNCS, Whose::Copying, 3), 1),
    ] {
        let (calls, scratch) = calls_of(&plan, trouble);
        let _named = Named(format!("{trouble:?}"));
        let first_said = calls.iter().position(|call| !call.said().is_empty()).unwrap();
        let last_said = calls.iter().rposition(|call| !call.said().is_empty()).unwrap();
        let copies = calls[first_said..last_said].iter().filter(|call| call.writes_to("users.db"));
        assert!(fewest <= copies.count(), "little was copied while somebody wrote");
        let (fresh, losses) = (|| Scratch::with_keys_of(&scratch), [Loss::All, Loss::Some]);
        deaths += die(&calls, 997, &losses, &mut random, fresh, |directory, said| {
            survey(directory, &Report::read(said), 1);
        });
    }
    println!("{deaths} deaths of the machine");
}

/// A sync that failed has perhaps written nothing, and the one after it does not make up for that; nor does
/// opening the files again, which finds in memory what the disk does not have.
///
/// This is how it was found that a failure to turn the write-ahead log on went unnoticed, because it
/// comes after the row that tells the mode: from then on commits were acknowledged that the end of a
/// rollback journal, which nobody syncs, could take back. That SQLite takes the name of the log for
/// durable though the sync of the directory has failed. And that whoever opened the file after a sync of
/// the log had failed went on with that log, and acknowledged what came behind a gap.
#[test]
fn a_machine_may_die_after_a_sync_that_failed() {
    if !shim::is_available() {
        return;
    }
    let mut random = Random::new(1);
    let plan = Plan {
        first: 1,
        openings: 2,
        lanes: 1,
        lives: 1,
        story: Some(Story::Short),
        log_pages: None,
    };
    let mut deaths = 0;
    for at in 1..=MOST_SYNCS {
        for (calls, span) in [(SYNCS, 1), (SYNCS_AND_NAMES, 2), (SYNCS_AND_NAMES, 3)] {
            let _named = Named(format!("{span} of {calls} from {at}"));
            let trouble =
                Trouble { calls, whose: Whose::All, deed: Deed::Fail(Errno::Io), at, span };
            deaths += die_within(&plan, Some(trouble), 31, &[Loss::All, Loss::Some], &mut random);
        }
    }
    println!("{deaths} deaths of the machine after a failed sync");
}

/// Draws what goes wrong and when the machine dies, until it is time. Counts the deaths.
pub(crate) fn random_power_failures(seed: u64, until: Instant) -> u64 {
    long::repeat(seed, until, |random| {
        let first = u32::try_from(random.below(1_000_000)).unwrap();
        let log_pages = *random.pick(LOGS);
        let plan = Plan { first, openings: 2, lanes: 2, lives: 2, story: None, log_pages };
        let (calls, whose) = match log_pages {
            None => ([SYNCS, CHANGES][random.below(2)], Whose::All),
            Some(_) => {
                ([SYNCS, WRITES][random.below(2)], *random.pick(&[Whose::All, Whose::Copying]))
            }
        };
        let trouble = (0 < random.below(4)).then(|| Trouble {
            calls,
            whose,
            deed: Deed::Fail(*random.pick(&[Errno::Io, Errno::NoSpace])),
            at: 1 + random.number() % 60,
            span: 1 + random.number() % 3,
        });
        let _named = Named(format!("{plan:?} with {trouble:?}"));
        let losses = [Loss::All, Loss::Some, Loss::Some];
        die_within(&plan, trouble, 97, &losses, random)
    })
}

/// As many syncs as a short life takes, with the opening before it and the end after it.
const MOST_SYNCS: u64 = 20;
