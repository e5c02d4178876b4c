//! What makes a ticket good for one use.

/// What a ticket is spent by: sixteen random bytes that are in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(pub [u8; 16]);
