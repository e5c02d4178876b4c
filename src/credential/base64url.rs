//! Unpadded base64url with exactly one spelling for any bytes (RFC 4648 section 5, RFC 7515
//! section 2): no padding, no whitespace, unused bits zero.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The one spelling of `bytes`.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes that `text` spells.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The exactly `N` bytes that `text` spells.
pub(crate) fn decode_exactly<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    (decode_into(text, &mut bytes)? == N).then_some(bytes)
}

/// Writes the bytes that `text` spells to the front of `bytes`, and says how many they are.
pub(crate) fn decode_into(text: &str, bytes: &mut [u8]) -> Option<usize> {
    URL_SAFE_NO_PAD.decode_slice(text, bytes).ok()
}

/// How many characters `bytes` bytes take.
pub(crate) const fn length(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_one_spelling() {
        assert_eq!(decode("_-8"), Some(vec![0xff, 0xef]));
        for wrong in ["_-8=", "_-9", "_-8 ", " _-8", "_-\n8", "/+8", "_-8A_", "_"] {
            assert_eq!(decode(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn decodes_exactly_as_many_bytes_as_asked_for() {
        assert_eq!(decode_exactly::<2>("_-8"), Some([0xff, 0xef]));
        assert_eq!(decode_exactly::<1>("_-8"), None);
        assert_eq!(decode_exactly::<3>("_-8"), None);
        assert_eq!((0..100).find(|&n| encode(vec![0; n]).len() != length(n)), None);
    }
}
