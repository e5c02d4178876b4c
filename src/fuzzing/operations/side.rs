//! An engine over one backend, with everybody's tokens.

use std::sync::{Arc, OnceLock};

use super::{Act, Entered, Operation};
use crate::credential::{Action, KeyHeader, SessionToken};
use crate::engine::{Credential, Engine, Error, Guest, Open, SignInOutcome, SignedIn, Swept};
use crate::fuzzing::world::{CountingEntropy, Device, Scratch, block_on, hasher, keyring};
use crate::model::{
    Account, Event, EventCursor, LoginId, LoginIdType, ManualClock, SessionKind, UserId,
};
use crate::rules::{Policy, Rejection};
use crate::store::memory::MemoryBackend;
use crate::store::sqlite::{Durability, SqliteBackend};
use crate::store::{Backend, Lookup};

/// One of the two engines. Both draw the same bytes, so that their answers can be compared whole.
pub(super) struct Side {
    engine: Engine,
    backend: Arc<dyn Backend>,
    users: Vec<UserId>,
    tokens: Vec<SessionToken>,
    _scratch: Option<Scratch>,
}

/// What an operation came to.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    /// Somebody was let in, into the session with the next number.
    In {
        user: usize,
        outcome: SignInOutcome,
    },
    /// The credential of the guest did not count.
    NoGuest(Rejection),
    /// Whose session it is.
    Caller {
        user: usize,
    },
    /// Whether there was a session to end.
    SignedOut(bool),
    Swept(Swept),
    Done,
}

pub(super) type Answer = Result<Told, Rejection>;

impl Side {
    pub(super) fn on_memory(policy: Policy, clock: ManualClock) -> Self {
        Self::over(Arc::new(MemoryBackend::new()), None, policy, clock)
    }

    pub(super) fn on_sqlite(policy: Policy, clock: ManualClock) -> Self {
        let scratch = Scratch::new();
        let path = scratch.file("users");
        std::fs::write(&path, empty_database()).expect("a file in memory");
        let mut options = SqliteBackend::options();
        options.durability = Durability::Normal;
        let backend = options.open(path).expect("a database of ours");
        Self::over(Arc::new(backend), Some(scratch), policy, clock)
    }

    fn over(
        backend: Arc<dyn Backend>,
        scratch: Option<Scratch>,
        policy: Policy,
        clock: ManualClock,
    ) -> Self {
        let entropy = CountingEntropy::default();
        let engine = Engine::builder(Arc::clone(&backend), keyring(0), policy)
            .clock(clock)
            .entropy(entropy.clone())
            .hasher(hasher())
            .build()
            .expect("a policy of ours");
        // Building draws more over one backend than over the other.
        entropy.restart(1);
        Self { engine, backend, users: Vec::new(), tokens: Vec::new(), _scratch: scratch }
    }

    pub(super) fn perform(&mut self, operation: &Operation) -> Answer {
        match block_on(self.attempt(operation)) {
            Ok(told) => Ok(told),
            Err(Error::Rejected(rejection)) => Err(rejection),
            Err(other) => panic!("nobody else is here, and nothing is broken: {other:?}"),
        }
    }

    pub(super) fn sessions(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn account(&self, number: usize) -> Account {
        let found = block_on(self.backend.users().load(Lookup::User(self.users[number])));
        found.expect("nothing is broken").expect("whoever was there is on record")
    }

    pub(super) fn events(&self) -> Vec<Event> {
        let events = block_on(self.engine.events(EventCursor::START, 1000));
        events.expect("nothing is broken").into_iter().map(|(_, event)| event).collect()
    }

    async fn attempt(&mut self, operation: &Operation) -> Result<Told, Error> {
        match *operation {
            Operation::SignUpGuest => {
                let signed_in = self.engine.sign_up_anonymously(cookie(), None).await?;
                Ok(self.let_in(signed_in))
            }
            Operation::SignInByKey { key } => {
                let request = self.request(key, Action::Auth)?;
                let opened = self.engine.sign_in_with_device_key(&request, cookie(), None).await?;
                Ok(self.let_in(opened))
            }
            Operation::Promote { session, credential } => {
                let Some(token) = self.token(session) else { return Ok(Told::Done) };
                let guest = self.engine.guest_by_session(token).await;
                self.promote(guest, credential).await
            }
            Operation::PromoteByKey { key, credential } => {
                let request = self.request(key, Action::Promote)?;
                let guest = self.engine.guest_by_key(&request).await;
                self.promote(guest, credential).await
            }
            Operation::SignUp { credential } => {
                let signed_in = self.engine.sign_up(credential.into(), cookie(), None).await?;
                Ok(self.let_in(signed_in))
            }
            Operation::SignIn { credential, guest } => {
                let guest = match guest.and_then(|session| self.token(session)) {
                    Some(token) => self.engine.guest_by_session(token).await.ok(),
                    None => None,
                };
                let credential = credential.into();
                let opened = self.engine.sign_in(credential, guest.as_ref(), cookie(), None);
                let opened = opened.await?;
                Ok(self.let_in(opened))
            }
            Operation::Authenticate { session } => {
                let Some(token) = self.token(session) else { return Ok(Told::Done) };
                let caller = self.engine.authenticate(token).await?;
                Ok(Told::Caller { user: self.number(caller.user.id) })
            }
            Operation::SignOut { session } => {
                let Some(token) = self.token(session) else { return Ok(Told::Done) };
                Ok(Told::SignedOut(self.engine.sign_out(token).await?))
            }
            Operation::ChangePassword { session, old, new } => {
                let Some(token) = self.token(session) else { return Ok(Told::Done) };
                let (old, new) = (password(old), password(new));
                self.engine.change_password(token, old, new, None).await?;
                Ok(Told::Done)
            }
            Operation::Manage { user, act } => self.manage(user, act).await,
            Operation::Sweep => Ok(Told::Swept(self.engine.sweep(100).await?)),
            Operation::Wait(_) => Ok(Told::Done),
        }
    }

    async fn manage(&self, user: usize, act: Act) -> Result<Told, Error> {
        let Some(user) = user.checked_rem(self.users.len()) else { return Ok(Told::Done) };
        let user = self.users[user];
        match act {
            Act::SignOutAll => self.engine.sign_out_all(user).await?,
            Act::Disable => self.engine.disable(user).await?,
            Act::Enable => self.engine.enable(user).await?,
            Act::Delete => self.engine.delete(user).await?,
        }
        Ok(Told::Done)
    }

    async fn promote(
        &mut self,
        guest: Result<Guest, Error>,
        credential: Entered,
    ) -> Result<Told, Error> {
        let guest = match guest {
            Ok(guest) => guest,
            Err(Error::Rejected(rejection)) => return Ok(Told::NoGuest(rejection)),
            Err(error) => return Err(error),
        };
        let promoted = self.engine.promote(&guest, credential.into(), cookie(), None).await?;
        Ok(self.let_in(promoted))
    }

    fn request(&self, key: u8, action: Action) -> Result<String, Error> {
        let challenge = self.engine.challenge()?;
        Ok(Device::new(key).sign(&challenge.text, action, KeyHeader::Jwk, self.engine.now()))
    }

    fn let_in(&mut self, signed_in: SignedIn) -> Told {
        let outcome = signed_in.outcome;
        let (token, caller) = signed_in.into_session().expect("a session was asked for");
        self.tokens.push(token);
        Told::In { user: self.number(caller.user.id), outcome }
    }

    /// The number of a user, the next one for a new user.
    fn number(&mut self, id: UserId) -> usize {
        let known = self.users.iter().position(|other| *other == id);
        known.unwrap_or_else(|| {
            self.users.push(id);
            self.users.len() - 1
        })
    }

    fn token(&self, session: usize) -> Option<&SessionToken> {
        self.tokens.get(session.checked_rem(self.tokens.len())?)
    }
}

impl From<Entered> for Credential {
    fn from(entered: Entered) -> Self {
        let login_id = format!("person-{}@example.com", entered.login);
        let login_id = LoginId::parse(LoginIdType::Email, &login_id).expect("an address");
        Self::password(login_id, password(entered.password))
    }
}

fn password(number: u8) -> &'static str {
    ["correct horse", "battery staple", "never right"][usize::from(number) % 3]
}

fn cookie() -> Open {
    Open::Session(SessionKind::Cookie)
}

/// A database without users, made once: setting it up costs more than using it.
fn empty_database() -> &'static [u8] {
    static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
    EMPTY.get_or_init(|| {
        let scratch = Scratch::new();
        let path = scratch.file("empty");
        drop(SqliteBackend::open(&path).expect("a new database"));
        std::fs::read(&path).expect("a closed database is one file")
    })
}
