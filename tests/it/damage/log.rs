//! Write-ahead logs that are not what they were: what is there is what was there at some instant.

use std::fs;

use guestpass::store::UserStore;
use guestpass::store::sqlite::SqliteBackend;

use super::is_there;
use crate::crash::Scratch;
use crate::durability::member;
use crate::support::{Random, run};

const USERS: u8 = 8;

/// The bytes of a database with two users, and of a log with the others, as a crash leaves them.
fn after_a_crash() -> (Vec<u8>, Vec<u8>) {
    let scratch = Scratch::new();
    let path = scratch.path().join("users.db");
    for numbers in [1..=2, 3..=USERS] {
        let backend = SqliteBackend::open(&path).unwrap();
        for number in numbers.clone() {
            run(backend.commit(&member(number))).unwrap();
        }
        if *numbers.end() == USERS {
            let log = fs::read(scratch.path().join("users.db-wal")).unwrap();
            return (fs::read(&path).unwrap(), log);
        }
    }
    panic!("the last of them are returned")
}

/// Everybody up to some user is there, whole, and nobody after; says how many that are.
fn prefix(database: &[u8], log: &[u8], what: &str) -> u8 {
    let scratch = Scratch::new();
    let path = scratch.path().join("users.db");
    fs::write(&path, database).unwrap();
    fs::write(scratch.path().join("users.db-wal"), log).unwrap();
    let backend = SqliteBackend::open(&path).unwrap();
    let there: Vec<bool> = (1..=USERS).map(|number| is_there(&backend, number)).collect();
    let count = there.iter().take_while(|is_there| **is_there).count();
    assert!(there[count..].iter().all(|is_there| !is_there), "{what}: {there:?}");
    assert!(2 <= count, "{what}: what is in the file is there without the log");
    run(backend.commit(&member(100))).unwrap();
    u8::try_from(count).unwrap()
}

#[test]
fn a_log_that_was_cut_is_a_log_of_an_earlier_instant() {
    let (database, log) = after_a_crash();
    assert_eq!(prefix(&database, &log, "whole"), USERS);
    let (mut latest, mut reached) = (2, Vec::new());
    for length in (0..log.len()).step_by(1031) {
        let count = prefix(&database, &log[..length], &format!("{length} bytes"));
        assert!(latest <= count, "a longer log has no fewer");
        latest = count;
        reached.push(count);
    }
    reached.dedup();
    assert!(4 < reached.len(), "{reached:?}");
}

#[test]
fn a_log_with_flipped_bits_is_a_log_of_an_earlier_instant() {
    let (database, log) = after_a_crash();
    let mut random = Random::new(1);
    for _ in 0..60 {
        let (mut changed, bit) = (log.clone(), random.below(log.len() * 8));
        changed[bit / 8] ^= 1 << (bit % 8);
        prefix(&database, &changed, &format!("bit {bit}"));
    }
}

#[test]
fn a_log_of_garbage_is_no_log() {
    let (database, log) = after_a_crash();
    let mut random = Random::new(1);
    for length in [1, 31, 32, 33, 4152, log.len()] {
        assert_eq!(prefix(&database, &random.bytes(length), "garbage"), 2);
    }
}
