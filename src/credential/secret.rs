//! The bits of a key, and what they are used as.

use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

/// The 256 bits of a key.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// What a key is used as, computed once.
pub(crate) trait Prepare {
    /// Computes what is needed of `secret`.
    fn prepare(secret: &Secret) -> Self;
}

impl Prepare for SigningKey {
    fn prepare(secret: &Secret) -> Self {
        Self::from_bytes(secret)
    }
}
