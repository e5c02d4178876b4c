//! One key of a keyring, and the keys of one purpose.

use std::fmt;

use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

use crate::credential::mac::MacKey;
use crate::credential::secret::{Prepare, Secret};
use crate::model::entropy::draw;
use crate::model::{Entropy, EntropyError, Timestamp};

/// Names a key of the keyring, in what was made with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyLabel(pub(crate) [u8; 8]);

impl KeyLabel {
    /// Bytes of a label.
    pub(crate) const LENGTH: usize = 8;

    /// The label that `text` spells: sixteen lower-case hexadecimal digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 2 * Self::LENGTH || !text.bytes().all(is_digit) {
            return None;
        }
        u64::from_str_radix(text, 16).ok().map(|number| Self(number.to_be_bytes()))
    }
}

impl fmt::Display for KeyLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// One key.
pub(crate) struct Key<P> {
    pub(crate) label: KeyLabel,
    pub(crate) created_at: Timestamp,
    pub(crate) secret: Secret,
    pub(crate) prepared: P,
}

impl<P: Prepare> Key<P> {
    pub(crate) fn new(label: KeyLabel, secret: Secret, created_at: Timestamp) -> Self {
        let prepared = P::prepare(&secret);
        Self { label, created_at, secret, prepared }
    }

    pub(crate) fn draw(entropy: &dyn Entropy, now: Timestamp) -> Result<Self, EntropyError> {
        let label = KeyLabel(draw(entropy)?);
        let mut secret = Zeroizing::new([0; 32]);
        entropy.fill(secret.as_mut_slice())?;
        Ok(Self::new(label, secret, now))
    }
}

/// The keys of one purpose: the one in use, and those whose gifts may still live.
pub(crate) struct Chain<P> {
    pub(crate) current: Key<P>,
    /// With the instant from which they count no more.
    pub(crate) retired: Vec<(Key<P>, Timestamp)>,
}

impl<P: Prepare> Chain<P> {
    /// Most retired keys of one purpose.
    pub(crate) const MAX_RETIRED: usize = 32;

    pub(crate) fn draw(entropy: &dyn Entropy, now: Timestamp) -> Result<Self, EntropyError> {
        Ok(Self { current: Key::draw(entropy, now)?, retired: Vec::new() })
    }

    /// The key with this label, if it counts at `now`.
    pub(crate) fn find(&self, label: KeyLabel, now: Timestamp) -> Option<&Key<P>> {
        if self.current.label == label {
            return Some(&self.current);
        }
        let counts = |(key, until): &&(Key<P>, Timestamp)| key.label == label && now < *until;
        self.retired.iter().find(counts).map(|(key, _)| key)
    }

    /// Puts `next` in use and keeps the one before until `until`; forgets those that count no more.
    ///
    /// If that is over by `now`, those that were kept end as well: a key that may not count for a moment
    /// longer was stolen, and they lay in the same file.
    pub(crate) fn rotate(&mut self, next: Key<P>, until: Timestamp, now: Timestamp) {
        let before = std::mem::replace(&mut self.current, next);
        if until <= now {
            self.retired.clear();
        } else {
            self.retired.push((before, until));
            self.retired.retain(|(_, until)| now < *until);
        }
    }
}

/// All keys of a keyring. The purpose of a key is the field it is in.
pub(crate) struct KeySet {
    pub(crate) ticket: Chain<MacKey>,
    pub(crate) access_token: Chain<MacKey>,
    pub(crate) id_token: Chain<SigningKey>,
    pub(crate) lookup: Chain<MacKey>,
}

impl KeySet {
    pub(crate) fn draw(entropy: &dyn Entropy, now: Timestamp) -> Result<Self, EntropyError> {
        Ok(Self {
            ticket: Chain::draw(entropy, now)?,
            access_token: Chain::draw(entropy, now)?,
            id_token: Chain::draw(entropy, now)?,
            lookup: Chain::draw(entropy, now)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_one_spelling() {
        let label = KeyLabel([0, 1, 2, 3, 4, 5, 6, 0xff]);
        assert_eq!(label.to_string(), "00010203040506ff");
        assert_eq!(KeyLabel::parse("00010203040506ff"), Some(label));
        for wrong in ["", "00010203040506FF", "+0010203040506ff", "00010203040506ff0", "é"] {
            assert_eq!(KeyLabel::parse(wrong), None, "{wrong}");
        }
    }
}
