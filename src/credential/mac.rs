//! HMAC-SHA256 under a key that is kept prepared (RFC 2104).

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::credential::constant_time;
use crate::credential::secret::{Prepare, Secret};

/// A prepared key. A copy costs less than preparing the key again, and is consumed by its one use.
#[derive(Clone)]
pub(crate) struct MacKey(Hmac<Sha256>);

impl MacKey {
    /// The MAC of the parts, one after another. Who calls sees to it that no two messages have the
    /// same parts in a row: `label` names the kind of message and ends in a zero byte.
    pub(crate) fn tag(self, label: &[u8], parts: &[&[u8]]) -> [u8; TAG_LENGTH] {
        let mut mac = self.0;
        mac.update(label);
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// Whether `tag` is the MAC of the parts, compared in constant time.
    pub(crate) fn verifies(self, label: &[u8], parts: &[&[u8]], tag: &[u8]) -> bool {
        constant_time::equal(&self.tag(label, parts), tag)
    }
}

impl Prepare for MacKey {
    fn prepare(secret: &Secret) -> Self {
        // RFC 2104 section 2: a key shorter than a block is filled up with zeros.
        let mut block = Zeroizing::new([0; 64]);
        block[..secret.len()].copy_from_slice(secret.as_slice());
        let block: &[u8; 64] = &block;
        Self(Hmac::new(block.into()))
    }
}

/// Bytes of a MAC.
pub(crate) const TAG_LENGTH: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_hmac_of_the_same_key() {
        let secret = Zeroizing::new([7; 32]);
        let mut expected = Hmac::<Sha256>::new_from_slice(secret.as_slice()).unwrap();
        expected.update(b"label\0part");
        let key = MacKey::prepare(&secret);
        let tag: [u8; 32] = expected.finalize().into_bytes().into();
        assert_eq!(key.clone().tag(b"label\0", &[b"pa", b"rt"]), tag);
        assert!(key.clone().verifies(b"label\0", &[b"part"], &tag));
        assert!(!key.clone().verifies(b"label\0", &[b"part"], &tag[..31]));
        assert!(!key.verifies(b"other\0", &[b"part"], &tag));
    }
}
