//! A key file that is read and replaced at the same time, and how often it is read.
//!
//! Two bugs were here. A flow was named by opening its ticket as if it were 1970, so that a ticket
//! which had expired still had its name; the keyring believed the time, took its clock to be set back,
//! and read its file again for every made-up ticket. And a keyring that had read its file just before
//! it was replaced could put the old keys back in the place of the new ones, and seal with a key that
//! was rotated away because it had been stolen.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guestpass::credential::{Keyring, Purpose, TicketPurpose, Tickets, jwt};
use guestpass::engine::FlowStart;
use guestpass::model::{ManualClock, Nonce, SystemEntropy};
use guestpass::store::memory::MemoryBackend;
use guestpass::store::sqlite::SqliteBackend;
use guestpass::{Engine, Policy};

use super::NOW;
use super::keyrings::{MINUTE, file, opens, token};
use crate::support::run;

const SECOND: Duration = Duration::from_secs(1);

fn ticket_of(keyring: &Keyring) -> String {
    let ticket = guestpass::credential::Ticket {
        purpose: TicketPurpose::PromotionCode,
        nonce: Nonce([1; 16]),
        expires_at: NOW.plus(MINUTE),
        subject: None,
        payload: Vec::new(),
    };
    Tickets::durable(keyring).seal(&ticket).unwrap()
}

#[test]
fn naming_the_flow_of_a_made_up_ticket_reads_the_file_no_more_often() {
    let (directory, path) = file();
    let (ours, theirs) = (Keyring::open(&path).unwrap(), Keyring::open(&path).unwrap());
    let backend = SqliteBackend::open(directory.path().join("users.db")).unwrap();
    let clock = ManualClock::at(NOW);
    let engine = Engine::builder(backend, ours.clone(), Policy::default());
    let engine = engine.clock(clock.clone()).build().unwrap();
    let stranger = super::keyring();
    let made_up = ticket_of(&stranger);

    assert!(!opens(&token().seal(&stranger), &ours, NOW), "this reads the file");
    theirs.rotate(Purpose::AccessToken, MINUTE, NOW, &SystemEntropy).unwrap();
    let text = token().seal(&theirs);
    assert_eq!(engine.flow_id(&FlowStart::PromotionCode(&made_up)), None);
    assert!(!opens(&text, &ours, NOW), "the file was read twice in a second");
    clock.advance(SECOND);
    assert!(opens(&text, &ours, NOW.plus(SECOND)));
}

#[test]
fn a_flow_has_its_name_also_when_its_ticket_has_expired() {
    let (directory, path) = file();
    let keyring = Keyring::open(&path).unwrap();
    let backend = SqliteBackend::open(directory.path().join("users.db")).unwrap();
    let clock = ManualClock::at(NOW);
    let engine = Engine::builder(backend, keyring.clone(), Policy::default());
    let engine = engine.clock(clock.clone()).build().unwrap();
    let text = ticket_of(&keyring);
    let name = engine.flow_id(&FlowStart::PromotionCode(&text)).unwrap();
    clock.advance(MINUTE * 2);
    assert_eq!(engine.flow_id(&FlowStart::PromotionCode(&text)), Some(name));
}

#[test]
fn reading_a_key_file_beside_a_rotation_brings_no_old_key_back() {
    let (_directory, path) = file();
    let ours = Keyring::open(&path).unwrap();
    let is_over = AtomicBool::new(false);
    let barrier = Barrier::new(3);
    let name = |keyring: &Keyring| keyring.lookup_hash("", b"");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    barrier.wait();
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    for _ in 0..3 {
                        ours.refresh().unwrap();
                    }
                    barrier.wait();
                }
            });
        }
        let mut wrong = 0;
        for _ in 0..100 {
            barrier.wait();
            ours.rotate(Purpose::Lookup, Duration::ZERO, NOW, &SystemEntropy).unwrap();
            let after = name(&ours);
            let is_kept = (0..500).all(|_| name(&ours) == after);
            barrier.wait();
            let is_kept = is_kept && name(&ours) == after;
            wrong += u32::from(!is_kept);
            ours.refresh().unwrap();
            assert_eq!(name(&ours), after, "the file has the new key");
        }
        is_over.store(true, Ordering::SeqCst);
        barrier.wait();
        assert_eq!(wrong, 0, "of 100 rotations were undone");
    });
}

/// A process published the keys that it knew, and whoever verified by them refused what another process had
/// signed since.
#[test]
fn a_process_publishes_the_key_that_another_one_signs_with() {
    let (_directory, path) = file();
    let [ours, theirs] = [(); 2].map(|()| Keyring::open(&path).unwrap());
    theirs.rotate(Purpose::IdToken, MINUTE, NOW, &SystemEntropy).unwrap();
    let published = |keyring| jwt::jwks(keyring, NOW);
    assert_eq!(published(&ours), published(&theirs));
    assert_eq!(published(&ours)["keys"].as_array().unwrap().len(), 2);
}

/// A key that was stolen, and that another process has retired at once, counted for as long as this one lived.
#[test]
fn a_key_that_another_process_has_retired_ends_at_the_next_sweep() {
    let (_directory, path) = file();
    let [ours, theirs] = [(); 2].map(|()| Keyring::open(&path).unwrap());
    let clock = ManualClock::at(NOW);
    let engine = Engine::builder(MemoryBackend::new(), ours.clone(), Policy::default());
    let engine = engine.clock(clock.clone()).build().unwrap();
    let made_up = jwt::sign(&serde_json::json!({"sub": "usr"}), "JWT", &ours).unwrap();
    assert!(engine.id_token_claims(&made_up).is_some());
    theirs.rotate(Purpose::IdToken, Duration::ZERO, NOW, &SystemEntropy).unwrap();
    run(engine.sweep(1)).unwrap();
    assert!(engine.id_token_claims(&made_up).is_none());
    // As soon again as a second later.
    let made_up = jwt::sign(&serde_json::json!({"sub": "usr"}), "JWT", &ours).unwrap();
    theirs.rotate(Purpose::IdToken, Duration::ZERO, NOW, &SystemEntropy).unwrap();
    clock.advance(Duration::from_secs(1));
    run(engine.sweep(1)).unwrap();
    assert!(engine.id_token_claims(&made_up).is_none());
}

/// A link to the key file was replaced by a file of its own, and those who had the file itself open knew
/// nothing of the new keys.
#[cfg(unix)]
#[test]
fn through_a_link_the_file_is_rotated_and_the_link_stays() {
    let (directory, path) = file();
    let direct = Keyring::open(&path).unwrap();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let linked = Keyring::open(&link).unwrap();
    linked.rotate(Purpose::AccessToken, MINUTE, NOW, &SystemEntropy).unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    direct.refresh().unwrap();
    assert!(opens(&token().seal(&linked), &direct, NOW));
    assert!(!directory.path().join("link.lock").exists(), "both wait for the same lock");
}
