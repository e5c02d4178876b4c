//! The public keys of devices: which are strong enough, what they are called, what they verify.

mod jwk;
mod p256;
#[cfg(test)]
mod small_order;
mod strength;
#[cfg(test)]
mod vectors;
mod verify;

use sha2::{Digest, Sha256};

pub(crate) use jwk::{Jwk, JwkError, to_json};
pub(crate) use verify::Algorithm;

use crate::model::{DeviceKey, KeyId, PublicKey, Thumbprint};

/// A public key is malformed, or so weak that a signature under it proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the public key is malformed or weak")]
pub struct WeakKey;

/// The device key `public`, called `kid` by its device.
///
/// This is the one way to a [`DeviceKey`] from outside; nobody has shown yet to hold its private
/// half.
///
/// # Errors
///
/// [`WeakKey`] for:
///
/// - Ed25519: a point that is not on the curve, not canonically encoded, of small order, or with a
///   part of small order;
/// - P-256: a point that is not on the curve, or a coordinate that is not canonical;
/// - RSA: a modulus of fewer than 2048 or more than 4096 bits, an even one, or one whose factors
///   anybody can find because of how they were made (CVE-2017-15361); an exponent that is even, less
///   than 65537 or at least 2^33; leading zeros.
pub fn name(public: PublicKey, kid: KeyId) -> Result<DeviceKey, WeakKey> {
    #[cfg(canary)]
    if crate::canary::Canary::WeakKeyNamed.sings() {
        return Ok(DeviceKey { thumbprint: thumbprint(&public), kid, public });
    }
    if !strength::is_strong(&public) {
        return Err(WeakKey);
    }
    Ok(DeviceKey { thumbprint: thumbprint(&public), kid, public })
}

/// The SHA-256 thumbprint of a key (RFC 7638 section 3; for Ed25519, RFC 8037 section 2).
///
/// It depends on the key alone: not on its `kid`, `alg` or `use`.
pub fn thumbprint(public: &PublicKey) -> Thumbprint {
    Thumbprint(Sha256::digest(jwk::required_members(public)).into())
}

/// Whether `signature` is one of `message` under `key`, by the one algorithm that the key is for.
pub(crate) fn verify(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    verify::verify(key, message, signature)
}
