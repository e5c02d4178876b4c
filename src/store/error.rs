//! Why a store could not do what it was asked.

use std::error::Error;
use std::fmt;

/// A store failed. What was asked may or may not have happened, unless the method says otherwise.
///
/// The operator has to look; the cause is in [`source`](Error::source).
pub struct StoreError {
    kind: StoreErrorKind,
    context: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What to do about a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// Trying again later may succeed: the store is busy, full or out of reach.
    Transient,
    /// What is stored cannot be: somebody must repair it.
    Corrupt,
}

impl StoreError {
    /// The store is busy, full or out of reach.
    pub fn transient(context: &'static str) -> Self {
        Self { kind: StoreErrorKind::Transient, context, source: None }
    }

    /// What is stored cannot be.
    pub fn corrupt(context: &'static str) -> Self {
        Self { kind: StoreErrorKind::Corrupt, context, source: None }
    }

    /// The same, with its cause.
    pub fn because(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// What to do about it.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreError")
            .field("kind", &self.kind)
            .field("context", &self.context)
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.context)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// Why a commit did not land.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// What the commit expects no longer holds. Nothing was written.
    #[error("the user has changed")]
    Stale,
    /// A unique key belongs or belonged to another user. Nothing was written.
    #[error("a unique key is another user's")]
    Held,
    /// The store failed. The commit may or may not have landed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a landing did not land.
#[derive(Debug, thiserror::Error)]
pub enum LandError {
    /// The nonce was spent before. Nothing was written.
    #[error("the nonce was spent before")]
    Spent,
    /// What the commit expects no longer holds. The nonce may have been spent, nothing else written.
    #[error("the user has changed")]
    Stale,
    /// A unique key belongs or belonged to another user. The nonce may have been spent, nothing else
    /// written.
    #[error("a unique key is another user's")]
    Held,
    /// The store failed. Any of the steps may or may not have landed, in their order.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CommitError> for LandError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Stale => Self::Stale,
            CommitError::Held => Self::Held,
            CommitError::Store(error) => Self::Store(error),
        }
    }
}
