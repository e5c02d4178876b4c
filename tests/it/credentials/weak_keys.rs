//! Keys under which a signature proves nothing: each is refused where a key gets its name.

use guestpass::credential::{WeakKey, device_key};
use guestpass::model::{KeyId, PublicKey};

fn name(public: PublicKey) -> Result<(), WeakKey> {
    device_key::name(public, KeyId::parse("weak-key").unwrap()).map(|_| ())
}

fn bytes(hex: &str) -> [u8; 32] {
    std::array::from_fn(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).unwrap())
}

/// The eight points of small order, then the encodings of such points that are not canonical.
const SMALL_ORDER: [&str; 14] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

#[test]
fn attacks_14_and_15_ed25519_points_of_small_order_are_refused() {
    for hex in SMALL_ORDER {
        assert_eq!(name(PublicKey::Ed25519(bytes(hex))), Err(WeakKey), "{hex}");
    }
}

#[test]
fn attack_15_ed25519_points_with_a_part_of_small_order_are_refused() {
    let honest = ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key();
    assert_eq!(name(PublicKey::Ed25519(honest.to_bytes())), Ok(()));
    // The neutral element is the first: it changes nothing.
    for hex in &SMALL_ORDER[1..8] {
        let torsion = ed25519_dalek::VerifyingKey::from_bytes(&bytes(hex)).unwrap();
        let mixed = honest.to_edwards() + torsion.to_edwards();
        assert_eq!(name(PublicKey::Ed25519(mixed.compress().to_bytes())), Err(WeakKey), "{hex}");
    }
}

#[test]
fn attack_18_ed25519_points_off_the_curve_or_beyond_the_field_are_refused() {
    let mut refused = 0;
    for y in 0..=255_u8 {
        // y = 2^255 - 19 + k for the k that fit; each of them has a canonical twin.
        let mut beyond = [0xff; 32];
        beyond[0] = y;
        beyond[31] = 0x7f;
        if 0xed <= y {
            assert_eq!(name(PublicKey::Ed25519(beyond)), Err(WeakKey), "{y}");
        }
        let mut small = [0; 32];
        small[0] = y;
        refused += usize::from(name(PublicKey::Ed25519(small)).is_err());
    }
    // Half of all y have no x, and of the others most are not in the prime-order group.
    assert!(200 <= refused, "{refused}");
}

#[test]
fn attack_19_p256_points_off_the_curve_are_refused() {
    let x = bytes("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
    let y = bytes("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
    assert_eq!(name(PublicKey::P256 { x, y }), Ok(()));
    let origin = [0; 32];
    for (x, y) in [(y, x), (x, origin), (origin, y), (origin, origin), ([0xff; 32], [0xff; 32])] {
        assert_eq!(name(PublicKey::P256 { x, y }), Err(WeakKey));
    }
}

#[test]
fn attack_21_rsa_keys_that_are_short_or_dear_are_refused() {
    let modulus = |bytes: usize| {
        let mut n = vec![0xff; bytes];
        n[bytes - 1] = 0xf1;
        n
    };
    let with = |n: Vec<u8>, e: &[u8]| name(PublicKey::Rsa { n, e: e.to_vec() });
    assert_eq!(with(modulus(256), &[1, 0, 1]), Ok(()));
    assert_eq!(with(modulus(512), &[1, 0, 1]), Ok(()));
    for bytes in [64, 128, 255, 513, 2048] {
        assert_eq!(with(modulus(bytes), &[1, 0, 1]), Err(WeakKey), "{bytes}");
    }
    for e in [&[1][..], &[3], &[1, 0, 0], &[0xff; 9], &[]] {
        assert_eq!(with(modulus(256), e), Err(WeakKey), "{e:?}");
    }
    assert_eq!(with(vec![], &[1, 0, 1]), Err(WeakKey));
}
