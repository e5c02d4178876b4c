//! Ed25519 signatures that satisfy the equation and prove nothing, because of points of small order.

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity, IsIdentity};
use ed25519_dalek::Verifier;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha512};

use crate::credential::device_key::{name, verify};
use crate::model::{KeyId, PublicKey};

/// The eight points of small order, and the encodings of such points that are not canonical: all that
/// decode to one.
fn encodings() -> Vec<[u8; 32]> {
    let mut found: Vec<[u8; 32]> = Vec::new();
    let torsion = curve25519_dalek::constants::EIGHT_TORSION;
    let mut candidates: Vec<[u8; 32]> = torsion.map(|point| point.compress().0).to_vec();
    // The numbers from 0 to 18 have a second encoding, and so has the sign of x = 0.
    for low in 0..=18 {
        let mut small = [0; 32];
        small[0] = low;
        let mut beyond = [0xff; 32];
        (beyond[0], beyond[31]) = (0xed + low, 0x7f);
        let mut negative_one = [0xff; 32];
        (negative_one[0], negative_one[31]) = (0xec, 0x7f);
        candidates.extend([small, beyond, negative_one]);
    }
    let negated = candidates.clone().into_iter().map(|mut encoding| {
        encoding[31] ^= 0x80;
        encoding
    });
    candidates.extend(negated);
    for encoding in candidates {
        let point = CompressedEdwardsY(encoding).decompress();
        if point.is_some_and(|point| point.is_small_order()) && !found.contains(&encoding) {
            found.push(encoding);
        }
    }
    found
}

fn point(encoding: [u8; 32]) -> EdwardsPoint {
    CompressedEdwardsY(encoding).decompress().unwrap()
}

/// The hash of RFC 8032 section 5.1.7, step 2.
fn challenge(r: [u8; 32], a: [u8; 32]) -> Scalar {
    let hash = Sha512::new().chain_update(r).chain_update(a).chain_update(MESSAGE).finalize();
    Scalar::from_bytes_mod_order_wide(&hash.into())
}

/// Whether eight times the equation holds (RFC 8032 section 5.1.7, step 3).
fn satisfies(r: [u8; 32], s: Scalar, a: [u8; 32]) -> bool {
    let difference = ED25519_BASEPOINT_POINT * s - point(r) - point(a) * challenge(r, a);
    difference.mul_by_cofactor().is_identity()
}

fn signature(r: [u8; 32], s: [u8; 32]) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&r);
    signature[32..].copy_from_slice(&s);
    signature
}

fn is_taken(a: [u8; 32], signature: [u8; 64]) -> bool {
    verify(&PublicKey::Ed25519(a), MESSAGE, &signature)
}

#[test]
fn there_are_fourteen_encodings_of_small_order() {
    assert_eq!(encodings().len(), 14);
    assert!(encodings().contains(&EdwardsPoint::identity().compress().0));
}

/// With S = 0 each of the 196 pairs satisfies the equation for every message whatever.
#[test]
fn attack_15_all_pairs_of_small_order_are_refused() {
    let mut pairs = 0;
    let mut taken_by_others = 0;
    for a in encodings() {
        let public = PublicKey::Ed25519(a);
        assert!(name(public, KeyId::parse("small-order").unwrap()).is_err(), "{a:02x?}");
        for r in encodings() {
            assert!(satisfies(r, Scalar::ZERO, a));
            let forged = signature(r, [0; 32]);
            // Neither where a key gets its name nor, if one were stored, where it verifies.
            assert!(!is_taken(a, forged), "{a:02x?} {r:02x?}");
            let lenient = VerifyingKey::from_bytes(&a).unwrap();
            let verdict = lenient.verify(MESSAGE, &Signature::from_bytes(&forged));
            taken_by_others += usize::from(verdict.is_ok());
            pairs += 1;
        }
    }
    assert_eq!(pairs, 196);
    assert!(0 < taken_by_others, "a verifier that is not strict takes some of them");
}

/// Whoever holds a key can make such signatures, and a verifier that takes them disagrees with others.
#[test]
fn attack_16_a_small_order_r_with_an_honest_key_is_refused() {
    let honest = SigningKey::from_bytes(&[7; 32]);
    let a = honest.verifying_key().to_bytes();
    for r in encodings() {
        let s = challenge(r, a) * honest.to_scalar();
        assert!(satisfies(r, s, a));
        assert!(!is_taken(a, signature(r, s.to_bytes())), "{r:02x?}");
    }
}

#[test]
fn attack_17_an_s_of_the_group_order_or_more_is_refused() {
    let honest = SigningKey::from_bytes(&[7; 32]);
    let a = honest.verifying_key().to_bytes();
    let good = honest.sign(MESSAGE).to_bytes();
    assert!(is_taken(a, good));
    let (r, s) = (good[..32].try_into().unwrap(), good[32..].try_into().unwrap());
    let mut sum: [u8; 32] = s;
    // Four times the order still fits into 255 bits, and eight times into 256.
    for multiple in 1..=7 {
        sum = add(sum, ORDER);
        assert!(!is_taken(a, signature(r, sum)), "S + {multiple} L");
    }
    assert!(!is_taken(a, signature(r, ORDER)));
    assert!(!is_taken(a, signature(r, [0xff; 32])));
}

/// An R or A of 2^255 - 19 or more is a second encoding of a smaller number.
#[test]
fn attack_18_encodings_beyond_the_field_are_refused() {
    let honest = SigningKey::from_bytes(&[7; 32]);
    let a = honest.verifying_key().to_bytes();
    let s: [u8; 32] = honest.sign(MESSAGE).to_bytes()[32..].try_into().unwrap();
    for low in 0xed..=0xff {
        for high in [0x7f, 0xff] {
            let mut beyond = [0xff; 32];
            (beyond[0], beyond[31]) = (low, high);
            assert!(!is_taken(a, signature(beyond, s)));
            assert!(!is_taken(a, signature(beyond, [0; 32])));
            let key = name(PublicKey::Ed25519(beyond), KeyId::parse("beyond-the-field").unwrap());
            assert!(key.is_err());
        }
    }
}

/// The sum of two numbers that fits into 256 bits.
fn add(one: [u8; 32], other: [u8; 32]) -> [u8; 32] {
    let mut carry = 0;
    std::array::from_fn(|index| {
        let sum = u16::from(one[index]) + u16::from(other[index]) + carry;
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    })
}

const MESSAGE: &[u8] = b"header.payload";
/// 2^252 + 27742317777372353535851937790883648493, the lowest byte first.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];
