//! What somebody can do who has read the database, edits it, or makes the random bytes come again.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use guestpass::credential::{Action, Argon2Params, HasherOptions, Keyring, SessionToken};
use guestpass::model::{
    Clock, Entropy, EntropyError, IdentityKey, LoginId, LoginIdType, ManualClock, ProvenIdentity,
    SystemEntropy, Timestamp,
};
use guestpass::rules::{ApplicationType, ClientPolicy};
use guestpass::store::memory::MemoryBackend;
use guestpass::store::sqlite::{Durability, SqliteBackend};
use guestpass::{Credential, Engine, Error, Policy, Rejection};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::{
    Device, Held, PASSWORD, REDIRECT_URI, VERIFIER, World, app, code_for, cookie, refresh, refused,
    run,
};

/// A database in a file, with its keys beside it.
struct Place {
    folder: TempDir,
    clock: ManualClock,
}

impl Place {
    fn new() -> Self {
        let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
        Self { folder: tempfile::tempdir().unwrap(), clock }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An engine that knows nothing but what is in the files.
    fn engine(&self) -> Engine {
        let mut options = SqliteBackend::options();
        options.durability = Durability::Normal;
        let backend = options.open(self.file("users.db")).unwrap();
        let keyring =
            Keyring::open_with(self.file("keys"), self.clock.now(), &SystemEntropy).unwrap();
        let mut policy = Policy::default();
        policy.clients.push(ClientPolicy::new("app", ApplicationType::Native));
        Engine::builder(backend, keyring, policy)
            .clock(self.clock.clone())
            .hasher(HASHER)
            .build()
            .unwrap()
    }

    fn tamper(&self, sql: &str) {
        let connection = Connection::open(self.file("users.db")).unwrap();
        connection.pragma_update(None, "ignore_check_constraints", true).unwrap();
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        let changed = connection.execute(sql, []).unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_ne!(changed, 0, "{sql}");
    }
}

const HASHER: HasherOptions =
    HasherOptions { params: Argon2Params::for_tests(), threads: 1, queue: 16 };

fn email(text: &str) -> LoginId {
    LoginId::parse(LoginIdType::Email, text).unwrap()
}

fn sign_up(engine: &Engine, text: &str) -> Held {
    let credential = Credential::password(email(text), PASSWORD);
    run(engine.sign_up(credential, cookie(), None)).unwrap().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Where `needle` is in the files of a folder.
fn found_in(folder: &Path, needle: &[u8]) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let holds = |path: &PathBuf| {
        fs::read(path).unwrap().windows(needle.len()).any(|window| window == needle)
    };
    files.filter(holds).map(|path| path.display().to_string()).collect()
}

#[test]
fn attacks_81_and_131_nothing_in_the_database_signs_anybody_in() {
    let place = Place::new();
    let engine = place.engine();
    let guest: Held = run(engine.sign_up_anonymously(refresh("app"), None)).unwrap().into();
    let user = sign_up(&engine, "ada@example.com");
    let device = Device::new(1);
    let request = device.request(&engine, Action::Auth);
    run(engine.sign_in_with_device_key(&request, cookie(), None)).unwrap();
    let code = run(engine.sign_in(
        Credential::password(email("ada@example.com"), PASSWORD),
        None,
        code_for("app"),
        None,
    ));
    let code = World::issued(code.unwrap());
    let caller = run(engine.authenticate(&guest.token)).unwrap();
    let access_token = engine.access_token(&caller).unwrap().text;
    let promotion_code = run(engine.promotion_code(&guest.token)).unwrap().text;
    let secrets = [
        PASSWORD.to_owned(),
        guest.token.reveal().to_string(),
        user.token.reveal().to_string(),
        access_token,
        promotion_code,
        code,
        request,
    ];
    // With what the log has not given back to the file yet.
    for secret in &secrets {
        assert_eq!(found_in(place.folder.path(), secret.as_bytes()), Vec::<String>::new());
    }
    assert_ne!(found_in(place.folder.path(), b"ada@example.com"), Vec::<String>::new());

    // What stands there in the place of a token is none, however it is written.
    let reader = Connection::open(place.file("users.db")).unwrap();
    let mut digests = reader.prepare("SELECT digest FROM sessions").unwrap();
    let digests = digests.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    let mut tried = 0;
    for digest in digests {
        use base64::Engine as _;
        let digest = digest.unwrap();
        let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&digest);
        let token = SessionToken::parse(&text).unwrap();
        assert_eq!(refused(run(engine.authenticate(&token))), Rejection::SessionUnknown);
        assert_eq!(refused(run(engine.refresh(&token, &app()))), Rejection::SessionUnknown);
        assert!(SessionToken::parse(&hex(&digest)).is_none());
        tried += 1;
    }
    assert!(3 <= tried);
}

#[test]
fn attack_127_what_means_something_to_sql_is_text() {
    let place = Place::new();
    let engine = place.engine();
    let first = sign_up(&engine, "ada@example.com");
    let hostile = [
        "'; DROP TABLE users; --",
        "' OR '1'='1",
        "\" OR 1=1 --",
        "%",
        "_%",
        "*",
        "\\",
        "x'00'",
        "?1",
        ":name",
        "/* */",
        "NULL",
        "') UNION SELECT digest FROM sessions --",
    ];
    let mut users = vec![first.user];
    for text in hostile {
        let key = |issuer: &str, subject: &str| IdentityKey::OAuth {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
        };
        let identity = || ProvenIdentity::oauth("https://idp.example", text).unwrap();
        let own = key("https://idp.example", text);
        assert_eq!(run(engine.find(&own)).unwrap(), None, "{text:?}");
        let user: Held =
            run(engine.sign_up(Credential::proven(identity()), cookie(), None)).unwrap().into();
        assert_eq!(run(engine.find(&own)).unwrap(), Some(user.user), "{text:?}");
        assert!(!users.contains(&user.user), "{text:?} is somebody else's");
        users.push(user.user);
        assert_eq!(run(engine.find(&key(text, "subject"))).unwrap(), None, "{text:?}");
    }
    for local in ["o'neil", "a--b", "%", "_", "*", "x'y'z", "a/**/b", "'or'1'='1"] {
        let user = sign_up(&engine, &format!("{local}@example.com"));
        assert!(!users.contains(&user.user), "{local} is somebody else's");
        users.push(user.user);
    }
    // All are there, each once, and nothing else has gone.
    assert_eq!(users.len(), 1 + hostile.len() + 8);
    for user in users {
        run(engine.disable(user)).unwrap();
        run(engine.enable(user)).unwrap();
    }
}

#[test]
fn attack_128_a_user_who_was_made_regular_by_hand_is_refused() {
    let place = Place::new();
    let engine = place.engine();
    let guest: Held = run(engine.sign_up_anonymously(cookie(), None)).unwrap().into();
    let other = sign_up(&engine, "ada@example.com");
    let id = hex(guest.user.as_bytes());
    place.tamper(&format!("UPDATE users SET standing = 1, ends_at = NULL WHERE id = x'{id}'"));
    let engine = place.engine();
    // Whoever is let in is looked at whole.
    let code = run(engine.promotion_code(&guest.token)).map(|_| ());
    for answer in [code, run(engine.disable(guest.user)), run(engine.delete(guest.user))] {
        assert!(matches!(answer, Err(Error::Store(_) | Error::Rejected(_))), "{answer:?}");
    }
    assert!(run(engine.authenticate(&other.token)).is_ok(), "nobody else notices");
}

#[test]
fn attack_129_a_session_that_was_given_to_another_user_counts_for_nobody() {
    let place = Place::new();
    let engine = place.engine();
    let (ada, eve) = (sign_up(&engine, "ada@example.com"), sign_up(&engine, "eve@example.com"));
    let (from, to) = (hex(eve.user.as_bytes()), hex(ada.user.as_bytes()));
    place.tamper(&format!("UPDATE sessions SET user = x'{to}' WHERE user = x'{from}'"));
    let engine = place.engine();
    // The epoch of a session is that of the user who was let in.
    assert_eq!(refused(run(engine.authenticate(&eve.token))), Rejection::SessionSuperseded);
    assert!(run(engine.authenticate(&ada.token)).is_ok());
}

#[test]
fn attack_130_a_file_that_is_put_in_the_place_of_the_database_is_not_mixed_with_it() {
    let (place, elsewhere) = (Place::new(), Place::new());
    let engine = place.engine();
    let ada = sign_up(&engine, "ada@example.com");
    let eve = sign_up(&elsewhere.engine(), "eve@example.com");
    fs::rename(elsewhere.file("users.db"), place.file("users.db")).unwrap();
    // The engine goes on with the file that it has opened.
    assert_eq!(run(engine.authenticate(&ada.token)).unwrap().user.id, ada.user);
    assert_eq!(refused(run(engine.authenticate(&eve.token))), Rejection::SessionUnknown);
    assert_eq!(run(engine.find(&IdentityKey::from(&email("eve@example.com")))).unwrap(), None);
}

#[test]
fn attack_78_what_was_used_up_stays_so_after_a_restart() {
    let place = Place::new();
    let engine = place.engine();
    let device = Device::new(1);
    let request = device.request(&engine, Action::Auth);
    run(engine.sign_in_with_device_key(&request, cookie(), None)).unwrap();
    let ada = || Credential::password(email("ada@example.com"), PASSWORD);
    let code = run(engine.sign_up(ada(), code_for("app"), None)).unwrap();
    let code = World::issued(code);
    let redeem = |engine: &Engine| {
        run(engine.redeem_code(&code, &app(), REDIRECT_URI, VERIFIER)).map(Held::from)
    };
    let opened = redeem(&engine).unwrap();
    let left: Held = run(engine.sign_up_anonymously(cookie(), None)).unwrap().into();
    run(engine.sign_out(&left.token)).unwrap();
    drop(engine);

    let engine = place.engine();
    let again = run(engine.sign_in_with_device_key(&request, cookie(), None));
    assert_eq!(refused(again), Rejection::TicketSpent);
    assert!(run(engine.authenticate(&left.token)).is_err(), "signed out");
    assert!(run(engine.authenticate(&opened.token)).is_ok());
    assert_eq!(refused(redeem(&engine)), Rejection::TicketSpent);
    assert!(run(engine.authenticate(&opened.token)).is_err(), "a code used twice was stolen");
}

/// Random bytes that come again: the same ones over and over, as long as they are told to.
#[derive(Clone, Debug, Default)]
struct Sticky(Arc<Mutex<Option<Vec<u8>>>>);

impl Sticky {
    fn sticks(&self) {
        self.repeats(&[7]);
    }

    fn repeats(&self, bytes: &[u8]) {
        *self.0.lock().unwrap() = Some(bytes.to_vec());
    }

    fn flows(&self) {
        *self.0.lock().unwrap() = None;
    }
}

impl Entropy for Sticky {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let Some(same) = self.0.lock().unwrap().clone() else { return SystemEntropy.fill(bytes) };
        for (byte, same) in bytes.iter_mut().zip(same.into_iter().cycle()) {
            *byte = same;
        }
        Ok(())
    }
}

#[test]
fn attack_136_random_bytes_that_come_again_let_nobody_into_another_user() {
    let keyring = Keyring::ephemeral(&SystemEntropy).unwrap();
    let entropy = Sticky::default();
    entropy.sticks();
    let engine = Engine::builder(MemoryBackend::new(), keyring, Policy::default())
        .entropy(entropy)
        .hasher(HASHER)
        .build()
        .unwrap();
    let first: Held = run(engine.sign_up_anonymously(cookie(), None)).unwrap().into();
    for _ in 0..3 {
        assert!(run(engine.sign_up_anonymously(cookie(), None)).is_err());
        let credential = Credential::password(email("eve@example.com"), PASSWORD);
        assert!(run(engine.sign_up(credential, cookie(), None)).is_err());
    }
    let caller = run(engine.authenticate(&first.token)).unwrap();
    assert_eq!((caller.user.id, caller.session.id), (first.user, first.session.id));
}

/// With an epoch that was drawn to be the same again nothing had ended: signing out everywhere was
/// answered with success, and the sessions went on.
#[test]
fn attack_136_an_epoch_that_comes_again_ends_nothing_and_says_so() {
    let entropy = Sticky::default();
    let keyring = Keyring::ephemeral(&SystemEntropy).unwrap();
    let engine = Engine::builder(MemoryBackend::new(), keyring, Policy::default())
        .entropy(entropy.clone())
        .hasher(HASHER)
        .build()
        .unwrap();
    entropy.sticks();
    let guest: Held = run(engine.sign_up_anonymously(cookie(), None)).unwrap().into();
    let proof = run(engine.guest_by_session(&guest.token)).unwrap();
    let credential = || Credential::password(email("ada@example.com"), PASSWORD);
    let unchanged = |answer: Result<(), Error>| {
        assert!(matches!(answer, Err(Error::Entropy(_))), "{answer:?}");
        assert_eq!(run(engine.authenticate(&guest.token)).unwrap().user.id, guest.user);
    };
    unchanged(run(engine.sign_out_all(guest.user)));
    unchanged(run(engine.promote(&proof, credential(), cookie(), None)).map(|_| ()));
    unchanged(run(engine.delete(guest.user)));
    entropy.flows();
    let user: Held = run(engine.promote(&proof, credential(), cookie(), None)).unwrap().into();
    assert!(run(engine.authenticate(&guest.token)).is_err());
    let epoch = run(engine.authenticate(&user.token)).unwrap().user.epoch;
    entropy.repeats(epoch.as_bytes());
    let unchanged = |answer: Result<(), Error>| {
        assert!(matches!(answer, Err(Error::Entropy(_))), "{answer:?}");
        assert!(run(engine.authenticate(&user.token)).is_ok());
    };
    unchanged(run(engine.change_password(&user.token, PASSWORD, "another password", None)));
    let identity = ProvenIdentity::login_id(email("ada@example.com"));
    unchanged(run(engine.set_password(identity, "another password")).map(|_| ()));
    unchanged(run(engine.disable(user.user)));
    unchanged(run(engine.sign_out_all(user.user)));
}
