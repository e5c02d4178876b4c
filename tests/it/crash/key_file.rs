//! A process that dies while it makes or rotates keys: those that it has used are in the file.

use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use guestpass::credential::{Keyring, Purpose};
use guestpass::model::Timestamp;

use super::disk::{Call, Loss};
use super::power::die;
use super::shim::{self, CHANGES, Deed, Errno, Trouble, Whose};
use super::{Named, Scratch};
use crate::support::{Counting, Random};

/// A process that opens the key file in `directory` and rotates a key, and tells what the key makes.
fn process(directory: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["crash::key_file::uses_keys_and_tells_of_them", "--exact", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdin(Stdio::null());
    command
}

fn use_keys(directory: &Path, out: &mut dyn Write) -> Result<(), String> {
    let path = directory.join("keys.json");
    let entropy = Counting::from(1 << 32);
    let mut tell = |keyring: &Keyring| {
        let made = keyring.lookup_hash("crash", b"");
        out.write_all(format!("\n> {made:02x?}\n").as_bytes()).unwrap();
    };
    let failed = |error| format!("{error:?}");
    let keyring = patiently(|| Keyring::open_with(&path, NOW, &entropy)).map_err(failed)?;
    tell(&keyring);
    for _ in 0..2 {
        patiently(|| keyring.rotate(Purpose::Lookup, KEEP, NOW, &entropy)).map_err(failed)?;
        tell(&keyring);
    }
    Ok(())
}

/// Once more after a failure.
fn patiently<T, E>(attempt: impl Fn() -> Result<T, E>) -> Result<T, E> {
    attempt().or_else(|_| attempt())
}

/// Whatever was told is made by a key in the file.
fn look(directory: &Path, told: &[u8]) {
    let keyring = Keyring::open(directory.join("keys.json")).unwrap();
    let known = keyring.lookup_hashes("crash", b"", NOW);
    let known: Vec<_> = known.iter().map(|made| format!("{made:02x?}")).collect();
    let told = String::from_utf8_lossy(told);
    for line in told.lines().filter_map(|line| line.strip_prefix("> ")) {
        assert!(known.iter().any(|known| known == line), "{line} is by none of {known:?}");
    }
}

#[test]
fn uses_keys_and_tells_of_them() {
    if let Some(directory) = env::var_os(DIRECTORY) {
        return use_keys(Path::new(&directory), &mut io::stdout()).unwrap();
    }
    let (scratch, mut told) = (Scratch::new(), Vec::new());
    use_keys(scratch.path(), &mut told).unwrap();
    look(scratch.path(), &told);
}

#[test]
fn keys_that_were_used_survive_a_death_and_a_failure_at_each_call() {
    if !shim::is_available() {
        return;
    }
    let scratch = Scratch::new();
    let mut command = process(scratch.path());
    shim::count(&mut command, scratch.path(), CHANGES);
    assert!(command.output().unwrap().status.success());
    let count = shim::counted(scratch.path());
    for deed in [Deed::KillBefore, Deed::KillHalf, Deed::Fail(Errno::Io)] {
        for at in 1..=count {
            let _named = Named(format!("{deed:?} at {at} of {count}"));
            let scratch = Scratch::new();
            let mut command = process(scratch.path());
            let trouble = Trouble { calls: CHANGES, whose: Whose::All, deed, at, span: 1 };
            shim::trouble(&mut command, scratch.path(), trouble);
            let output = command.output().unwrap();
            let is_fault = matches!(deed, Deed::Fail(_));
            assert_eq!(output.status.success(), is_fault, "{output:?}");
            look(scratch.path(), &output.stdout);
        }
    }
}

#[test]
fn keys_that_were_used_survive_the_death_of_the_machine() {
    if !shim::is_available() {
        return;
    }
    let scratch = Scratch::new();
    let mut command = process(scratch.path());
    shim::record(&mut command, scratch.path());
    assert!(command.output().unwrap().status.success());
    let calls = Call::read_all(&shim::recorded(scratch.path()));
    let losses = [Loss::Nothing, Loss::All, Loss::Some];
    let deaths = die(&calls, 1, &losses, &mut Random::new(1), Scratch::new, look);
    assert!(deaths > 30, "{deaths}");
}

const DIRECTORY: &str = "GUESTPASS_CRASH_KEYS";
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const KEEP: Duration = Duration::from_secs(3600);
