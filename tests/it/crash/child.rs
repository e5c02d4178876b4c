//! The process that is killed: it goes through lives and tells of every step.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::sync::Arc;
use std::thread;

use guestpass::engine::keyring_for;
use guestpass::store::Backend;
use guestpass::store::sqlite::SqliteBackend;
use guestpass::{Engine, Error};

use super::life::{Life, Story, policy};
use super::report::{Report, Teller};
use super::survey::survey;
use super::{Scratch, database, keys, memory};
use crate::support::{Counting, World, run};

/// What a process is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// The number of the first life. No other process has lives with the numbers from here on.
    pub(crate) first: u32,
    /// How often the database is opened, one time after the other.
    pub(crate) openings: u32,
    /// How many lives go on at once.
    pub(crate) lanes: u32,
    /// How many there are in each lane, one after the other.
    pub(crate) lives: u32,
    /// What happens in all of them, or one story after the other.
    pub(crate) story: Option<Story>,
    /// From how many pages on the log is copied, if not from as many as by default. No life makes a log
    /// of so many.
    pub(crate) log_pages: Option<u32>,
}

impl Plan {
    fn story(&self, number: u32) -> Story {
        let number = usize::try_from(number).unwrap();
        self.story.unwrap_or(Story::ALL[number % Story::ALL.len()])
    }

    fn spell(&self) -> String {
        let Self { first, openings, lanes, lives, story, log_pages } = self;
        let story = story.map_or_else(|| "-".to_owned(), Story::name);
        let log_pages = log_pages.map_or_else(|| "-".to_owned(), |pages| pages.to_string());
        format!("{first} {openings} {lanes} {lives} {story} {log_pages}")
    }
}

impl FromStr for Plan {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let words: Vec<_> = text.split(' ').collect();
        let number = |index: usize| words[index].parse().map_err(|_| ());
        Ok(Self {
            first: number(0)?,
            openings: number(1)?,
            lanes: number(2)?,
            lives: number(3)?,
            story: Story::named(words[4]),
            log_pages: words[5].parse().ok(),
        })
    }
}

/// A process that does what `plan` says in `directory`. It is this same binary.
pub(super) fn process(directory: &Path, plan: &Plan) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["crash::child::goes_through_lives_and_tells_of_each_step", "--exact", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(PLAN, plan.spell())
        .stdin(Stdio::null());
    command
}

fn work<W: Write + Send>(directory: &Path, plan: &Plan, teller: &Teller<W>) {
    let mut first = plan.first;
    for opening in 0..plan.openings {
        let seed = (u64::from(plan.first) << 32) + (u64::from(opening) << 24);
        let Some(world) = open_patiently(directory, seed, plan.log_pages, teller) else {
            return teller.tell_that("gave-up");
        };
        thread::scope(|scope| {
            for lane in 0..plan.lanes {
                let (world, first) = (&world, first + lane * plan.lives);
                scope.spawn(move || {
                    (first..first + plan.lives)
                        .for_each(|number| go_through(number, plan, world, teller));
                });
            }
        });
        first += plan.lanes * plan.lives;
    }
}

/// Opens what is in the directory, again while that fails.
fn open_patiently<W: Write>(
    directory: &Path,
    seed: u64,
    log_pages: Option<u32>,
    teller: &Teller<W>,
) -> Option<World> {
    for _ in 0..memory::tries().unwrap_or(MAX_TRIES) {
        match open(directory, seed, log_pages) {
            Ok(world) => {
                teller.tell_that("opened");
                return Some(world);
            }
            Err(why) => teller.tell_that(&format!("unopened {why}")),
        }
    }
    None
}

/// Opens what is in the directory, or makes it.
pub(super) fn open(directory: &Path, seed: u64, log_pages: Option<u32>) -> Result<World, String> {
    let mut options = SqliteBackend::options();
    options.log_pages = log_pages.unwrap_or(options.log_pages);
    let backend = options.open(database(directory)).map_err(|why| format!("{why:?}"))?;
    let keyring = run(keyring_for(&backend, keys(directory))).map_err(|why| format!("{why:?}"))?;
    let backend: Arc<dyn Backend> = Arc::new(backend);
    Ok(World::over(backend, keyring, Counting::from(seed), policy))
}

fn go_through<W: Write>(number: u32, plan: &Plan, world: &World, teller: &Teller<W>) {
    let mut life = Life::new(number, plan.story(number));
    for (index, step) in life.story.steps().iter().enumerate() {
        let Some(begun) = patiently(|| life.begin(*step, &world.engine), || {}) else {
            return teller.tell_that("gave-up");
        };
        life.facts.extend(begun.clone());
        teller.tell("begin", &life, index, &begun);
        let failed = || {
            teller.tell("failed", &life, index, &[]);
            if !reads(&life, &world.engine) {
                teller.tell_that("unreadable");
            }
        };
        let Some(facts) = patiently(|| life.take(*step, &world.engine), failed) else {
            return teller.tell_that("gave-up");
        };
        teller.tell("done", &life, index, &facts);
        life.facts.extend(facts);
    }
}

/// Tries again while the store fails. Nothing else may go wrong: a write that was answered with a
/// failure has not landed while the process lives, so a second try is as good as a first.
fn patiently<T>(mut attempt: impl FnMut() -> Result<T, Error>, failed: impl Fn()) -> Option<T> {
    for _ in 0..memory::tries().unwrap_or(MAX_TRIES) {
        match attempt() {
            Ok(done) => return Some(done),
            Err(Error::Store(_)) => failed(),
            Err(other) => panic!("{other:?}"),
        }
    }
    None
}

/// Whether the store can be read.
fn reads(life: &Life, engine: &Engine) -> bool {
    let Some(token) = life.any_token() else { return true };
    !matches!(run(engine.authenticate(&token)), Err(Error::Store(_)))
}

#[test]
fn goes_through_lives_and_tells_of_each_step() {
    if let (Some(directory), Ok(plan)) = (env::var_os(DIRECTORY), env::var(PLAN)) {
        memory::limit_what_was_asked_for();
        let teller = Teller::new(io::stdout());
        return work(&PathBuf::from(directory), &plan.parse().unwrap(), &teller);
    }
    let scratch = Scratch::with_keys();
    let plan =
        Plan { first: 1, openings: 2, lanes: 2, lives: 5, story: None, log_pages: Some(SHORT_LOG) };
    let mut told = Vec::new();
    work(scratch.path(), &plan, &Teller::new(&mut told));
    let report = Report::read(&told);
    let steps: usize = (1..=20).map(|number| plan.story(number).steps().len()).sum();
    assert_eq!(report.acknowledged(), steps);
    survey(scratch.path(), &report, 1);
}

const DIRECTORY: &str = "GUESTPASS_CRASH_DIRECTORY";
const PLAN: &str = "GUESTPASS_CRASH_PLAN";
/// A log that is copied all the time: a commit writes some ten pages.
pub(super) const SHORT_LOG: u32 = 8;
/// Logs that are copied hardly ever, now and then, and all the time.
pub(super) const LOGS: &[Option<u32>] = &[None, Some(40), Some(SHORT_LOG)];
/// More tries than any test lets calls fail in a row.
const MAX_TRIES: u32 = 64;
