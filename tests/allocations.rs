//! What a hot path allocates: each number is the most it may, so that a change that allocates more is
//! seen. A binary of its own, because it replaces the global allocator by one that counts.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use allocation_counter::measure;
use futures_executor::block_on;
use guestpass::credential::{Argon2Params, HasherOptions, Keyring, Password, SessionToken};
use guestpass::model::{ClientId, LoginId, LoginIdType, SessionKind, SystemEntropy};
use guestpass::rules::{ApplicationType, ClientPolicy};
use guestpass::store::Backend;
use guestpass::store::memory::MemoryBackend;
use guestpass::store::sqlite::{Durability, SqliteBackend};
use guestpass::{Credential, Engine, Open, Policy};

/// An engine without limits on sign-ups, and with a client for refresh tokens.
fn engine(backend: impl Backend) -> Engine {
    let mut policy = Policy::default();
    policy.rate_limits.signup_anonymous.per_ip.enabled = false;
    policy.rate_limits.password.per_login_id.enabled = false;
    policy.clients = vec![ClientPolicy::new("app", ApplicationType::Native)];
    let keyring = Keyring::ephemeral(&SystemEntropy).unwrap();
    let hasher = HasherOptions { params: Argon2Params::for_tests(), ..HasherOptions::default() };
    Engine::builder(backend, keyring, policy).hasher(hasher).build().unwrap()
}

fn sign_up(engine: &Engine, kind: SessionKind) -> SessionToken {
    let signed_up = block_on(engine.sign_up_anonymously(Open::Session(kind), None)).unwrap();
    signed_up.into_session().unwrap().0
}

fn app() -> SessionKind {
    SessionKind::Refresh(ClientId::parse("app").unwrap())
}

/// The fewest allocations of any run on this thread: what grows now and then is left out.
fn fewest(mut run: impl FnMut()) -> u64 {
    (0..RUNS).map(|_| measure(&mut run).count_total).min().unwrap()
}

#[track_caller]
fn assert_at_most(most: u64, run: impl FnMut()) {
    let fewest = fewest(run);
    assert!(fewest <= most, "{fewest} allocations, and {most} are allowed");
}

#[test]
fn the_counter_counts() {
    assert_eq!(fewest(|| drop(Box::new(1))), 1);
    assert_eq!(fewest(|| drop(Vec::<u8>::new())), 0);
}

#[test]
fn what_is_too_long_for_a_password_is_not_even_copied() {
    let text = "x".repeat(Password::MAX_BYTES + 1);
    assert_at_most(0, || assert!(Password::attempt(&text).is_err()));
}

#[test]
fn authenticating_in_memory_allocates_little() {
    let engine = engine(MemoryBackend::new());
    let token = sign_up(&engine, SessionKind::Cookie);
    assert_at_most(AUTHENTICATE_MEMORY, || drop(block_on(engine.authenticate(&token)).unwrap()));
}

#[test]
fn authenticating_in_sqlite_allocates_little() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = SqliteBackend::options();
    options.durability = Durability::Normal;
    let engine = engine(options.open(directory.path().join("guestpass.db")).unwrap());
    let token = sign_up(&engine, SessionKind::Cookie);
    assert_at_most(AUTHENTICATE_SQLITE, || drop(block_on(engine.authenticate(&token)).unwrap()));
}

#[test]
fn authenticating_an_access_token_allocates_little() {
    let engine = engine(MemoryBackend::new());
    let token = sign_up(&engine, app());
    let caller = block_on(engine.authenticate(&token)).unwrap();
    let access = engine.access_token(&caller).unwrap().text;
    assert_at_most(AUTHENTICATE_ACCESS, || {
        drop(block_on(engine.authenticate_access(&access)).unwrap());
    });
}

#[test]
fn signing_up_in_memory_allocates_little() {
    let engine = engine(MemoryBackend::new());
    assert_at_most(SIGN_UP_MEMORY, || drop(sign_up(&engine, SessionKind::Cookie)));
}

/// Whoever guesses login IDs was refused after less work where a login ID was nobody's: its account was
/// not read, nor its hash. Beside a password hash that is little, and still it could be measured.
#[test]
fn a_refused_sign_in_allocates_alike_whoever_has_the_login_id() {
    let directory = tempfile::tempdir().unwrap();
    let sqlite = SqliteBackend::open(directory.path().join("guestpass.db")).unwrap();
    for engine in [engine(MemoryBackend::new()), engine(sqlite)] {
        let email = |name: &str| LoginId::parse(LoginIdType::Email, name).unwrap();
        let sign_up = |credential| {
            let open = Open::Session(SessionKind::Cookie);
            block_on(engine.sign_up(credential, open, None)).unwrap().user.id
        };
        let (regular, disabled) = ("regular@example.com", "disable@example.com");
        sign_up(Credential::password(email(regular), "correct horse battery"));
        let user = sign_up(Credential::password(email(disabled), "correct horse battery"));
        block_on(engine.disable(user)).unwrap();
        let counts = [regular, disabled, "nobody-@example.com"].map(|name| {
            fewest(|| {
                let wrong = Credential::password(email(name), "not the password");
                let open = Open::Session(SessionKind::Cookie);
                drop(block_on(engine.sign_in(wrong, None, open, None)).unwrap_err());
            })
        });
        let apart = counts.iter().max().unwrap() - counts.iter().min().unwrap();
        assert!(apart <= ANOTHER_CALL, "{counts:?}");
    }
}

/// Whoever asks for challenges and answers none costs nothing that lasts.
#[test]
fn ten_thousand_challenges_leave_no_byte_behind() {
    let engine = engine(MemoryBackend::new());
    drop(engine.challenge().unwrap());
    let left = measure(|| {
        for _ in 0..10_000 {
            drop(engine.challenge().unwrap());
        }
    });
    assert!(10_000 <= left.count_total);
    assert_eq!((left.count_current, left.bytes_current), (0, 0));
}

/// What it takes to ask a store once more, which is how somebody is read where nobody is found.
const ANOTHER_CALL: u64 = 3;
/// How often each path is run.
const RUNS: usize = 64;
const AUTHENTICATE_MEMORY: u64 = 1;
const AUTHENTICATE_SQLITE: u64 = 5;
const AUTHENTICATE_ACCESS: u64 = 3;
const SIGN_UP_MEMORY: u64 = 6;
