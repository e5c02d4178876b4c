//! An engine with a clock that stands still, and short ways to what tests need.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use guestpass::credential::{Action, Argon2Params, HasherOptions, Keyring, SessionToken};
use guestpass::model::{
    Account, ClientId, Clock, Entropy, Event, EventCursor, EventKind, IdentityKey, LoginId,
    LoginIdType, ManualClock, ProvenIdentity, Session, SessionKind, Timestamp, User, UserId,
};
use guestpass::rules::{ApplicationType, ClientPolicy};
use guestpass::store::{Backend, Lookup};
use guestpass::{
    Caller, CodeRequest, Credential, Engine, Error, Guest, Open, Opened, Policy, Rejection,
    SignInOutcome, SignedIn,
};
use tempfile::TempDir;

use super::backends::DATABASE;
use super::{Counting, Device, Place, Script, run};

/// An engine over a backend, and everything that it is made of.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) engine: Engine,
    /// The second engine, and what it has open, where there are two.
    other: Option<(Engine, Arc<dyn Backend>)>,
    pub(crate) clock: ManualClock,
    pub(crate) entropy: Counting,
    pub(crate) script: Script,
    pub(crate) backend: Arc<dyn Backend>,
    keyring: Keyring,
    directory: Option<TempDir>,
}

/// Somebody who was let in, with the token of the session.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) user: UserId,
    pub(crate) outcome: SignInOutcome,
    pub(crate) token: SessionToken,
    pub(crate) session: Session,
}

impl From<SignedIn> for Held {
    fn from(signed_in: SignedIn) -> Self {
        let (user, outcome) = (signed_in.user.id, signed_in.outcome);
        match signed_in.opened {
            Opened::Session { token, session } => Self { user, outcome, token, session },
            Opened::Code(_) => panic!("a code was issued instead of a session"),
        }
    }
}

impl World {
    pub(crate) fn new(place: Place) -> Self {
        Self::with(place, |_| {})
    }

    pub(crate) fn with(place: Place, change: impl Fn(&mut Policy)) -> Self {
        let script = Script::default();
        let entropy = Counting::default();
        let (backend, directory) = place.open(&script);
        let again = place.open_again(&script, directory.as_ref());
        let keyring = Keyring::ephemeral(&entropy).unwrap();
        let world = Self::over(backend, keyring, entropy, change);
        let other = again.map(|again| (world.engine_over(&again), again));
        Self { other, script, directory, ..world }
    }

    /// A world over what is there already.
    pub(crate) fn over(
        backend: Arc<dyn Backend>,
        keyring: Keyring,
        entropy: Counting,
        change: impl Fn(&mut Policy),
    ) -> Self {
        let clock = ManualClock::at(START);
        let mut policy = policy();
        change(&mut policy);
        let engine = engine(&backend, &keyring, policy, &clock, &entropy, HASHER);
        let script = Script::default();
        Self { engine, other: None, clock, entropy, script, backend, keyring, directory: None }
    }

    /// Another engine, over what else has the same file open.
    fn engine_over(&self, backend: &Arc<dyn Backend>) -> Engine {
        let policy = self.engine.policy().clone();
        engine(backend, &self.keyring, policy, &self.clock, &self.entropy, HASHER)
    }

    /// The engine that the operation with this number goes through: where there are two, each takes
    /// every other one.
    pub(crate) fn engine_of(&self, number: usize) -> &Engine {
        match &self.other {
            Some((other, _)) if number % 2 == 1 => other,
            Some(_) | None => &self.engine,
        }
    }

    /// The engine, and the second where there are two.
    pub(crate) fn engines(&self) -> Vec<Engine> {
        let other = self.other.as_ref().map(|(other, _)| other);
        [Some(&self.engine), other].into_iter().flatten().cloned().collect()
    }

    /// Another engine over the same backend, with the same keys and clock and another policy.
    pub(crate) fn engine_with(&self, change: impl FnOnce(&mut Policy)) -> Engine {
        let mut policy = self.engine.policy().clone();
        change(&mut policy);
        engine(&self.backend, &self.keyring, policy, &self.clock, &self.entropy, HASHER)
    }

    /// Another engine over the same backend that tells the time and draws random bytes in other ways.
    pub(crate) fn engine_with_parts(&self, clock: impl Clock, entropy: impl Entropy) -> Engine {
        let policy = self.engine.policy().clone();
        Engine::builder(Arc::clone(&self.backend), self.keyring.clone(), policy)
            .clock(clock)
            .entropy(entropy)
            .hasher(HASHER)
            .build()
            .unwrap()
    }

    /// Another engine over the same backend that makes other hashes.
    pub(crate) fn engine_hashing(&self, params: Argon2Params) -> Engine {
        self.engine_hashing_over(&self.backend, params)
    }

    /// The same over each backend of [`engines`](Self::engines).
    pub(crate) fn engines_hashing(&self, params: Argon2Params) -> Vec<Engine> {
        let other = self.other.as_ref().map(|(_, backend)| backend);
        let backends = [Some(&self.backend), other].into_iter().flatten();
        backends.map(|backend| self.engine_hashing_over(backend, params)).collect()
    }

    fn engine_hashing_over(&self, backend: &Arc<dyn Backend>, params: Argon2Params) -> Engine {
        let policy = self.engine.policy().clone();
        let options = HasherOptions { params, ..HASHER };
        engine(backend, &self.keyring, policy, &self.clock, &self.entropy, options)
    }

    /// Another engine over the same backend that verifies and hashes no password, because more wait
    /// than may.
    pub(crate) fn engine_too_busy_to_hash(&self) -> Engine {
        let policy = self.engine.policy().clone();
        let options = HasherOptions { queue: 0, ..HASHER };
        engine(&self.backend, &self.keyring, policy, &self.clock, &self.entropy, options)
    }

    /// The file that the backend is in, if it is in one.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        self.directory.as_ref().map(|directory| directory.path().join(DATABASE))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub(crate) fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new anonymous user without a device key, in a cookie session.
    pub(crate) fn guest(&self) -> Held {
        run(self.engine.sign_up_anonymously(cookie(), None)).unwrap().into()
    }

    /// A new anonymous user with the key of `device`, in a cookie session.
    pub(crate) fn guest_on(&self, device: &Device) -> Held {
        let held = self.sign_in_on(device).unwrap();
        assert_eq!(held.outcome, SignInOutcome::SignedUp);
        held
    }

    pub(crate) fn sign_in_on(&self, device: &Device) -> Result<Held, Error> {
        let request = device.request(&self.engine, Action::Auth);
        run(self.engine.sign_in_with_device_key(&request, cookie(), None)).map(Held::from)
    }

    /// A new regular user with this name and the usual password, in a cookie session.
    pub(crate) fn regular(&self, name: &str) -> Held {
        run(self.engine.sign_up(password(name), cookie(), None)).unwrap().into()
    }

    pub(crate) fn sign_in(&self, credential: Credential) -> Result<Held, Error> {
        run(self.engine.sign_in(credential, None, cookie(), None)).map(Held::from)
    }

    /// The guest whose session this is.
    pub(crate) fn by_session(&self, held: &Held) -> Guest {
        run(self.engine.guest_by_session(&held.token)).unwrap()
    }

    /// The guest whose device this is.
    pub(crate) fn by_key(&self, device: &Device) -> Guest {
        let request = device.request_by_name(&self.engine, Action::Promote);
        run(self.engine.guest_by_key(&request)).unwrap()
    }

    pub(crate) fn promote(&self, guest: &Guest, credential: Credential) -> Result<Held, Error> {
        run(self.engine.promote(guest, credential, cookie(), None)).map(Held::from)
    }

    /// A guest without a device key that was promoted, as it is after that.
    pub(crate) fn promoted(&self, name: &str) -> Held {
        let guest = self.guest();
        self.promote(&self.by_session(&guest), password(name)).unwrap()
    }

    /// The code that somebody was issued.
    pub(crate) fn issued(signed_in: SignedIn) -> String {
        match signed_in.opened {
            Opened::Code(code) => code.text,
            Opened::Session { .. } => panic!("a session was opened instead of a code"),
        }
    }

    /// Redeems a code as the client and with the verifier that it was issued for.
    pub(crate) fn redeem(&self, code: &str, client: &str) -> Result<Held, Error> {
        let client = ClientId::parse(client).unwrap();
        run(self.engine.redeem_code(code, &client, REDIRECT_URI, VERIFIER)).map(Held::from)
    }

    /// An access token of the session.
    pub(crate) fn access_token(&self, held: &Held) -> String {
        self.engine.access_token(&self.authenticate(held).unwrap()).unwrap().text
    }

    pub(crate) fn authenticate(&self, held: &Held) -> Result<Caller, Error> {
        run(self.engine.authenticate(&held.token))
    }

    /// Why the session does not count, or `None` if it does.
    pub(crate) fn ended(&self, held: &Held) -> Option<Rejection> {
        match self.authenticate(held) {
            Ok(caller) => {
                assert_eq!(caller.user.id, held.user);
                None
            }
            Err(error) => Some(error.rejection().unwrap()),
        }
    }

    /// The user as it is stored, whole.
    pub(crate) fn account(&self, user: UserId) -> Account {
        let account = run(self.backend.users().load(Lookup::User(user))).unwrap().unwrap();
        assert_eq!(account.check(), Ok(()));
        account
    }

    pub(crate) fn user(&self, user: UserId) -> User {
        self.account(user).user
    }

    /// Whose e-mail address this is.
    pub(crate) fn owner(&self, name: &str) -> Option<UserId> {
        run(self.engine.find(&IdentityKey::from(&email(name)))).unwrap()
    }

    /// All events so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        let events = run(self.engine.events(EventCursor::START, u32::MAX)).unwrap();
        events.into_iter().map(|(_, event)| event).collect()
    }

    /// What happened to a user, in order.
    pub(crate) fn history(&self, user: UserId) -> Vec<EventKind> {
        let events = self.events().into_iter();
        events.filter(|event| event.user == user).map(|event| event.kind).collect()
    }
}

fn engine(
    backend: &Arc<dyn Backend>,
    keyring: &Keyring,
    policy: Policy,
    clock: &ManualClock,
    entropy: &Counting,
    hasher: HasherOptions,
) -> Engine {
    Engine::builder(Arc::clone(backend), keyring.clone(), policy)
        .clock(clock.clone())
        .entropy(entropy.clone())
        .hasher(hasher)
        .build()
        .unwrap()
}

fn policy() -> Policy {
    let client = |id: &str, kind| ClientPolicy::new(id, kind);
    Policy {
        clients: vec![
            client("app", ApplicationType::Native),
            ClientPolicy { issue_jwt_access_token: true, ..client("jwt", ApplicationType::Spa) },
            ClientPolicy { max_concurrent_session: 2, ..client("two", ApplicationType::Spa) },
            client("server", ApplicationType::Confidential),
        ],
        ..Policy::default()
    }
}

/// A code for `client`, to be redeemed at [`REDIRECT_URI`] with [`VERIFIER`].
pub(crate) fn code_for(client: &str) -> Open {
    Open::Code(CodeRequest {
        client: ClientId::parse(client).unwrap(),
        redirect_uri: REDIRECT_URI.to_owned(),
        code_challenge: CHALLENGE.to_owned(),
        nonce: None,
    })
}

/// The client of most tests.
pub(crate) fn app() -> ClientId {
    ClientId::parse("app").unwrap()
}

pub(crate) fn cookie() -> Open {
    Open::Session(SessionKind::Cookie)
}

pub(crate) fn refresh(client: &str) -> Open {
    Open::Session(SessionKind::Refresh(ClientId::parse(client).unwrap()))
}

pub(crate) fn email(name: &str) -> LoginId {
    LoginId::parse(LoginIdType::Email, &format!("{name}@example.com")).unwrap()
}

/// The e-mail address of this name, with the usual password.
pub(crate) fn password(name: &str) -> Credential {
    Credential::password(email(name), PASSWORD)
}

/// The e-mail address of this name, proven by the host.
pub(crate) fn proven(name: &str) -> Credential {
    Credential::proven(ProvenIdentity::login_id(email(name)))
}

pub(crate) const REDIRECT_URI: &str = "com.example.app://after";
/// The verifier of RFC 7636, appendix B, and its challenge.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const HASHER: HasherOptions =
    HasherOptions { params: Argon2Params::for_tests(), threads: 1, queue: 256 };
