//! The engine: it loads, lets the rules decide, lands what they decided, and starts over when somebody
//! else was faster.

mod authenticate;
mod builder;
mod code;
mod decoy;
mod device_key;
mod error;
mod flow;
mod identities;
mod limits;
mod open;
mod operator;
mod passwords;
mod promote;
mod request;
mod sessions;
mod sign_in;
mod sign_up;
mod sweep;
mod ticket;
mod token;
mod user_info;

use std::fmt;
use std::sync::Arc;

pub use builder::{BuildError, EngineBuilder, KeyringForError, keyring_for};
pub use error::Error;
pub use flow::{Flow, FlowStart, OpenedFlow};
pub use request::{
    AccessTokenIssued, Caller, CodeRequest, Credential, Guest, Issued, LiveSessions, Open, Opened,
    SignInOutcome, SignedIn, Swept,
};
pub use sessions::MAX_SESSIONS;
pub use user_info::{AuthenticatorInfo, IdentityInfo, UserInfo};

use crate::credential::{Keyring, PasswordHasher, Tickets};
use crate::model::{
    Account, AuthenticatorId, Clock, Entropy, EntropyError, Epoch, Timestamp, UserId,
};
use crate::rules::sign_up::Fresh;
use crate::rules::{Policy, Rejection};
use crate::store::{Backend, LandError, Landing, Lookup};

/// The auth engine. Clones are cheap and share everything.
///
/// Its methods can be called from any async runtime; none of them names one. Each asks the clock
/// when it begins, and those that do two things one after the other when they begin the second.
///
/// Where a method takes the `address` of whoever asks, the limits of the policy count by it; without one
/// nothing is limited by address, which is for what the host itself asks.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # futures_executor::block_on(async {
/// use guestpass::credential::Keyring;
/// use guestpass::model::{LoginId, LoginIdType, SessionKind, SystemEntropy};
/// use guestpass::store::memory::MemoryBackend;
/// use guestpass::{Credential, Engine, Open, Policy};
///
/// let keyring = Keyring::ephemeral(&SystemEntropy)?;
/// let engine = Engine::builder(MemoryBackend::new(), keyring, Policy::default()).build()?;
///
/// let cookie = || Open::Session(SessionKind::Cookie);
/// let (token, guest) = engine.sign_up_anonymously(cookie(), None).await?.into_session().unwrap();
///
/// let email = LoginId::parse(LoginIdType::Email, "ada@example.com")?;
/// let proof = engine.guest_by_session(&token).await?;
/// let promoted = engine
///     .promote(&proof, Credential::password(email, "correct horse battery"), cookie(), None)
///     .await?;
/// assert_eq!(promoted.user.id, guest.user.id);
/// assert!(engine.authenticate(&token).await.is_err(), "what the guest had is over");
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    backend: Box<dyn Backend>,
    keyring: Keyring,
    tickets: Tickets,
    policy: Policy,
    hasher: PasswordHasher,
    limits: limits::Limits,
    decoy: decoy::Decoy,
    superseded: sweep::Superseded,
    clock: Box<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Engine {
    /// Starts building an engine over `backend`.
    pub fn builder(backend: impl Backend, keyring: Keyring, policy: Policy) -> EngineBuilder {
        EngineBuilder::new(Box::new(backend), keyring, policy)
    }

    /// The policy that the engine was built with.
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// The present instant by the engine's clock.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn backend(&self) -> &dyn Backend {
        self.0.backend.as_ref()
    }

    fn entropy(&self) -> &dyn Entropy {
        self.0.entropy.as_ref()
    }

    /// Reads a user who must be there, because something of ours names it.
    async fn account(&self, user: UserId) -> Result<Account, Error> {
        match self.backend().users().load(Lookup::User(user)).await? {
            Some(account) => Ok(account),
            None => Err(Rejection::UserUnknown.into()),
        }
    }

    fn fresh_epoch(&self) -> Result<Epoch, Error> {
        #[cfg(canary)]
        if crate::canary::Canary::OwnRandomness.sings() {
            return Ok(Epoch::draw(&crate::model::SystemEntropy)?);
        }
        Ok(Epoch::draw(self.entropy())?)
    }

    /// The epoch that follows that of `account`. Random bytes that come again must not make it the same
    /// one, at which everything would go on that was to end.
    fn next_epoch(&self, account: &Account) -> Result<Epoch, Error> {
        let epoch = self.fresh_epoch()?;
        if epoch == account.user.epoch {
            return Err(EntropyError.into());
        }
        Ok(epoch)
    }

    /// What the next state of `account` may need.
    fn fresh_for(&self, account: &Account, now: Timestamp) -> Result<Fresh, Error> {
        let epoch = self.next_epoch(account)?;
        Ok(Fresh { epoch, authenticator: AuthenticatorId::draw(self.entropy(), now)? })
    }

    /// What a new user may need.
    fn fresh(&self, now: Timestamp) -> Result<Fresh, Error> {
        let epoch = self.fresh_epoch()?;
        Ok(Fresh { epoch, authenticator: AuthenticatorId::draw(self.entropy(), now)? })
    }

    /// Lands, or says why to look again.
    ///
    /// After a lost race on a stepwise backend the nonce is spent, by this landing; it is taken out so
    /// that the next try is not refused for it.
    async fn land(&self, landing: &mut Landing) -> Result<Landed, Error> {
        #[cfg(canary)]
        if crate::canary::Canary::NothingSpent.sings() {
            landing.spend = None;
        }
        #[cfg(canary)]
        if crate::canary::Canary::NothingTold.sings() {
            landing.commit.iter_mut().for_each(|commit| commit.events.clear());
        }
        let landed = self.backend().land(landing).await;
        #[cfg(canary)]
        let landed = crate::canary::without_failure(landed);
        let lost = match landed {
            Ok(()) => return Ok(Landed::Whole),
            Err(LandError::Spent) => return Err(Rejection::TicketSpent.into()),
            Err(LandError::Store(error)) => return Err(error.into()),
            Err(LandError::Stale) => Landed::Stale,
            Err(LandError::Held) => Landed::Held,
        };
        match self.backend().atomicity() {
            crate::store::Atomicity::Whole => {}
            crate::store::Atomicity::Stepwise => landing.spend = None,
        }
        Ok(lost)
    }
}

/// What became of a landing that no rule and no fault prevented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Landed {
    /// It is there.
    Whole,
    /// The user has changed: look again.
    Stale,
    /// A unique key is another user's: look again whose.
    Held,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("backend", &self.0.backend).finish_non_exhaustive()
    }
}

/// How often an operation starts over when others change the same user, before it gives up.
const MAX_ATTEMPTS: u32 = 16;
