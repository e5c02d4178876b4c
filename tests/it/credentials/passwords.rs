//! Passwords: hashing them without holding up others, or letting anybody measure.

use std::sync::Arc;
use std::time::Duration;

use guestpass::credential::{
    Argon2Params, HashError, HasherOptions, Password, PasswordHasher, PasswordPolicy, Verdict,
};
use guestpass::model::{PasswordHash, SystemEntropy};

/// So dear that a thread is busy for a while, also in a release build.
fn slow() -> Argon2Params {
    Argon2Params::new(65_536, 4, 1).unwrap()
}

fn hasher(params: Argon2Params, threads: usize, queue: usize) -> PasswordHasher {
    let options = HasherOptions { params, threads, queue };
    PasswordHasher::start(options, Arc::new(SystemEntropy)).unwrap()
}

fn password(text: &str) -> Password {
    Password::parse(text, &PasswordPolicy::default()).unwrap()
}

/// Lets what was just spawned run until it waits.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_password_is_verified_against_its_own_hash_only() {
    let hasher = hasher(Argon2Params::for_tests(), 2, 256);
    let hash = hasher.hash(password("open sesame")).await.unwrap();
    let matches = Verdict::Match { outdated: false };
    let verify = |text, hash: &PasswordHash| hasher.verify(password(text), Some(hash.clone()));
    assert_eq!(verify("open sesame", &hash).await, Ok(matches));
    assert_eq!(verify("open\u{3000}sesame", &hash).await, Ok(matches));
    assert_eq!(verify("open sesame!", &hash).await, Ok(Verdict::Mismatch));
    assert_eq!(hasher.verify(password("open sesame"), None).await, Ok(Verdict::Mismatch));
    let again = hasher.hash(password("open sesame")).await.unwrap();
    assert_ne!(again, hash, "the salt is new each time");
}

#[tokio::test]
async fn a_hash_with_other_parameters_matches_and_is_outdated() {
    let cheap = hasher(Argon2Params::for_tests(), 1, 1);
    let hash = cheap.hash(password("open sesame")).await.unwrap();
    let dear = hasher(Argon2Params::default(), 1, 1);
    let verdict = dear.verify(password("open sesame"), Some(hash)).await;
    assert_eq!(verdict, Ok(Verdict::Match { outdated: true }));
}

#[tokio::test]
async fn a_hash_that_cannot_be_read_or_afforded_verifies_nothing() {
    let hasher = hasher(Argon2Params::for_tests(), 1, 1);
    let absurd = "$argon2id$v=19$m=4294967295,t=4294967295,p=1$c29tZXNhbHQ\
                  $CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    for phc in ["nonsense", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv", absurd] {
        let hash = PasswordHash::from_phc(phc.to_owned());
        let verdict = hasher.verify(password("open sesame"), hash).await;
        assert_eq!(verdict, Ok(Verdict::Mismatch), "{phc}");
    }
}

#[tokio::test]
async fn a_missing_hash_costs_as_much_as_a_wrong_one() {
    let params = Argon2Params::new(19_456, 2, 1).unwrap();
    let hasher = hasher(params, 1, 1);
    let hash = hasher.hash(password("open sesame")).await.unwrap();
    // On a busy machine it takes some rounds until either was undisturbed once.
    let mut shortest = [Duration::MAX; 2];
    for round in 1..=MAX_ROUNDS {
        for (shortest, hash) in shortest.iter_mut().zip([Some(&hash), None]) {
            let start = std::time::Instant::now();
            hasher.verify(password("wrong password"), hash.cloned()).await.unwrap();
            *shortest = start.elapsed().min(*shortest);
        }
        let [wrong, missing] = shortest;
        if LEAST_ROUNDS <= round && wrong < missing * 2 && missing < wrong * 2 {
            return;
        }
    }
    panic!("a wrong and a missing one take {shortest:?}");
}

#[tokio::test]
async fn beyond_the_queue_callers_are_refused_at_once() {
    let hasher = hasher(slow(), 1, 2);
    let start = || {
        let hasher = hasher.clone();
        tokio::spawn(async move { hasher.hash(password("open sesame")).await })
    };
    // One is hashed and two wait, or two wait for the thread to look: of eight some are refused,
    // long before the first is done.
    let all: Vec<_> = (0..8).map(|_| start()).collect();
    let mut refused = 0;
    for one in all {
        match one.await.unwrap() {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error, HashError::Busy);
                refused += 1;
            }
        }
    }
    assert!((5..=6).contains(&refused), "{refused}");
    assert!(hasher.hash(password("open sesame")).await.is_ok());
}

#[tokio::test]
async fn a_caller_who_goes_away_is_not_worked_for() {
    let hasher = hasher(slow(), 1, 64);
    let start = || {
        let hasher = hasher.clone();
        tokio::spawn(async move { hasher.hash(password("open sesame")).await })
    };
    let began = std::time::Instant::now();
    assert!(start().await.unwrap().is_ok());
    let one = began.elapsed();
    let gone: Vec<_> = (0..40).map(|_| start()).collect();
    settle().await;
    gone.iter().for_each(tokio::task::JoinHandle::abort);
    settle().await;
    let began = std::time::Instant::now();
    assert!(start().await.unwrap().is_ok());
    assert!(began.elapsed() < one * 20, "{:?} for one of {one:?}", began.elapsed());
}

#[tokio::test]
async fn a_hasher_works_as_long_as_somebody_waits_for_it() {
    let hasher = hasher(slow(), 1, 8);
    let start = || {
        let hasher = hasher.clone();
        tokio::spawn(async move { hasher.hash(password("open sesame")).await })
    };
    let waiting = [start(), start()];
    drop(hasher);
    for one in waiting {
        assert!(one.await.unwrap().is_ok());
    }
}

#[test]
fn no_secret_is_printed() {
    let hasher = hasher(Argon2Params::for_tests(), 1, 1);
    assert!(!format!("{hasher:?} {:?}", password("open sesame")).contains("sesame"));
}

/// Measurements of either kind.
const LEAST_ROUNDS: usize = 5;
const MAX_ROUNDS: usize = 100;
