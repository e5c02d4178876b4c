//! Files in which pages, bits or lengths are not what they were.

use std::fs;
use std::path::Path;
use std::time::Instant;

use guestpass::model::{Account, EventCursor, KeyName, Timestamp, TokenDigest, UserId};
use guestpass::store::sqlite::SqliteBackend;
use guestpass::store::{Backend, Landing, Lookup, SessionStore, UserStore};

use crate::crash::Scratch;
use crate::durability::{guest, member, session};
use crate::long;
use crate::support::{Random, run};

/// Users with something in every table, on several pages each.
const USERS: u8 = 60;
const PAGE: usize = 4096;

/// The bytes of a database that was closed.
fn whole() -> Vec<u8> {
    let scratch = Scratch::new();
    let path = scratch.path().join("users.db");
    let backend = SqliteBackend::open(&path).unwrap();
    for number in 1..=USERS {
        let (commit, opened) = (expected(number), session(number));
        let landing =
            Landing { commit: Some(commit), open_session: Some(opened), ..Landing::default() };
        run(backend.land(&landing)).unwrap();
    }
    drop(backend);
    fs::read(path).unwrap()
}

fn expected(number: u8) -> guestpass::model::Commit {
    if number.is_multiple_of(2) { member(number) } else { guest(number) }
}

/// How users are found in a file that is not as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// Each as it was, or not at all, with an error that says why.
    AsBefore,
    /// Each whole, or not; a value may have become another that can be.
    Whole,
}

/// Reads and writes everything there is: nothing panics, nobody is half there, and the database is not
/// taken for an empty one. Says whether it was opened.
fn visit(path: &Path, trust: Trust, what: &str) -> bool {
    let Ok(backend) = SqliteBackend::open(path) else { return false };
    assert!(!matches!(run(backend.is_empty()), Ok(true)), "{what}: taken for empty");
    for number in 1..=USERS {
        let user = UserId::from_bytes([number; 16]);
        let found = run(backend.load(Lookup::User(user)));
        match (found, trust) {
            (Ok(found), Trust::AsBefore) => {
                let before = Account::after(None, &expected(number));
                assert_eq!(found, before, "{what}: user {number}");
            }
            (Ok(Some(account)), Trust::Whole) => assert_eq!(account.check(), Ok(()), "{what}"),
            (Ok(None), Trust::Whole) | (Err(_), Trust::AsBefore | Trust::Whole) => {}
        }
        let digest = TokenDigest::from_bytes([number; 32]);
        let _found_or_not = run(backend.resolve(&digest));
        let _found_or_not = run(backend.key(KeyName::Kid(&format!("device-key-{number}"))));
        let epoch = guestpass::model::Epoch::from_bytes([number; 8]);
        let _found_or_not = run(backend.of_user(user, epoch, None, None, 10));
    }
    let _read_or_not = run(backend.events(EventCursor::START, 1000));
    let _read_or_not = run(backend.ended(Timestamp::MAX, 1000));
    let _written_or_not = run(backend.commit(&member(USERS + 1)));
    let _written_or_not = run(backend.remove(&TokenDigest::from_bytes([1; 32])));
    let _written_or_not = SessionStore::sweep(&backend, Timestamp::MAX, 10);
    true
}

fn visit_bytes(bytes: &[u8], trust: Trust, what: &str) -> bool {
    let scratch = Scratch::new();
    let path = scratch.path().join("users.db");
    fs::write(&path, bytes).unwrap();
    visit(&path, trust, what)
}

#[test]
fn any_page_may_be_gone() {
    let whole = whole();
    assert!(visit_bytes(&whole, Trust::AsBefore, "as it was"));
    let pages = whole.len() / PAGE;
    assert!(20 < pages, "{pages}");
    for page in 0..pages {
        for filling in [0x00, 0x0d] {
            let mut bytes = whole.clone();
            bytes[page * PAGE..(page + 1) * PAGE].fill(filling);
            let is_open = visit_bytes(&bytes, Trust::AsBefore, &format!("page {page} {filling:x}"));
            assert!(!is_open || 0 < page, "nothing is opened without its header");
        }
    }
}

/// With the root of another table in the place of that of the users, a store full of people said that it
/// was empty, and a missing key file would have been made anew.
#[test]
fn any_page_may_stand_in_the_place_of_another() {
    let whole = whole();
    let pages = whole.len() / PAGE;
    for page in 1..pages {
        let mut bytes = whole.clone();
        let other = 1 + page % (pages - 1);
        bytes.copy_within(other * PAGE..(other + 1) * PAGE, page * PAGE);
        visit_bytes(&bytes, Trust::Whole, &format!("{other} in the place of {page}"));
    }
}

/// A file that was cut to its first byte was taken for a new one, and written over: so does SQLite, for the
/// sake of file systems on which an empty file cannot be locked.
#[test]
fn a_file_may_be_cut_anywhere() {
    let whole = whole();
    let pages = whole.len() / PAGE;
    for page in 0..pages {
        for length in [page * PAGE, page * PAGE + 1] {
            if length == 0 {
                continue;
            }
            visit_bytes(&whole[..length], Trust::AsBefore, &format!("{length} bytes"));
        }
    }
}

#[test]
fn any_bit_of_the_header_may_flip() {
    let whole = whole();
    for bit in (0..100 * 8).step_by(7) {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        visit_bytes(&bytes, Trust::Whole, &format!("bit {bit}"));
    }
}

fn flip(whole: &[u8], random: &mut Random) {
    let mut bytes = whole.to_vec();
    let mut bits = Vec::new();
    for _ in 0..=random.below(3) {
        let bit = random.below(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        bits.push(bit);
    }
    visit_bytes(&bytes, Trust::Whole, &format!("bits {bits:?}"));
}

#[test]
fn any_bits_may_flip() {
    let (whole, mut random) = (whole(), Random::new(1));
    for _ in 0..100 {
        flip(&whole, &mut random);
    }
}

/// Flips bits until it is time, and counts how often.
pub(crate) fn random_flips(seed: u64, until: Instant) -> u64 {
    let whole = whole();
    long::repeat(seed, until, |random| {
        flip(&whole, random);
        1
    })
}
