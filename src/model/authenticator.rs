//! Authenticators: what a regular user can prove to be itself with.

use std::fmt;

use crate::model::id::AuthenticatorId;
use crate::model::time::Timestamp;

/// One authenticator of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticator {
    /// Names the authenticator.
    pub id: AuthenticatorId,
    /// Counts the secrets it has had, from 1. A proof names the one it was made with.
    pub revision: u64,
    /// What it is, and what verifies it.
    pub kind: AuthenticatorKind,
    /// When the user got it.
    pub created_at: Timestamp,
    /// When its secret was last changed by the user.
    pub changed_at: Timestamp,
}

/// What an authenticator is.
///
/// Exhaustive, so that a new kind breaks the build wherever it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthenticatorKind {
    /// A password, as the hash that verifies it.
    Password(PasswordHash),
}

/// A password's hash as a PHC string, with its salt and parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Most bytes of a PHC string that we keep.
    pub const MAX_LENGTH: usize = 512;

    /// The hash that `phc` spells. Only its length is looked at; what does not parse verifies nothing.
    pub fn from_phc(phc: String) -> Option<Self> {
        (!phc.is_empty() && phc.len() <= Self::MAX_LENGTH).then_some(Self(phc))
    }

    /// The PHC string.
    pub fn as_phc(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash([redacted])")
    }
}
