//! Building an engine.

use std::path::Path;
use std::sync::Arc;

use std::io;

use crate::credential::{HasherOptions, Keyring, KeyringError, PasswordHasher, Tickets};
use crate::engine::decoy::Decoy;
use crate::engine::limits::Limits;
use crate::engine::sweep::Superseded;
use crate::engine::{Engine, Inner};
use crate::model::{Clock, Entropy, EntropyError, SystemClock, SystemEntropy};
use crate::rules::{Policy, PolicyError};
use crate::store::{Backend, Memory, StoreError, UserStore};

/// Builds an [`Engine`]; made by [`Engine::builder`].
#[derive(Debug)]
pub struct EngineBuilder {
    backend: Box<dyn Backend>,
    keyring: Keyring,
    policy: Policy,
    hasher: HasherOptions,
    clock: Box<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl EngineBuilder {
    pub(super) fn new(backend: Box<dyn Backend>, keyring: Keyring, policy: Policy) -> Self {
        Self {
            backend,
            keyring,
            policy,
            hasher: HasherOptions::default(),
            clock: Box::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        }
    }

    /// Tells the time by `clock` instead of the operating system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Draws random bytes from `entropy` instead of the operating system.
    pub fn entropy(mut self, entropy: impl Entropy) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Hashes passwords like this instead of by the defaults. Hashes made with other parameters keep
    /// verifying, and are renewed at the next sign-in.
    pub fn hasher(mut self, options: HasherOptions) -> Self {
        self.hasher = options;
        self
    }

    /// Builds the engine.
    ///
    /// # Errors
    ///
    /// - [`BuildError::Policy`] if a value of the policy cannot be, or is not available yet;
    /// - [`BuildError::Entropy`] if no random bytes could be drawn;
    /// - [`BuildError::Hasher`] if the threads that hash passwords could not be started.
    pub fn build(self) -> Result<Engine, BuildError> {
        self.policy.check()?;
        let tickets = match self.backend.sessions().remembers_spent() {
            Memory::Durable => Tickets::durable(&self.keyring),
            Memory::Process => Tickets::process_only(self.entropy.as_ref())?,
        };
        let hasher = PasswordHasher::start(self.hasher, Arc::clone(&self.entropy))
            .map_err(BuildError::Hasher)?;
        let limits = Limits::new(&self.policy.rate_limits);
        Ok(Engine(Arc::new(Inner {
            backend: self.backend,
            keyring: self.keyring,
            tickets,
            policy: self.policy,
            hasher,
            limits,
            decoy: Decoy::default(),
            superseded: Superseded::default(),
            clock: self.clock,
            entropy: self.entropy,
        })))
    }
}

/// Why an engine could not be built.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A value of the policy cannot be, or is not available yet.
    #[error("policy: {0}")]
    Policy(#[from] PolicyError),
    /// No random bytes could be drawn.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The threads that hash passwords could not be started.
    #[error("the threads that hash passwords could not be started")]
    Hasher(#[source] io::Error),
}

/// Opens the keyring that belongs to the users in `users`, in the file at `path`.
///
/// A missing file is made only while there are no users: for a store that has some, a new key would
/// end every access token and unlock nothing, and the file is more likely misplaced than gone.
///
/// # Errors
///
/// [`KeyringForError`] if the store failed, or the file is missing, unreadable, open to others, or not
/// a keyring.
///
/// # Cancellation
///
/// Safe: the file is made whole or not at all.
pub async fn keyring_for(
    users: &dyn UserStore,
    path: impl AsRef<Path> + Send,
) -> Result<Keyring, KeyringForError> {
    if users.is_empty().await? {
        return Ok(Keyring::open(path)?);
    }
    Ok(Keyring::open_existing(path)?)
}

/// Why the keyring of a store could not be opened.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum KeyringForError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file is missing though there are users, or is unreadable, open to others, or not a keyring.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
}
