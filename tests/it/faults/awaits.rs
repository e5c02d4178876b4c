//! Calls that are dropped wherever they wait: for the threads that hash, for the one that writes, for a
//! lock. What is done is whole, and those threads serve whoever comes next.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use guestpass::credential::{Argon2Params, HasherOptions, Password, PasswordHasher};
use guestpass::model::{SystemEntropy, Timestamp};
use guestpass::store::{Backend as _, Nonce};
use rusqlite::Connection;

use super::cast::{Answer, Cast};
use super::every_call::{Course, converges, is_between};
use super::methods::METHODS;
use crate::support::{Place, run};

/// Polls a future until it has had to wait so many times, and drops it then; `None` if it had not ended.
/// Between two waits the lock is let go, so that what it waits for comes.
fn abandon_at_wait<T>(waits: u32, lock: &Lock, future: impl Future<Output = T>) -> Option<T> {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    let mut waited = 0;
    loop {
        lock.take();
        let polled = future.as_mut().poll(&mut context);
        match polled {
            Poll::Ready(done) => {
                lock.release();
                return Some(done);
            }
            Poll::Pending if waited == waits => break,
            Poll::Pending => {
                waited += 1;
                lock.release();
                thread::park();
            }
        }
    }
    // The future goes first: nobody waits any more when the write is let through.
    None
}

/// What keeps writes waiting.
struct Lock(Option<Connection>);

impl Lock {
    fn of(cast: &Cast) -> Self {
        let connection = cast.world.file().map(|path| Connection::open(path).unwrap());
        if let Some(connection) = &connection {
            connection.busy_timeout(Duration::ZERO).unwrap();
        }
        Self(connection)
    }

    fn take(&self) {
        let Some(connection) = &self.0 else { return };
        let since = Instant::now();
        while connection.execute_batch("BEGIN IMMEDIATE").is_err() {
            assert!(since.elapsed() < Duration::from_secs(30), "the writer keeps the lock");
            thread::sleep(Duration::from_micros(200));
        }
    }

    fn release(&self) {
        if let Some(connection) = &self.0 {
            connection.execute_batch("ROLLBACK").unwrap();
        }
    }
}

/// Whatever was handed to the writer before has landed after this.
fn drain(cast: &Cast, number: u32) {
    let mut nonce = [0xee; 16];
    nonce[..4].copy_from_slice(&number.to_be_bytes());
    run(cast.world.backend.sessions().spend(&Nonce(nonce), Timestamp::MAX)).unwrap();
}

#[test]
fn whatever_is_dropped_while_it_waits_is_done_whole_or_not_at_all() {
    let mut count = 0;
    for method in METHODS {
        let course = Course::of(Place::Sqlite, method);
        for number in 0..MOST_WAITS {
            let cast = Cast::new(Place::Sqlite, method);
            let lock = Lock::of(&cast);
            let answer = abandon_at_wait(number, &lock, (method.call)(&cast, 0));
            drop(lock);
            drain(&cast, number);
            let what = format!("{} dropped at wait {number}", method.name());
            is_between(&cast.look(), &course, method, &what);
            if let Some(answer) = answer {
                let answer = Answer::of(answer);
                assert!(!answer.has_failed(), "{what}");
                break;
            }
            count += 1;
            converges(method, &cast, 1, &course, &what);
        }
    }
    println!("{count} calls dropped while they waited");
}

/// Who asks for a hash and goes away leaves the threads to whoever comes next.
#[test]
fn those_who_do_not_wait_for_a_hash_keep_nobody_from_theirs() {
    let options = HasherOptions { params: Argon2Params::for_tests(), threads: 1, queue: 8 };
    let hasher = PasswordHasher::start(options, Arc::new(SystemEntropy)).unwrap();
    let hash = || hasher.hash(Password::attempt("correct horse battery").unwrap());
    for _ in 0..1000 {
        let _done_or_left_or_one_too_many = abandon_at_wait(0, &Lock(None), hash());
    }
    let since = Instant::now();
    while run(hash()).is_err() {
        assert!(since.elapsed() < Duration::from_secs(30), "nobody hashes any more");
    }
}

/// More waits than any method has.
const MOST_WAITS: u32 = 32;
