//! The long run: drills that go on for as long as they are let, and a ledger in which their counts add
//! up.
//!
//! The ordinary tests do in small what a drill does at length. How to start it stands in the manual,
//! `src/manual/proof.md`, beside the ledger.

pub(crate) mod complete;
mod ledger;

use std::collections::BTreeSet;
use std::env;
use std::time::{Duration, Instant};

use guestpass::model::{Entropy, SystemEntropy};

use crate::support::Random;
use crate::{
    corpus, crash, damage, enumeration, faults, jose, linearizability, load, lost_replies,
    processes, properties, races,
};
use ledger::{Count, Ledger, Row};

/// Something that goes on until it is time, counts what it did and panics where a promise is broken.
pub(crate) struct Drill {
    /// What the ledger calls it: lower-case letters and spaces.
    pub(crate) name: &'static str,
    /// What is counted, in the plural.
    pub(crate) unit: &'static str,
    /// All that is drawn depends on the seed. What is begun is finished, and something is done even if
    /// it is time already; [`repeat`] sees to both.
    pub(crate) run: fn(seed: u64, until: Instant) -> u64,
}

/// All drills, in the order in which they take their turns.
const DRILLS: &[Drill] = &[
    Drill {
        name: "operations",
        unit: "operations that came to what the model says",
        run: properties::random_operations,
    },
    Drill {
        name: "scripts",
        unit: "scripts that came to the same in memory, in SQLite and in the model",
        run: corpus::random_scripts,
    },
    Drill {
        name: "inputs",
        unit: "inputs of the fuzz targets, made by chance from their corpora",
        run: corpus::random_inputs,
    },
    Drill {
        name: SIGNED_TOKENS,
        unit: "tokens, of which none was accepted that another implementation at hand refuses",
        run: jose::random_tokens,
    },
    Drill {
        name: "challenges",
        unit: "challenges that nobody answered, and that took neither memory nor space in the file",
        run: load::endless_challenges,
    },
    Drill {
        name: "crowds",
        unit: "clients, ten times as many as had a place, who were all served and got their own",
        run: load::endless_crowds,
    },
    Drill {
        name: "lost replies",
        unit: "replies, of which 5 in 100 were lost, and with them no user",
        run: lost_replies::lost_replies,
    },
    Drill {
        name: "kills",
        unit: "processes killed at some moment, with nothing lost that was acknowledged",
        run: crash::kills::random_kills,
    },
    Drill {
        name: "system calls",
        unit: "processes that died or met with an error at some call on a file",
        run: crash::system_calls::random_faults,
    },
    Drill {
        name: "power failures",
        unit: "machines that died with any part of what was not synced, some after failed syncs",
        run: crash::power::random_power_failures,
    },
    Drill {
        name: "races",
        unit: "orders of the store calls of two or three operations, drawn, each as if one came first",
        run: races::drill::random_orders,
    },
    Drill {
        name: "all orders",
        unit: "orders of the store calls of operations that were drawn, until there was no other",
        run: races::drill::every_order,
    },
    Drill {
        name: "pairs of faults",
        unit: "store calls that failed in one try or the next, with nobody half promoted",
        run: faults::every_call::random_pairs_of_faults,
    },
    Drill {
        name: "two faults",
        unit: "times that two store calls failed, of one try or of two, with nobody half there",
        run: faults::two_faults::random_methods,
    },
    Drill {
        name: "clock jumps",
        unit: "jumps of the clock between two store calls",
        run: faults::clock::random_jumps,
    },
    Drill {
        name: "repeated bytes",
        unit: "draws from which on random bytes came again",
        run: faults::repeats::random_repeats,
    },
    Drill {
        name: "histories",
        unit: "histories of operations on several threads, each explained by some order",
        run: linearizability::random_histories,
    },
    Drill {
        name: "flipped bits",
        unit: "files with flipped bits, refused or read with nobody half there",
        run: damage::pages::random_flips,
    },
    Drill {
        name: "two processes",
        unit: "operations that one of two processes over one file was told are done, and that are",
        run: processes::random_rounds,
    },
];

/// Something that is measured as it is on this machine, in a share of the time. It panics where what it
/// finds is beyond a bound.
pub(crate) struct Measurement {
    pub(crate) name: &'static str,
    pub(crate) run: fn(seed: u64, until: Instant) -> Vec<Reading>,
}

/// What was measured, and what came of it with its unit.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// All measurements, which come after the drills.
const MEASUREMENTS: &[Measurement] = &[
    Measurement { name: "overload", run: load::ten_times_as_much },
    Measurement { name: "refused sign-ins", run: enumeration::refused_sign_ins },
];

/// Calls `case` with other numbers each time until it is time, once at least, and adds up its counts.
///
/// The first case draws from `seed` itself. So the seed that is told when a case panics repeats that
/// case at once, however late in the run it came.
pub(crate) fn repeat(seed: u64, until: Instant, mut case: impl FnMut(&mut Random) -> u64) -> u64 {
    let mut seeds = Random::new(seed);
    let (mut seed, mut count) = (seed, 0);
    loop {
        let _told = TellSeed(seed);
        count += case(&mut Random::new(seed));
        if until <= Instant::now() {
            return count;
        }
        seed = seeds.number();
    }
}

#[test]
#[ignore = "the long run"]
fn the_long_run() {
    let seed = number(SEED).unwrap_or_else(any_seed);
    let seconds = number(SECONDS).unwrap_or(DEFAULT_SECONDS);
    let only = env::var(DRILL).ok();
    let is_asked_for = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let drills: Vec<&Drill> = DRILLS.iter().filter(|drill| is_asked_for(drill.name)).collect();
    let measurements: Vec<&Measurement> =
        MEASUREMENTS.iter().filter(|measurement| is_asked_for(measurement.name)).collect();
    let mut left = u32::try_from(drills.len() + measurements.len()).unwrap();
    assert_ne!(left, 0, "nothing is called {only:?}");

    println!("{seconds} seconds from the seed {seed}");
    let commit = ledger::commit();
    if commit.is_none() {
        println!("the tree differs from its commit: the ledger gains no row");
    }
    let began = Instant::now();
    let end = began + Duration::from_secs(seconds);
    // What one leaves of its share is shared by those that are still to come.
    let mut share = || {
        let now = Instant::now();
        let until = now + end.saturating_duration_since(now) / left;
        left -= 1;
        until
    };
    let mut counts = Vec::new();
    for drill in drills {
        let _told = TellDrill(drill.name);
        let now = Instant::now();
        let count = (drill.run)(seed, share());
        println!("{}: {count} {} in {:.1?}", drill.name, drill.unit, now.elapsed());
        counts.push(Count { drill: drill.name.to_owned(), count });
    }
    let mut readings = Vec::new();
    for measurement in measurements {
        let _told = TellDrill(measurement.name);
        let found = (measurement.run)(seed, share());
        for reading in &found {
            println!("{}: {}", reading.name, reading.value);
        }
        readings.extend(found);
    }
    if let Some(commit) = commit {
        let seconds = began.elapsed().as_secs();
        ledger::add(Row { seed, commit, seconds, counts }, readings, DRILLS);
    }
}

#[test]
fn every_drill_does_something_at_once() {
    let names: BTreeSet<&str> = DRILLS.iter().map(|drill| drill.name).collect();
    assert_eq!(names.len(), DRILLS.len(), "two drills have one name");
    for drill in DRILLS {
        let _told = TellDrill(drill.name);
        assert!(drill.name.chars().all(|c| c == ' ' || c.is_ascii_lowercase()), "{}", drill.name);
        let count = (drill.run)(1, Instant::now());
        // Tokens count only if there is somebody to compare with.
        let may_be_none = drill.name == SIGNED_TOKENS && !jose::has_peers();
        assert_eq!(count == 0, may_be_none, "{}: {count}", drill.name);
    }
}

#[test]
fn the_ledger_of_the_manual_adds_up() {
    let text = ledger::read();
    let ledger = Ledger::parse(&text, DRILLS);
    assert_eq!(ledger.print(DRILLS), text, "the totals are not those of the rows");
}

/// A figure of the README stands in the ledger, where it may have grown since.
#[test]
fn the_readme_claims_no_more_than_the_ledger_has() {
    let ledger = Ledger::parse(&ledger::read(), DRILLS);
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once(HEAD_OF_CLAIMS).unwrap();
    let claims: Vec<&str> = rest.lines().take_while(|line| line.starts_with('|')).collect();
    assert!(!claims.is_empty(), "nothing is claimed");
    for claim in claims {
        let [drill, least, unit] = ledger::cells(claim)[..] else { panic!("no claim: {claim}") };
        let known = DRILLS.iter().find(|known| known.name == drill).unwrap();
        assert_eq!(unit, known.unit);
        let least: u64 = least.replace(' ', "").parse().unwrap();
        assert!(least <= ledger.total(drill), "{claim}: there are {}", ledger.total(drill));
    }
}

/// The value of an environment variable that must be a number if it is there.
fn number(variable: &str) -> Option<u64> {
    let value = env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is no number: {value}")))
}

fn any_seed() -> u64 {
    let mut bytes = [0; 8];
    SystemEntropy.fill(&mut bytes).unwrap();
    u64::from_be_bytes(bytes)
}

/// Which seed has led to a panic.
struct TellSeed(u64);

impl Drop for TellSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to see it again: {SEED}={}", self.0);
        }
    }
}

/// Which drill has panicked.
struct TellDrill(&'static str);

impl Drop for TellDrill {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to run this drill alone: {DRILL}='{}'", self.0);
        }
    }
}

const SIGNED_TOKENS: &str = "signed tokens";
const HEAD_OF_CLAIMS: &str = "| drill | at least | what is counted |\n| --- | ---: | --- |\n";
const SECONDS: &str = "GUESTPASS_LONG_SECONDS";
const SEED: &str = "GUESTPASS_LONG_SEED";
const DRILL: &str = "GUESTPASS_LONG_DRILL";
const DEFAULT_SECONDS: u64 = 60;
