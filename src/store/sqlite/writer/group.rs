//! Landing a group of jobs in one transaction.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::store::sqlite::open::{BUSY_POLL, polls};
use crate::store::sqlite::statement::{failed, is_busy, run};
use crate::store::sqlite::writer::job::{Fault, Job, Verdict};

/// Lands the group, without what its jobs want undone; says how long the sync took. After an error
/// nothing of it has landed.
///
/// A job that wants to be undone has nearly always written nothing yet. So the jobs are done without a
/// savepoint each, which would copy every page that they change; only if one has written before it
/// refused, all are undone and done again, each in a savepoint.
pub(super) fn land(
    connection: &Connection,
    group: &mut [Box<dyn Job>],
    busy_limit: Duration,
    is_closing: &AtomicBool,
) -> Result<Duration, Fault> {
    let mut write = || {
        begin(connection, busy_limit, is_closing)?;
        match together(connection, group)? {
            Written::AllKept => commit(connection),
            Written::SomeUnwanted => {
                step(connection, "ROLLBACK")?;
                if let [_refused_alone] = group {
                    return Ok(Duration::ZERO);
                }
                begin(connection, busy_limit, is_closing)?;
                group.iter_mut().try_for_each(|job| undoably(connection, job.as_mut()))?;
                commit(connection)
            }
        }
    };
    let outcome = write();
    if outcome.is_err() && !connection.is_autocommit() {
        // If this fails as well, the connection is dropped, which undoes it too.
        let _ = step(connection, "ROLLBACK");
    }
    outcome
}

fn commit(connection: &Connection) -> Result<Duration, Fault> {
    #[cfg(canary)]
    if crate::canary::Canary::AnsweredBeforeDurable.sings() {
        return Ok(Duration::ZERO);
    }
    let start = Instant::now();
    step(connection, "COMMIT")?;
    Ok(start.elapsed())
}

/// What the jobs of a group have left in its transaction.
enum Written {
    /// What they want to be kept.
    AllKept,
    /// Also something that is to be undone.
    SomeUnwanted,
}

/// Does the jobs one after another, up to the first that has written something and wants it undone.
fn together(connection: &Connection, group: &mut [Box<dyn Job>]) -> Result<Written, Fault> {
    for job in group {
        let before = connection.total_changes();
        let verdict = do_one(connection, job.as_mut())?;
        match verdict {
            Verdict::Keep => {}
            Verdict::Undo if connection.total_changes() == before => {}
            Verdict::Undo => return Ok(Written::SomeUnwanted),
        }
    }
    Ok(Written::AllKept)
}

/// Does a job in a savepoint of its own.
fn undoably(connection: &Connection, job: &mut dyn Job) -> Result<(), Fault> {
    step(connection, "SAVEPOINT job")?;
    match do_one(connection, job)? {
        Verdict::Keep => {}
        Verdict::Undo => step(connection, "ROLLBACK TO job")?,
    }
    step(connection, "RELEASE job")
}

fn do_one(connection: &Connection, job: &mut dyn Job) -> Result<Verdict, Fault> {
    let verdict = job.run(connection);
    #[cfg(canary)]
    let verdict = crate::canary::Canary::TornCommit.instead(verdict, Verdict::Keep);
    // A full disk ends the whole transaction, and what came after would land one by one.
    if connection.is_autocommit() {
        return Err(Fault::new("the database ended the transaction", &"it was rolled back"));
    }
    Ok(verdict)
}

/// Takes the write lock, looking for it often: the other process has it for one sync of the disk.
fn begin(connection: &Connection, limit: Duration, is_closing: &AtomicBool) -> Result<(), Fault> {
    let mut polls = polls(limit);
    loop {
        let began = connection
            .prepare_cached("BEGIN IMMEDIATE")
            .and_then(|mut statement| statement.execute([]));
        match began {
            Ok(_) => return Ok(()),
            Err(error) if !is_busy(&error) => {
                let fault = Fault::new("the database failed to begin a write", &error);
                return Err(fault.of(failed(error).kind()));
            }
            Err(error) if polls == 0 || is_closing.load(Ordering::Relaxed) => {
                let fault = Fault::new("another process keeps the database locked", &error);
                return Err(fault.busy());
            }
            Err(_) => {
                polls -= 1;
                std::thread::sleep(BUSY_POLL);
            }
        }
    }
}

pub(super) fn step(connection: &Connection, sql: &'static str) -> Result<(), Fault> {
    let told = |error| Fault::of_store("the database failed to write", &error);
    run(connection, sql, []).map(drop).map_err(told)
}
