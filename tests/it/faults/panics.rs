//! Panics in what a host brings along: they stay where they are, and whoever comes next is served.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use guestpass::credential::{Argon2Params, HasherOptions, Password, PasswordHasher};
use guestpass::model::{Clock, Entropy, EntropyError, SystemEntropy, Timestamp};
use guestpass::store::UserStore as _;
use guestpass::store::sqlite::{Reads, SqliteBackend};
use rusqlite::Connection;

use crate::crash::Scratch;
use crate::durability::member;
use crate::support::{Place, World, cookie, password, run};

/// Panics when it is woken, as the waker of a runtime may that is shutting down.
struct Bomb(AtomicU32);

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("a waker panics");
    }
}

impl Bomb {
    /// Waits until it has gone off as often.
    fn has_gone_off(&self, times: u32) {
        let since = Instant::now();
        while self.0.load(Ordering::SeqCst) < times {
            assert!(since.elapsed() < Duration::from_secs(30), "nobody was woken");
            std::thread::yield_now();
        }
    }
}

/// The thread that had hashed went down with the waker, and all who came after waited for ever.
#[test]
fn a_waker_that_panics_ends_no_thread_that_hashes() {
    let options = HasherOptions { params: Argon2Params::for_tests(), threads: 2, queue: 256 };
    let hasher = PasswordHasher::start(options, Arc::new(SystemEntropy)).unwrap();
    let bomb = Arc::new(Bomb(AtomicU32::new(0)));
    let waker = Waker::from(Arc::clone(&bomb));
    let mut times = 0;
    while times < 8 {
        let mut hash = pin!(hasher.hash(Password::attempt("correct horse battery").unwrap()));
        if hash.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            times += 1;
            bomb.has_gone_off(times);
        }
    }
    run(hasher.hash(Password::attempt("correct horse battery").unwrap())).unwrap();
}

/// The thread that writes went down with the waker, and nothing could be written until a restart.
#[test]
fn a_waker_that_panics_ends_no_thread_of_a_file() {
    for reads in [Reads::InPlace, Reads::Offloaded] {
        let scratch = Scratch::new();
        let path = scratch.path().join("users.db");
        let mut options = SqliteBackend::options();
        options.reads = reads;
        let backend = options.open(&path).unwrap();
        let other = Connection::open(&path).unwrap();
        let bomb = Arc::new(Bomb(AtomicU32::new(0)));
        let waker = Waker::from(Arc::clone(&bomb));
        for times in 1..=4 {
            // While another has the lock, the write waits for sure.
            other.execute_batch("BEGIN IMMEDIATE").unwrap();
            let commit = member(u8::try_from(times).unwrap());
            let mut write = backend.commit(&commit);
            assert!(write.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            other.execute_batch("ROLLBACK").unwrap();
            bomb.has_gone_off(times);
        }
        for _ in 0..16 {
            let mut read = backend.is_empty();
            let _perhaps_it_waits = read.as_mut().poll(&mut Context::from_waker(&waker));
        }
        run(backend.commit(&member(100))).unwrap();
        assert!(!run(backend.is_empty()).unwrap());
    }
}

/// Panics at one of its calls, and does its work at all others.
#[derive(Debug)]
struct Moody<T> {
    inner: T,
    calls: Arc<AtomicU32>,
    at: u32,
}

impl<T> Moody<T> {
    fn meet(&self) {
        assert_ne!(self.calls.fetch_add(1, Ordering::SeqCst), self.at, "at its worst");
    }
}

impl<T: Clock> Clock for Moody<T> {
    fn now(&self) -> Timestamp {
        self.meet();
        self.inner.now()
    }
}

impl<T: Entropy> Entropy for Moody<T> {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.meet();
        self.inner.fill(bytes)
    }
}

#[test]
fn a_clock_or_random_bytes_that_panic_leave_a_promotion_whole() {
    for place in [Place::Memory, Place::Pair, Place::Sqlite] {
        for breaks_clock in [false, true] {
            for at in 0..40 {
                let world = World::new(place);
                let guest = world.guest();
                let proof = world.by_session(&guest);
                // Building an engine draws too.
                let (calls, never) = (Arc::new(AtomicU32::new(1000)), u32::MAX);
                let (clock_at, entropy_at) = if breaks_clock { (at, never) } else { (never, at) };
                let clock = world.clock.clone();
                let clock = Moody { inner: clock, calls: Arc::clone(&calls), at: clock_at };
                let entropy = world.entropy.clone();
                let entropy = Moody { inner: entropy, calls: Arc::clone(&calls), at: entropy_at };
                let engine = world.engine_with_parts(clock, entropy);
                calls.store(0, Ordering::SeqCst);
                let promote = || run(engine.promote(&proof, password("ada"), cookie(), None));
                let outcome = catch_unwind(AssertUnwindSafe(promote));
                let what = format!("{place:?}, clock: {breaks_clock}, at {at}");
                let user = world.user(guest.user);
                assert_eq!(user.is_anonymous(), world.owner("ada").is_none(), "{what}");
                assert_eq!(user.is_anonymous(), world.ended(&guest).is_none(), "{what}");
                let again = run(engine.promote(&proof, password("ada"), cookie(), None));
                assert_eq!(again.unwrap().user.id, guest.user, "{what}");
                if outcome.is_ok() {
                    break;
                }
                assert_ne!(at, 39, "{what}: no promotion needs as many");
            }
        }
    }
}
