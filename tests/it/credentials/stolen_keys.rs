//! What ends when the key file was stolen, alone or with the database, and what has to be ended by name.
//!
//! A bug was here. Rotation at once ended the key in use only. The keys that were retired before and still
//! kept had lain in the same file: they went on counting, they were published, and nothing could end them.
//! With as many kept as there may be, it ended not even the one in use.

use std::fs;
use std::time::Duration;

use guestpass::credential::{
    Keyring, KeyringError, Purpose, Ticket, TicketError, TicketPurpose, Tickets, jwt,
};
use guestpass::model::{Nonce, SystemEntropy, Timestamp};
use serde_json::json;

use super::NOW;
use super::keyrings::{MINUTE, file, opens, token};

/// What a thief makes with the keys in use at the time.
struct Forged {
    access_token: String,
    ticket: String,
    jwt: String,
    name: [u8; 16],
}

impl Forged {
    fn with(keyring: &Keyring) -> Self {
        Self {
            access_token: token().seal(keyring),
            ticket: Tickets::durable(keyring).seal(&ticket()).unwrap(),
            jwt: jwt::sign(&json!({"sub": "usr"}), "at+jwt", keyring).unwrap(),
            name: keyring.lookup_hash("forged", b"name"),
        }
    }

    /// Of the access token, the ticket, the JWT and the name, which count.
    fn counts(&self, keyring: &Keyring, now: Timestamp) -> [bool; 4] {
        let ticket = Tickets::durable(keyring).open(&self.ticket, TicketPurpose::Flow, now);
        assert!(matches!(ticket, Ok(_) | Err(TicketError::Invalid)));
        [
            opens(&self.access_token, keyring, now),
            ticket.is_ok(),
            jwt::verify_own(&self.jwt, "at+jwt", keyring, now).is_some(),
            keyring.lookup_hashes("forged", b"name", now).contains(&self.name),
        ]
    }
}

fn ticket() -> Ticket {
    Ticket {
        purpose: TicketPurpose::Flow,
        nonce: Nonce([1; 16]),
        expires_at: NOW.plus(24 * 60 * MINUTE),
        subject: None,
        payload: Vec::new(),
    }
}

/// A key that counts no more has no business in the file.
#[test]
fn a_key_is_forgotten_by_a_rotation_at_the_instant_at_which_it_ends() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys");
    let keyring = Keyring::open(&path).unwrap();
    let written = || {
        let keys: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let keys = keys["keys"].as_array().unwrap().clone();
        keys.iter().filter(|key| key["purpose"] == "ticket").count()
    };
    let rotate = |now| keyring.rotate(Purpose::Ticket, MINUTE, now, &SystemEntropy).unwrap();
    rotate(NOW);
    assert_eq!(written(), 2);
    rotate(NOW.plus(MINUTE));
    assert_eq!(written(), 2);
    rotate(NOW.plus(MINUTE + MINUTE / 2));
    assert_eq!(written(), 3);
}

fn rotate_all(keyring: &Keyring, keep_for: Duration) -> Result<(), KeyringError> {
    PURPOSES
        .into_iter()
        .try_for_each(|purpose| keyring.rotate(purpose, keep_for, NOW, &SystemEntropy))
}

fn published(keyring: &Keyring) -> usize {
    jwt::jwks(keyring, NOW)["keys"].as_array().map_or(0, Vec::len)
}

#[test]
fn the_keys_that_were_kept_beside_a_stolen_one_end_with_it() {
    let (_directory, path) = file();
    for keyring in [Keyring::open(&path).unwrap(), super::keyring()] {
        let mut forged = vec![Forged::with(&keyring)];
        for _ in 0..2 {
            rotate_all(&keyring, MINUTE).unwrap();
            forged.push(Forged::with(&keyring));
        }
        assert!(forged.iter().all(|forged| forged.counts(&keyring, NOW) == [true; 4]));
        assert_eq!(published(&keyring), 3);

        rotate_all(&keyring, Duration::ZERO).unwrap();
        assert!(forged.iter().all(|forged| forged.counts(&keyring, NOW) == [false; 4]));
        assert_eq!(published(&keyring), 1);
        assert_eq!(Forged::with(&keyring).counts(&keyring, NOW), [true; 4]);
    }
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches("\"secret\"").count(), 4, "they are not even kept");
}

/// A time that is too short to be told keeps nothing either.
#[test]
fn a_key_that_is_kept_for_less_than_a_millisecond_is_kept_for_no_time() {
    let keyring = super::keyring();
    let forged = Forged::with(&keyring);
    rotate_all(&keyring, MINUTE).unwrap();
    rotate_all(&keyring, Duration::from_nanos(1)).unwrap();
    assert_eq!(forged.counts(&keyring, NOW), [false; 4]);
}

#[test]
fn the_keys_of_other_purposes_are_kept() {
    let keyring = super::keyring();
    let issued = Forged::with(&keyring);
    rotate_all(&keyring, MINUTE).unwrap();
    keyring.rotate(Purpose::AccessToken, Duration::ZERO, NOW, &SystemEntropy).unwrap();
    assert_eq!(issued.counts(&keyring, NOW), [false, true, true, true]);
}

#[test]
fn a_stolen_key_ends_however_many_are_kept() {
    let (_directory, path) = file();
    for keyring in [Keyring::open(&path).unwrap(), super::keyring()] {
        let first = Forged::with(&keyring);
        for _ in 0..32 {
            rotate_all(&keyring, MINUTE).unwrap();
        }
        let last = Forged::with(&keyring);
        assert!(matches!(rotate_all(&keyring, MINUTE), Err(KeyringError::TooManyKeys)));
        rotate_all(&keyring, Duration::ZERO).unwrap();
        for forged in [first, last] {
            assert_eq!(forged.counts(&keyring, NOW), [false; 4]);
        }
        rotate_all(&keyring, MINUTE).unwrap();
    }
}

#[test]
fn a_process_that_has_them_in_memory_brings_none_back() {
    let (_directory, path) = file();
    let [ours, theirs] = [(); 2].map(|()| Keyring::open(&path).unwrap());
    let mut forged = vec![Forged::with(&ours)];
    rotate_all(&ours, MINUTE).unwrap();
    forged.push(Forged::with(&ours));
    theirs.refresh().unwrap();
    rotate_all(&ours, Duration::ZERO).unwrap();

    // They have read nothing since, and write the file.
    assert!(forged.iter().all(|forged| forged.counts(&theirs, NOW) == [true; 4]));
    rotate_all(&theirs, MINUTE).unwrap();
    ours.refresh().unwrap();
    let late = Keyring::open_existing(&path).unwrap();
    for keyring in [&ours, &theirs, &late] {
        assert!(forged.iter().all(|forged| forged.counts(keyring, NOW) == [false; 4]));
        assert_eq!(published(keyring), 2, "the one in use, and the one that ended the stolen ones");
    }
}

#[test]
fn a_process_that_reads_its_file_again_knows_them_no_more() {
    let (_directory, path) = file();
    let [ours, theirs] = [(); 2].map(|()| Keyring::open(&path).unwrap());
    let forged = Forged::with(&ours);
    rotate_all(&ours, MINUTE).unwrap();
    theirs.refresh().unwrap();
    rotate_all(&ours, Duration::ZERO).unwrap();
    theirs.refresh().unwrap();
    assert_eq!(forged.counts(&theirs, NOW), [false; 4]);
    assert_eq!(published(&theirs), 1);
}

const PURPOSES: [Purpose; 4] =
    [Purpose::Ticket, Purpose::AccessToken, Purpose::IdToken, Purpose::Lookup];
