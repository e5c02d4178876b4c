//! The corpora of the fuzz targets, replayed: what was found once stays found.

mod mutations;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use guestpass::fuzzing::{self, Body, TARGETS};

pub(crate) use mutations::random_inputs;

use crate::long;

macro_rules! replay {
    ($($target:ident),* $(,)?) => {
        $(
            #[test]
            fn $target() {
                replay(stringify!($target), guestpass::fuzzing::$target);
            }
        )*

        const REPLAYED: &[&str] = &[$(stringify!($target)),*];
    };
}

replay! {
    cookie_header,
    form_body,
    json_body,
    keyring_file,
    login_id,
    operations,
    policy_toml,
    redirect_uri,
    signed_request,
    sqlite_rows,
    ticket,
}

#[test]
fn every_target_has_a_program_and_is_replayed() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let replayed = REPLAYED.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(targets, replayed);
    assert_eq!(targets, names(&fuzz("fuzz_targets")));
    assert_eq!(targets, names(&fuzz("corpus")));
    let manifest = fs::read_to_string(fuzz("Cargo.toml")).unwrap();
    for target in targets {
        assert!(manifest.contains(&format!("name = \"{target}\"\n")), "{target}");
    }
}

/// So that `.ci/fuzz` was let run over all of them.
#[test]
fn the_manual_says_how_often_each_target_was_run() {
    let targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    let manual = include_str!("../../src/manual/proof.md");
    let (_, rows) = manual.split_once(HEAD_OF_RUNS).unwrap();
    let rows: Vec<Vec<&str>> = rows
        .lines()
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let named: Vec<&str> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    assert_eq!(named.iter().collect::<BTreeSet<_>>(), targets.iter().collect());
    for row in rows {
        assert!(row[1].parse::<u64>().is_ok_and(|runs| 0 < runs), "{row:?}");
    }
}

#[test]
fn the_corpora_stay_small() {
    let files = names(&fuzz("corpus")).into_iter().flat_map(|target| inputs(&target));
    let bytes: u64 = files.map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(bytes < 200_000, "{bytes} bytes; minimise them");
}

/// Scripts of operations that nobody has written, until it is time.
pub(crate) fn random_scripts(seed: u64, until: Instant) -> u64 {
    long::repeat(seed, until, |random| {
        let length = random.below(LONGEST_SCRIPT + 1);
        fuzzing::operations(&random.bytes(length));
        1
    })
}

fn replay(target: &str, body: Body) {
    let inputs = inputs(target);
    assert!(!inputs.is_empty(), "{target} has no corpus");
    for input in inputs {
        let data = fs::read(&input).unwrap();
        let _told = TellWhich(&input);
        body(&data);
    }
}

/// Which input a body has panicked on.
struct TellWhich<'a>(&'a Path);

impl Drop for TellWhich<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input is {}", self.0.display());
        }
    }
}

/// What was made of an input, when a body has panicked on it.
struct TellInput<'a> {
    target: &'static str,
    input: &'a [u8],
}

impl Drop for TellInput<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input of {} is {:02x?}", self.target, self.input);
        }
    }
}

fn inputs(target: &str) -> Vec<PathBuf> {
    let mut inputs: Vec<PathBuf> = fs::read_dir(fuzz("corpus").join(target))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    inputs.sort();
    inputs
}

/// The names in a directory, without their extensions.
fn names(directory: &Path) -> BTreeSet<String> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

fn fuzz(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(path)
}

/// More bytes than the operations of a script take.
const LONGEST_SCRIPT: usize = 160;

const HEAD_OF_RUNS: &str =
    "| target | executions | seconds | commit |\n| --- | ---: | ---: | --- |\n";
