//! Verification. The algorithm is a property of the key.

use ed25519_dalek::{Signature, VerifyingKey};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};

use crate::model::PublicKey;

/// A JWS signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// Ed25519 (RFC 8037 section 3.1, RFC 9864 section 2.2).
    EdDsa,
    /// ECDSA with P-256 and SHA-256 (RFC 7518 section 3.4).
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3).
    Rs256,
}

impl Algorithm {
    /// The one algorithm that `key` is for.
    pub(crate) fn of(key: &PublicKey) -> Self {
        match key {
            PublicKey::Ed25519(_) => Self::EdDsa,
            PublicKey::P256 { .. } => Self::Es256,
            PublicKey::Rsa { .. } => Self::Rs256,
        }
    }

    /// The algorithm called `name`, if it is one of ours.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            "ES256" => Some(Self::Es256),
            "RS256" => Some(Self::Rs256),
            _ => None,
        }
    }

    /// The name that all readers know it by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }
}

/// Whether `signature` is one of `message` under `key`.
///
/// Ed25519 strictly: nothing of small order, nothing non-canonical. ES256 as 64 bytes, not as DER.
pub(crate) fn verify(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    match key {
        PublicKey::Ed25519(point) => {
            let (Ok(key), Ok(signature)) =
                (VerifyingKey::from_bytes(point), Signature::from_slice(signature))
            else {
                return false;
            };
            key.verify_strict(message, &signature).is_ok()
        }
        PublicKey::P256 { x, y } => {
            let point = [&[UNCOMPRESSED], x.as_slice(), y].concat();
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
            key.verify(message, signature).is_ok()
        }
        PublicKey::Rsa { n, e } => {
            let key = RsaPublicKeyComponents { n, e };
            key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
        }
    }
}

/// SEC 1 section 2.3.3.
const UNCOMPRESSED: u8 = 4;
