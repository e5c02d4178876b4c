//! Which public keys are strong enough.

use ed25519_dalek::VerifyingKey;

use crate::credential::device_key::p256;
use crate::model::{MAX_RSA_BYTES, MIN_RSA_BYTES, PublicKey};

/// Whether a signature under the key proves anything. See [`name`](super::name).
pub(crate) fn is_strong(public: &PublicKey) -> bool {
    match public {
        PublicKey::Ed25519(point) => is_strong_ed25519(point),
        PublicKey::P256 { x, y } => p256::is_on_curve(x, y),
        PublicKey::Rsa { n, e } => is_strong_rsa(n, e),
    }
}

/// RFC 8032 section 5.1.3 for the encoding. A point with a part of small order has seven twins that
/// verify some of the same signatures; no honest key has one.
fn is_strong_ed25519(bytes: &[u8; 32]) -> bool {
    VerifyingKey::from_bytes(bytes).is_ok_and(|key| {
        let point = key.to_edwards();
        !key.is_weak() && point.is_torsion_free() && point.compress().as_bytes() == bytes
    })
}

/// RFC 7518 section 3.3 for the lower limit; the upper ones bound the work of a verification.
fn is_strong_rsa(n: &[u8], e: &[u8]) -> bool {
    let (Some(first), Some(last)) = (n.first(), n.last()) else {
        return false;
    };
    // 2048 bits fill their bytes; a longer modulus is longer by at least one bit of another byte.
    let is_long_enough = MIN_RSA_BYTES < n.len() || (MIN_RSA_BYTES == n.len() && 0x80 <= *first);
    let has_one_form = *first != 0 && e.first().is_some_and(|&first| first != 0);
    let exponent = match e.len() {
        1..=8 => e.iter().fold(0, |number, &byte| number * 256 + u64::from(byte)),
        _ => return false,
    };
    has_one_form
        && is_long_enough
        && n.len() <= MAX_RSA_BYTES
        && last % 2 == 1
        && exponent % 2 == 1
        && (MIN_RSA_EXPONENT..=MAX_RSA_EXPONENT).contains(&exponent)
        && !is_of_guessable_factors(n)
}

/// Whether both factors of `n` were made in the way of CVE-2017-15361 ("ROCA"), so that whoever sees the
/// key can find them.
///
/// Such factors, and with them `n`, are powers of 65537 modulo every prime that the generator used. Of
/// other moduli one in 2^167 is. Most fall out at one of the first primes.
fn is_of_guessable_factors(n: &[u8]) -> bool {
    let is_prime = |number: &u32| (2..*number).all(|divisor| !number.is_multiple_of(divisor));
    (3..=LAST_ROCA_PRIME).filter(is_prime).all(|prime| {
        let residue = n.iter().fold(0, |residue, &byte| (residue * 256 + u32::from(byte)) % prime);
        let powers = std::iter::successors(Some(1), |power| Some(power * 65537 % prime));
        // The powers come round again before there are as many as the prime.
        powers.take(prime as usize).any(|power| power == residue)
    })
}

/// Smaller exponents have been the other half of many forgeries.
const MIN_RSA_EXPONENT: u64 = 65537;
/// What the verifier takes.
const MAX_RSA_EXPONENT: u64 = 0x1_ffff_ffff;
/// The last of the 126 primes for moduli of 2048 bits; for longer ones more are used.
const LAST_ROCA_PRIME: u32 = 701;

#[cfg(test)]
mod tests {
    use super::*;

    fn modulus(bits: usize) -> Vec<u8> {
        let mut n = vec![0x55; bits.div_ceil(8)];
        let top = (bits - 1) % 8;
        n[0] = 1 << top;
        n
    }

    #[test]
    fn attack_21_rsa_moduli_have_2048_to_4096_bits() {
        for bits in [2048, 2049, 3072, 4095, 4096] {
            assert!(is_strong_rsa(&modulus(bits), &[1, 0, 1]), "{bits}");
        }
        for bits in [8, 512, 1024, 2040, 2047, 4097, 8192, 16384] {
            assert!(!is_strong_rsa(&modulus(bits), &[1, 0, 1]), "{bits}");
        }
        assert!(!is_strong_rsa(&[], &[1, 0, 1]));
        let mut even = modulus(2048);
        even[255] ^= 1;
        assert!(!is_strong_rsa(&even, &[1, 0, 1]));
        assert!(!is_strong_rsa(&[&[0], modulus(2048).as_slice()].concat(), &[1, 0, 1]));
    }

    #[test]
    fn attack_21_rsa_exponents_are_odd_and_not_small() {
        for e in [&[1_u8, 0, 1][..], &[1, 0, 3], &[1, 0xff, 0xff, 0xff, 0xff]] {
            assert!(is_strong_rsa(&modulus(2048), e), "{e:?}");
        }
        let wrong: [&[u8]; 10] = [
            &[],
            &[0],
            &[1],
            &[3],
            &[17],
            &[0xff, 0xff],
            &[1, 0, 2],
            &[0, 1, 0, 1],
            &[2, 0, 0, 0, 1],
            &[1, 0, 0, 0, 0, 0, 0, 0, 1],
        ];
        for e in wrong {
            assert!(!is_strong_rsa(&modulus(2048), e), "{e:?}");
        }
    }
}
