//! Why an operation did not happen, sorted by who must act.

use crate::credential::HashError;
use crate::model::EntropyError;
use crate::rules::Rejection;
use crate::store::{StoreError, StoreErrorKind};

/// Why an operation did not happen.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The rules forbid it: whoever asks must ask for something else.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Others kept changing the same user. What was asked for has not happened; a challenge may be spent, a
    /// session that was to end be over, and an identity noted as proven, which takes it from who only named it.
    /// Trying again may succeed.
    #[error("others kept changing the same user")]
    Contended,
    /// Too much is waiting already. Nothing happened; trying again later may succeed.
    #[error("too much is waiting")]
    Busy,
    /// A store failed. The operation may or may not have happened; asking again is safe.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No random bytes could be drawn. Nothing was issued, and at most it was noted that a session was used
    /// or that an identity was proven.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// Hashing a password or sealing a token failed. Nothing happened.
    #[error("hashing or sealing failed")]
    Credential,
}

impl Error {
    /// Whether the same request may succeed later without anybody repairing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Rejected(_) | Self::Credential => false,
            Self::Contended | Self::Busy | Self::Entropy(_) => true,
            Self::Store(error) => error.kind() == StoreErrorKind::Transient,
        }
    }

    /// The rejection, if it is one.
    pub fn rejection(&self) -> Option<Rejection> {
        match self {
            Self::Rejected(rejection) => Some(*rejection),
            Self::Contended | Self::Busy | Self::Store(_) | Self::Entropy(_) | Self::Credential => {
                None
            }
        }
    }
}

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Busy,
            HashError::Entropy(error) => Self::Entropy(error),
            HashError::Stopped | HashError::Failed => Self::Credential,
        }
    }
}
