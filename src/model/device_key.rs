//! Device keys as they are stored: public, named by their thumbprint.

use std::fmt;

/// The public half of a key that a device holds, with both its names.
///
/// What reaches this type has been verified: the key is strong, and somebody has proven to hold its
/// private half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceKey {
    /// The RFC 7638 SHA-256 thumbprint. It names the key.
    pub thumbprint: Thumbprint,
    /// The name that the device gave the key; a unique alias.
    pub kid: KeyId,
    /// The key itself.
    pub public: PublicKey,
}

/// The RFC 7638 SHA-256 thumbprint of a public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thumbprint(pub [u8; 32]);

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A `kid`: 8 to 64 of `A-Z a-z 0-9 _ -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// Fewest characters of a `kid`.
    pub const MIN_LENGTH: usize = 8;
    /// Most characters of a `kid`.
    pub const MAX_LENGTH: usize = 64;

    /// The key ID that `text` spells, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let fits = (Self::MIN_LENGTH..=Self::MAX_LENGTH).contains(&text.len());
        (fits && text.bytes().all(allowed)).then(|| Self(text.to_owned()))
    }

    /// The text of the key ID.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A public key of one of the kinds that devices have. The kind decides the signature algorithm.
#[derive(Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// Ed25519, verified strictly: JWS algorithm `EdDSA` or `Ed25519`.
    Ed25519([u8; 32]),
    /// NIST P-256, as the two coordinates: JWS algorithm `ES256`.
    P256 {
        /// The x coordinate, big-endian.
        x: [u8; 32],
        /// The y coordinate, big-endian.
        y: [u8; 32],
    },
    /// RSA of 2048 to 4096 bits: JWS algorithm `RS256`.
    Rsa {
        /// The modulus, big-endian, without leading zeros.
        n: Vec<u8>,
        /// The public exponent, big-endian, without leading zeros.
        e: Vec<u8>,
    },
}

impl PublicKey {
    /// The key as bytes for a store: one byte for the kind, then the key.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(point) => [&[ED25519], point.as_slice()].concat(),
            Self::P256 { x, y } => [&[P256], x.as_slice(), y].concat(),
            Self::Rsa { n, e } => {
                let length = u8::try_from(e.len()).unwrap_or(u8::MAX);
                [&[RSA, length], e.as_slice(), n].concat()
            }
        }
    }

    /// The key that [`to_bytes`](Self::to_bytes) wrote; `None` if it did not.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&kind, rest) = bytes.split_first()?;
        match kind {
            ED25519 => Some(Self::Ed25519(rest.try_into().ok()?)),
            P256 => {
                let (x, y) = rest.split_at_checked(32)?;
                Some(Self::P256 { x: x.try_into().ok()?, y: y.try_into().ok()? })
            }
            RSA => {
                let (&length, rest) = rest.split_first()?;
                let (e, n) = rest.split_at_checked(length.into())?;
                let fits = (1..=MAX_RSA_EXPONENT_BYTES).contains(&e.len())
                    && (MIN_RSA_BYTES..=MAX_RSA_BYTES).contains(&n.len())
                    && e[0] != 0
                    && n[0] != 0;
                fits.then(|| Self::Rsa { n: n.to_vec(), e: e.to_vec() })
            }
            _ => None,
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ed25519(_) => "Ed25519(..)",
            Self::P256 { .. } => "P256(..)",
            Self::Rsa { .. } => "Rsa(..)",
        })
    }
}

/// Shortest modulus, 2048 bits.
pub(crate) const MIN_RSA_BYTES: usize = 256;
/// Longest modulus, 4096 bits; verification costs time in proportion to its square.
pub(crate) const MAX_RSA_BYTES: usize = 512;
/// Longest public exponent.
pub(crate) const MAX_RSA_EXPONENT_BYTES: usize = 8;

const ED25519: u8 = 1;
const P256: u8 = 2;
const RSA: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_a_round_trip_and_refuses_torn_bytes() {
        let keys = [
            PublicKey::Ed25519([7; 32]),
            PublicKey::P256 { x: [1; 32], y: [2; 32] },
            PublicKey::Rsa { n: vec![9; 256], e: vec![1, 0, 1] },
        ];
        for key in keys {
            let bytes = key.to_bytes();
            assert_eq!(PublicKey::from_bytes(&bytes), Some(key));
            assert_eq!(PublicKey::from_bytes(&bytes[..bytes.len().min(33) - 1]), None);
        }
        assert_eq!(PublicKey::from_bytes(&[]), None);
        assert_eq!(PublicKey::from_bytes(&[9, 9]), None);
    }

    #[test]
    fn a_key_id_is_short_and_plain() {
        assert!(KeyId::parse("A1b2_-x8").is_some());
        for wrong in ["short", "space in it", "ä234567890", &"x".repeat(65), "semi;colon"] {
            assert!(KeyId::parse(wrong).is_none(), "{wrong}");
        }
    }
}
