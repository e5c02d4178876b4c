//! Key files.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

use crate::credential::{
    Keyring, KeyringError, Purpose, Ticket, TicketError, TicketPurpose, Tickets,
};
use crate::fuzzing::world::{CountingEntropy, NOW, Scratch};
use crate::model::Nonce;

/// A file is refused, or holds keys that work, still do after a rotation, and end when all are to end.
pub fn keyring_file(data: &[u8]) {
    let scratch = Scratch::new();
    let path = scratch.file("keys");
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&path).and_then(|mut file| file.write_all(data)).expect("a file in memory");

    let entropy = CountingEntropy::default();
    let keys = match Keyring::open_with(&path, NOW, &entropy) {
        Ok(keys) => keys,
        Err(
            KeyringError::Malformed | KeyringError::UnknownVersion(_) | KeyringError::TooManyKeys,
        ) => {
            assert_eq!(std::fs::read(&path).expect("still there"), data, "left as it is");
            return;
        }
        Err(other) => panic!("no matter of what is in the file: {other}"),
    };
    let ticket = Ticket {
        purpose: TicketPurpose::Flow,
        nonce: Nonce([1; 16]),
        expires_at: NOW.plus(HOUR),
        subject: None,
        payload: Vec::new(),
    };
    let text = Tickets::durable(&keys).seal(&ticket).expect("short");
    let opens = |keys: &Keyring| Tickets::durable(keys).open(&text, TicketPurpose::Flow, NOW);
    assert_eq!(opens(&keys).as_ref(), Ok(&ticket));
    let again = Keyring::open_existing(&path).expect("opened before");
    assert_eq!(opens(&again).as_ref(), Ok(&ticket));
    let name = keys.lookup_hash("fuzz", b"name");
    assert_eq!(name, again.lookup_hash("fuzz", b"name"));

    for purpose in PURPOSES {
        match keys.rotate(purpose, HOUR, NOW, &entropy) {
            Ok(()) | Err(KeyringError::TooManyKeys) => {}
            Err(other) => panic!("a keyring that opens can be rotated: {other}"),
        }
    }
    let rotated = Keyring::open_existing(&path).expect("what we wrote, we read");
    for keys in [&keys, &rotated] {
        assert_eq!(opens(keys).as_ref(), Ok(&ticket), "a retired key counts for its time");
        assert!(keys.lookup_hashes("fuzz", b"name", NOW).contains(&name));
    }

    for purpose in PURPOSES {
        rotated
            .rotate(purpose, Duration::ZERO, NOW, &entropy)
            .expect("keeping none takes no place");
    }
    let ended = Keyring::open_existing(&path).expect("what we wrote, we read");
    for keys in [&rotated, &ended] {
        assert_eq!(opens(keys), Err(TicketError::Invalid), "no key from before counts");
        assert_eq!(keys.lookup_hashes("fuzz", b"name", NOW).len(), 1);
    }
}

const PURPOSES: [Purpose; 4] =
    [Purpose::Ticket, Purpose::AccessToken, Purpose::IdToken, Purpose::Lookup];

const HOUR: Duration = Duration::from_secs(3600);
