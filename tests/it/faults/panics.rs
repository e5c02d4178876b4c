//! Panics in what a host brings along: they stay where they are, and whoever comes next is served.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use guestpass::credential::{Argon2Params, HasherOptions, Password, PasswordHasher};
use guestpass::model::{Clock, ManualClock, SystemEntropy, Timestamp};
use guestpass::store::UserStore as _;
use guestpass::store::sqlite::{Reads, SqliteBackend};
use rusqlite::Connection;

use super::cast::{Answer, Cast};
use super::every_call::{Course, MAX_CALLS, converges, is_between, is_honest};
use super::methods::{METHODS, Method};
use crate::crash::Scratch;
use crate::durability::member;
use crate::support::{Fault, Place, run};

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

/// A clock that panics when it is asked for the time, but for the first few times.
#[derive(Debug)]
struct Moody {
    clock: ManualClock,
    /// How often it was asked.
    asked: Arc<AtomicU32>,
    panics_at: u32,
}

impl Clock for Moody {
    fn now(&self) -> Timestamp {
        if self.asked.fetch_add(1, Ordering::SeqCst) == self.panics_at {
            // As a panic does, but without a word on standard error.
            resume_unwind(Box::new("at its worst"));
        }
        self.clock.now()
    }
}

/// Calls a method while something panics; says whether it did. Whoever called has done all or nothing, and
/// asks again.
fn panics(method: &Method, cast: &Cast, course: &Course, what: &str) -> bool {
    let call = || Answer::of(run((method.call)(cast, 0)));
    let answer = catch_unwind(AssertUnwindSafe(call)).ok();
    is_between(&cast.look(), course, method, what);
    let Some(answer) = answer else {
        converges(method, cast, 1, course, what);
        return true;
    };
    assert_eq!(answer.word, course.once.1, "{what}");
    is_honest(cast, &answer, what);
    false
}

#[test]
fn a_store_may_panic_at_every_call() {
    let mut count = 0;
    for (method, &place) in
        METHODS.iter().flat_map(|method| Place::QUICK.iter().map(move |place| (method, place)))
    {
        let course = Course::of(place, method);
        for fault in [Fault::Panic, Fault::PanicAfter] {
            let ended = (0..MAX_CALLS).find(|&number| {
                let cast = Cast::new(place, method);
                cast.world.script.fail(fault, number);
                let what = format!("{} on {place:?}, {fault:?} at {number}", method.name());
                !panics(method, &cast, &course, &what)
            });
            count += ended.unwrap_or_else(|| panic!("{} has no end", method.name()));
        }
    }
    println!("{count} store calls that panicked");
}

#[test]
fn random_bytes_may_panic_at_every_draw() {
    let mut count = 0;
    for method in METHODS {
        let course = Course::of(Place::Pair, method);
        let ended = (0..MAX_CALLS).find(|&draw| {
            let cast = Cast::new(Place::Pair, method);
            cast.world.entropy.panic_after(draw.into());
            let what = format!("{} with a panic at draw {draw}", method.name());
            !panics(method, &cast, &course, &what)
        });
        count += ended.unwrap_or_else(|| panic!("{} has no end", method.name()));
    }
    println!("{count} draws that panicked");
}

#[test]
fn a_clock_may_panic_whenever_it_is_asked() {
    let mut count = 0;
    // In a file, where another engine takes the tickets of the first.
    for method in METHODS {
        let course = Course::of(Place::Sqlite, method);
        let ended = (0..MAX_CALLS).find(|&panics_at| {
            let mut cast = Cast::new(Place::Sqlite, method);
            // Whoever builds an engine may look at it too.
            let asked = Arc::new(AtomicU32::new(u32::MAX / 2));
            let clock = cast.world.clock.clone();
            let clock = Moody { clock, asked: Arc::clone(&asked), panics_at };
            cast.engine = cast.world.engine_with_parts(clock, cast.world.entropy.clone());
            asked.store(0, Ordering::SeqCst);
            let what = format!("{} with a panic at the {panics_at}th look", method.name());
            !panics(method, &cast, &course, &what)
        });
        count += ended.unwrap_or_else(|| panic!("{} has no end", method.name()));
    }
    println!("{count} looks at a clock that panicked");
}
