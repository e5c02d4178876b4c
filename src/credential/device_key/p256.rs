//! Whether a point is on the curve P-256 (NIST SP 800-186 section 3.2.1.3).
//!
//! Public numbers only, so nothing here needs to take constant time. Signatures are verified by
//! `ring`, which checks its points itself; this makes a bad key known before anybody signs with it.

use std::cmp::Ordering;

/// Whether `x` and `y`, big-endian, are the canonical coordinates of a point on the curve.
pub(crate) fn is_on_curve(x: &[u8; 32], y: &[u8; 32]) -> bool {
    let (x, y) = (limbs(x), limbs(y));
    if !is_reduced(&x) || !is_reduced(&y) {
        return false;
    }
    // y² = x³ - 3x + b = x (x² - 3) + b
    let minus_three = subtract(&P, &[3, 0, 0, 0]);
    let right = add(&multiply(&x, &add(&multiply(&x, &x), &minus_three)), &B);
    multiply(&y, &y) == right
}

/// 256 bits, least significant limb first.
type Number = [u64; 4];

fn limbs(bytes: &[u8; 32]) -> Number {
    let mut number = [0; 4];
    for (limb, bytes) in number.iter_mut().rev().zip(bytes.as_chunks::<8>().0) {
        *limb = u64::from_be_bytes(*bytes);
    }
    number
}

fn is_reduced(number: &Number) -> bool {
    number.iter().rev().cmp(P.iter().rev()) == Ordering::Less
}

/// The sum modulo P of two numbers below P.
fn add(left: &Number, right: &Number) -> Number {
    let mut sum = [0; 4];
    let mut carry = false;
    for ((sum, left), right) in sum.iter_mut().zip(left).zip(right) {
        let (partial, first) = left.overflowing_add(*right);
        let (total, second) = partial.overflowing_add(u64::from(carry));
        (*sum, carry) = (total, first || second);
    }
    if carry || !is_reduced(&sum) { subtract(&sum, &P) } else { sum }
}

/// The difference modulo 2^256.
fn subtract(left: &Number, right: &Number) -> Number {
    let mut difference = [0; 4];
    let mut borrow = false;
    for ((difference, left), right) in difference.iter_mut().zip(left).zip(right) {
        let (partial, first) = left.overflowing_sub(*right);
        let (total, second) = partial.overflowing_sub(u64::from(borrow));
        (*difference, borrow) = (total, first || second);
    }
    difference
}

/// The product modulo P of two numbers below P, bit by bit.
fn multiply(left: &Number, right: &Number) -> Number {
    let mut product = [0; 4];
    for limb in right.iter().rev() {
        for bit in (0..u64::BITS).rev() {
            product = add(&product, &product);
            if limb >> bit & 1 == 1 {
                product = add(&product, left);
            }
        }
    }
    product
}

/// 2^256 - 2^224 + 2^192 + 2^96 - 1
const P: Number =
    [0xffff_ffff_ffff_ffff, 0x0000_0000_ffff_ffff, 0x0000_0000_0000_0000, 0xffff_ffff_0000_0001];

const B: Number =
    [0x3bce_3c3e_27d2_604b, 0x651d_06b0_cc53_b0f6, 0xb3eb_bd55_7698_86bc, 0x5ac6_35d8_aa3a_93e7];

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

    use super::*;

    fn bytes(hex: &str) -> [u8; 32] {
        let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        std::array::from_fn(|index| digits(index * 2))
    }

    #[test]
    fn the_generator_is_on_the_curve_and_its_neighbours_are_not() {
        let x = bytes("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
        let y = bytes("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
        assert!(is_on_curve(&x, &y));
        for bit in 0..256 {
            let mut off = y;
            off[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_on_curve(&x, &off), "{bit}");
        }
    }

    #[test]
    fn keys_made_elsewhere_are_on_the_curve() {
        let random = ring::rand::SystemRandom::new();
        for _ in 0..20 {
            let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
            let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
            let point = &pair.public_key().as_ref()[1..];
            assert!(is_on_curve(
                &point[..32].try_into().unwrap(),
                &point[32..].try_into().unwrap()
            ));
        }
    }

    #[test]
    fn a_coordinate_has_one_form() {
        // (0, √b) is on the curve; (p, √b) would be the same point.
        let y = bytes("66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4");
        let p = bytes("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
        assert!(is_on_curve(&[0; 32], &y));
        assert!(!is_on_curve(&p, &y));
        assert!(!is_on_curve(&[0; 32], &[0; 32]));
        assert!(!is_on_curve(&[0xff; 32], &[0xff; 32]));
    }
}
