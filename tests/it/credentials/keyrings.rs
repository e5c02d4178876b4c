//! The key file: who may read it, who makes it, and what a rotation leaves valid.

use std::fs;
use std::path::PathBuf;
use std::sync::Barrier;
use std::time::Duration;

use guestpass::credential::{AccessToken, AccessTokenError, Keyring, KeyringError, Purpose};
use guestpass::model::{Epoch, SystemEntropy, Timestamp, TokenDigest, UserId};
use serde_json::Value;
use tempfile::TempDir;

use super::NOW;

pub(super) const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn file() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.json");
    (directory, path)
}

pub(super) fn token() -> AccessToken {
    AccessToken {
        digest: TokenDigest::from_bytes([1; 32]),
        user: UserId::from_bytes([2; 16]),
        epoch: Epoch::from_bytes([3; 8]),
        client: None,
        expires_at: NOW.plus(24 * 60 * MINUTE),
    }
}

pub(super) fn opens(text: &str, keyring: &Keyring, now: Timestamp) -> bool {
    AccessToken::open(text, keyring, now) == Ok(token())
}

#[test]
fn the_same_file_gives_the_same_keys() {
    let (_directory, path) = file();
    let first = Keyring::open(&path).unwrap();
    let text = token().seal(&first);
    for again in [Keyring::open(&path), Keyring::open_existing(&path)] {
        let again = again.unwrap();
        assert!(opens(&text, &again, NOW));
        assert_eq!(again.lookup_hash("a", b"b"), first.lookup_hash("a", b"b"));
    }
    assert!(!opens(&text, &super::keyring(), NOW));
}

#[test]
fn starters_at_the_same_time_agree_and_leave_nothing_behind() {
    for _ in 0..20 {
        let (directory, path) = file();
        let barrier = Barrier::new(8);
        let names: Vec<_> = std::thread::scope(|scope| {
            let start = || {
                barrier.wait();
                Keyring::open(&path).unwrap().lookup_hash("", b"")
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(names.iter().all(|name| *name == names[0]));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_file_that_must_be_there_is_not_made() {
    let (directory, path) = file();
    assert!(matches!(Keyring::open_existing(&path), Err(KeyringError::Absent)));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;

    let (_directory, path) = file();
    let keyring = Keyring::open(&path).unwrap();
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    keyring.rotate(Purpose::Ticket, MINUTE, NOW, &SystemEntropy).unwrap();
    assert_eq!(mode(), 0o600);
    for wrong in [0o604, 0o640, 0o602, 0o777] {
        fs::set_permissions(&path, PermissionsExt::from_mode(wrong)).unwrap();
        match Keyring::open(&path) {
            Err(KeyringError::Exposed { mode }) => assert_eq!(mode, wrong),
            other => panic!("{other:?}"),
        }
    }
    fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
    assert!(Keyring::open(&path).is_ok());
}

#[test]
fn a_file_that_is_not_as_we_write_it_is_refused() {
    let (_directory, path) = file();
    drop(Keyring::open(&path).unwrap());
    let right = fs::read_to_string(&path).unwrap();
    let write = |text: &str| {
        fs::write(&path, text).unwrap();
        Keyring::open(&path)
    };
    assert!(write(&right).is_ok());
    let newer = right.replace("\"version\": 1", "\"version\": 2, \"new\": true");
    assert!(matches!(write(&newer), Err(KeyringError::UnknownVersion(2))));
    let wrong = [
        String::new(),
        right[..right.len() / 2].to_owned(),
        right.replacen("\"purpose\"", "\"why\": 1, \"purpose\"", 1),
        right.replacen("\"ticket\"", "\"other\"", 1),
        right.replacen("\"ticket\"", "\"lookup\"", 1),
        right.replacen("\"secret\": \"", "\"secret\": \"A", 1),
        right.replacen("\"id\": \"", "\"id\": \"0", 1),
        right.replacen("\"created_at\"", "\"kept_until\": 1, \"created_at\"", 1),
    ];
    for text in wrong {
        assert!(matches!(write(&text), Err(KeyringError::Malformed)), "{text}");
    }
    let padded = |length: usize| format!("{right}{}", " ".repeat(length - right.len()));
    assert!(write(&padded(64 * 1024)).is_ok());
    assert!(matches!(write(&padded(64 * 1024 + 1)), Err(KeyringError::TooManyKeys)));
    let huge = format!("{right}{}", " ".repeat(64 * 1024));
    assert!(matches!(write(&huge), Err(KeyringError::TooManyKeys)));
}

#[test]
fn a_file_has_one_key_of_a_purpose_in_use_and_each_key_once() {
    let (_directory, path) = file();
    drop(Keyring::open(&path).unwrap());
    let right: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let open_with = |others: &[(usize, Option<i64>)]| {
        let mut json = right.clone();
        let keys = json["keys"].as_array_mut().unwrap();
        let first = keys[0].clone();
        for (number, kept_until) in others {
            let mut key = first.clone();
            if *number != 0 {
                key["id"] = format!("{number:016x}").into();
            }
            if let Some(until) = kept_until {
                key["kept_until"] = (*until).into();
            }
            keys.push(key);
        }
        fs::write(&path, json.to_string()).unwrap();
        Keyring::open(&path).map(drop)
    };
    let retired = |count| (1..=count).map(|number| (number, Some(i64::MAX))).collect::<Vec<_>>();
    assert!(open_with(&retired(32)).is_ok());
    assert!(matches!(open_with(&retired(33)), Err(KeyringError::TooManyKeys)));
    for wrong in [&[(1, None)][..], &[(0, Some(1))], &[(1, Some(1)), (1, Some(2))]] {
        assert!(matches!(open_with(wrong), Err(KeyringError::Malformed)), "{wrong:?}");
    }
}

#[test]
fn a_retired_key_counts_until_its_gifts_are_over() {
    let (_directory, path) = file();
    for keyring in [Keyring::open(&path).unwrap(), super::keyring()] {
        let before = token().seal(&keyring);
        keyring.rotate(Purpose::AccessToken, MINUTE, NOW, &SystemEntropy).unwrap();
        let after = token().seal(&keyring);
        assert!(opens(&before, &keyring, NOW) && opens(&after, &keyring, NOW));
        let end = NOW.plus(MINUTE);
        assert!(opens(&before, &keyring, Timestamp::from_millis(end.as_millis() - 1)));
        assert_eq!(AccessToken::open(&before, &keyring, end), Err(AccessTokenError::Invalid));
        assert!(opens(&after, &keyring, end));
    }
}

#[test]
fn a_key_that_was_stolen_ends_at_once() {
    let (_directory, path) = file();
    let keyring = Keyring::open(&path).unwrap();
    let before = token().seal(&keyring);
    keyring.rotate(Purpose::AccessToken, Duration::ZERO, NOW, &SystemEntropy).unwrap();
    assert!(!opens(&before, &keyring, NOW));
    assert!(!opens(&before, &Keyring::open(&path).unwrap(), NOW));
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches("\"secret\"").count(), 4, "it is not even kept");
}

#[test]
fn one_process_learns_of_the_rotation_of_another_when_it_meets_its_key() {
    let (_directory, path) = file();
    let (ours, theirs) = (Keyring::open(&path).unwrap(), Keyring::open(&path).unwrap());
    theirs.rotate(Purpose::AccessToken, MINUTE, NOW, &SystemEntropy).unwrap();
    let text = token().seal(&theirs);
    assert!(opens(&text, &ours, NOW));
    assert!(opens(&token().seal(&ours), &theirs, NOW));
}

#[test]
fn made_up_keys_make_a_process_read_its_file_once_in_a_second_at_most() {
    let (_directory, path) = file();
    let (ours, theirs) = (Keyring::open(&path).unwrap(), Keyring::open(&path).unwrap());
    assert!(!opens(&token().seal(&super::keyring()), &ours, NOW));
    theirs.rotate(Purpose::AccessToken, MINUTE, NOW, &SystemEntropy).unwrap();
    let text = token().seal(&theirs);
    assert!(!opens(&text, &ours, NOW.plus(Duration::from_millis(999))));
    assert!(opens(&text, &ours, NOW.plus(Duration::from_secs(1))));
}

#[test]
fn a_clock_that_went_back_stops_the_reading_for_a_second_at_most() {
    let (_directory, path) = file();
    let (ours, theirs) = (Keyring::open(&path).unwrap(), Keyring::open(&path).unwrap());
    let future = NOW.plus(MINUTE * 1000);
    assert!(!opens(&token().seal(&super::keyring()), &ours, future));
    theirs.rotate(Purpose::AccessToken, MINUTE, NOW, &SystemEntropy).unwrap();
    let text = token().seal(&theirs);
    // One time from before does not tell a clock that was set back from a caller who is late.
    assert!(!opens(&text, &ours, NOW));
    assert!(opens(&text, &ours, NOW.plus(Duration::from_secs(1))));
}

#[test]
fn times_from_before_make_a_process_read_its_file_no_more_often() {
    let (_directory, path) = file();
    let (ours, theirs) = (Keyring::open(&path).unwrap(), Keyring::open(&path).unwrap());
    let made_up = token().seal(&super::keyring());
    assert!(!opens(&made_up, &ours, NOW));
    theirs.rotate(Purpose::AccessToken, MINUTE, NOW, &SystemEntropy).unwrap();
    let text = token().seal(&theirs);
    for late in [0, 1, 999] {
        assert!(!opens(&made_up, &ours, Timestamp::EPOCH));
        assert!(!opens(&text, &ours, NOW.plus(Duration::from_millis(late))));
    }
}

#[test]
fn a_file_that_went_away_takes_no_keys_with_it() {
    let (_directory, path) = file();
    let keyring = Keyring::open(&path).unwrap();
    let text = token().seal(&keyring);
    fs::remove_file(&path).unwrap();
    assert!(matches!(keyring.refresh(), Err(KeyringError::Absent)));
    assert!(!opens(&token().seal(&super::keyring()), &keyring, NOW));
    assert!(opens(&text, &keyring, NOW));
}

#[test]
fn rotations_at_the_same_time_all_count() {
    let (_directory, path) = file();
    drop(Keyring::open(&path).unwrap());
    let barrier = Barrier::new(8);
    let texts: Vec<_> = std::thread::scope(|scope| {
        let rotate = || {
            let keyring = Keyring::open(&path).unwrap();
            barrier.wait();
            keyring.rotate(Purpose::AccessToken, MINUTE, NOW, &SystemEntropy).unwrap();
            token().seal(&keyring)
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(rotate)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let keyring = Keyring::open(&path).unwrap();
    assert!(texts.iter().all(|text| opens(text, &keyring, NOW)));
}

#[test]
fn retired_keys_are_bounded_and_forgotten() {
    let keyring = super::keyring();
    let rotate = |now| keyring.rotate(Purpose::Ticket, MINUTE, now, &SystemEntropy);
    for _ in 0..32 {
        rotate(NOW).unwrap();
    }
    assert!(matches!(rotate(NOW), Err(KeyringError::TooManyKeys)));
    rotate(NOW.plus(MINUTE)).unwrap();
}

#[test]
fn a_name_for_look_ups_depends_on_the_key_the_domain_and_the_bytes() {
    let keyring = super::keyring();
    let name = keyring.lookup_hash("login", b"ann");
    assert_eq!(name, keyring.lookup_hash("login", b"ann"));
    assert_ne!(name, keyring.lookup_hash("loginann", b""));
    assert_ne!(name, keyring.lookup_hash("login", b"bob"));
    assert_ne!(name, super::keyring().lookup_hash("login", b"ann"));
    keyring.rotate(Purpose::Lookup, MINUTE, NOW, &SystemEntropy).unwrap();
    assert_ne!(name, keyring.lookup_hash("login", b"ann"));
    assert_eq!(keyring.lookup_hashes("login", b"ann", NOW)[1..], [name]);
    assert_eq!(keyring.lookup_hashes("login", b"ann", NOW.plus(MINUTE)).len(), 1);
}

#[test]
fn no_secret_is_printed() {
    let (_directory, path) = file();
    assert_eq!(format!("{:?}", Keyring::open(&path).unwrap()), "Keyring(file, [redacted])");
    assert_eq!(format!("{:?}", super::keyring()), "Keyring(ephemeral, [redacted])");
}
