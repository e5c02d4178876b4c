//! One of the processes: it asks what it draws, and tells what was acknowledged.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use guestpass::credential::Keyring;
use guestpass::rules::OnConflict;
use guestpass::store::sqlite::SqliteBackend;

use super::database;
use super::told::{Fact, READY};
use crate::crash::{Scratch, keys};
use crate::support::{Counting, Operation, Player, Random, World, pick};

/// The process with this number, 0 or 1. It is this same binary.
pub(super) fn process(directory: &Path, number: usize, seed: u64) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["processes::child::asks_what_it_draws_and_tells_what_was_acknowledged", "--exact"])
        .arg("--nocapture")
        .env(DIRECTORY, directory)
        .env(PLAN, format!("{number} {seed}"));
    command
}

/// The users and sessions of one process, over the file in the directory.
pub(super) fn open(directory: &Path, number: u64) -> World {
    let backend = Arc::new(SqliteBackend::open(database(directory)).unwrap());
    let keyring = Keyring::open_existing(keys(directory)).unwrap();
    // No two processes draw the same bytes.
    World::over(backend, keyring, Counting::from(number << 40), |policy| {
        policy.anonymous.on_conflict = OnConflict::Login;
    })
}

fn work(directory: &Path, number: u64, seed: u64, begin: impl FnOnce(), out: &mut impl Write) {
    let (mut player, mut random) = (Player::new(open(directory, number)), Random::new(seed));
    out.write_all(format!("\n{READY}\n").as_bytes()).unwrap();
    out.flush().unwrap();
    begin();
    for _ in 0..OPERATIONS {
        let operation = draw(&mut random);
        if let Some(fact) = perform(&mut player, operation) {
            out.write_all(fact.line().as_bytes()).unwrap();
            out.flush().unwrap();
        }
    }
}

/// Does it; what is to be told of it, if anything is.
fn perform(player: &mut Player, operation: Operation) -> Option<Fact> {
    let sessions = player.sessions.len();
    let answer = player.perform(operation);
    if sessions < player.sessions.len() {
        let device =
            if let Operation::SignInByKey { device } = operation { Some(device) } else { None };
        return player.sessions.last().map(|held| Fact::of(held, device));
    }
    if answer != "done" {
        return None;
    }
    if let Operation::Delete { user } = operation {
        return pick(&player.users, user).map(|user| Fact::Deleted { user: *user });
    }
    if let Operation::SignOut { session } = operation {
        return pick(&player.sessions, session).map(|held| Fact::signed_out(&held.token));
    }
    None
}

/// Something to ask, mostly about the devices and names that the other process asks about too.
fn draw(random: &mut Random) -> Operation {
    use Operation as O;
    let mut below = |end: u8| u8::try_from(random.below(end.into())).unwrap();
    let (kind, device, name, password) = (below(26), below(DEVICES), below(3), below(2));
    let (user, session) = (below(u8::MAX), below(u8::MAX));
    match kind {
        0..=3 => O::SignInByKey { device },
        4..=8 => O::PromoteByKey { device, name, password: 0 },
        9..=10 => O::Promote { session, name, password: 0 },
        11..=12 => O::SignIn { name, password: 0, guest: Some(session) },
        13 => O::SignIn { name, password, guest: None },
        14 => O::SignUp { name, password },
        15..=16 => O::SignUpGuest,
        17..=18 => O::SignOut { session },
        19 => O::SignOutAll { user },
        20 => O::ChangePassword { session, old: password, new: 0 },
        21 => O::SetPassword { name, new: 0 },
        22 => O::Disable { user },
        23 => O::Enable { user },
        24 => O::Delete { user },
        _ => O::Sweep,
    }
}

#[test]
fn asks_what_it_draws_and_tells_what_was_acknowledged() {
    if let (Some(directory), Ok(plan)) = (env::var_os(DIRECTORY), env::var(PLAN)) {
        let (number, seed) = plan.split_once(' ').unwrap();
        let (number, seed) = (number.parse::<u64>().unwrap() + 1, seed.parse().unwrap());
        let begin = || assert_ne!(io::stdin().read_line(&mut String::new()).unwrap(), 0);
        return work(&PathBuf::from(directory), number, seed, begin, &mut io::stdout());
    }
    let scratch = Scratch::with_keys();
    let mut told = Vec::new();
    work(scratch.path(), 1, 1, || {}, &mut told);
    let told = super::Told::read(std::str::from_utf8(&told).unwrap());
    super::survey(scratch.path(), &[told]);
}

/// Few, so that the processes meet.
const DEVICES: u8 = 6;
const OPERATIONS: u32 = 80;
const DIRECTORY: &str = "GUESTPASS_PROCESSES_DIRECTORY";
const PLAN: &str = "GUESTPASS_PROCESSES_PLAN";
