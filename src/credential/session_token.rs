//! The secret that a session is held by.

use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::credential::base64url;
use crate::model::{Entropy, EntropyError, TokenDigest};

/// 256 random bits that hold a session: the value of a cookie, or a refresh token.
///
/// The store knows only the [`digest`](Self::digest), so who reads it holds nothing. The bits are
/// too many to guess, so the digest needs neither salt nor key, and looking it up leaks no more than
/// a digest.
///
/// A token cannot be copied, printed, compared or serialised by accident:
///
/// ```compile_fail,E0277
/// fn needs<T: Clone>() {}
/// needs::<guestpass::credential::SessionToken>();
/// ```
///
/// ```compile_fail,E0277
/// fn needs<T: std::fmt::Display>() {}
/// needs::<guestpass::credential::SessionToken>();
/// ```
///
/// ```compile_fail,E0277
/// fn needs<T: PartialEq>() {}
/// needs::<guestpass::credential::SessionToken>();
/// ```
///
/// ```compile_fail,E0277
/// fn needs<T: serde::Serialize>() {}
/// needs::<guestpass::credential::SessionToken>();
/// ```
pub struct SessionToken(Zeroizing<[u8; 32]>);

impl SessionToken {
    /// Characters of a token's text.
    pub const TEXT_LENGTH: usize = 43;

    /// Draws a new token.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if there are no random bytes to be had.
    pub fn draw(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(bytes.as_mut_slice())?;
        Ok(Self(bytes))
    }

    /// The token that `text` spells. A token has one spelling: unpadded base64url (RFC 4648
    /// section 5) with the unused bits zero.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        if text.len() != Self::TEXT_LENGTH {
            return None;
        }
        (base64url::decode_into(text, bytes.as_mut_slice())? == bytes.len()).then_some(Self(bytes))
    }

    /// The text of the token, to be handed to its holder and nobody else.
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(base64url::encode(self.0.as_slice()))
    }

    /// What the store knows the token by: the SHA-256 digest of its 32 bytes.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::from_bytes(Sha256::digest(self.0.as_slice()).into())
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SystemEntropy;

    #[test]
    fn survives_its_text_and_has_no_second_spelling() {
        let token = SessionToken::draw(&SystemEntropy).unwrap();
        let text = token.reveal();
        assert_eq!(text.len(), SessionToken::TEXT_LENGTH);
        assert_eq!(SessionToken::parse(&text).unwrap().digest(), token.digest());
        // The last character carries two unused bits: of its 64 values only every fourth is one.
        let spellings = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(*b"-_");
        let accepted = spellings
            .map(|last| format!("{}{}", &text[..42], char::from(last)))
            .filter(|text| SessionToken::parse(text).is_some());
        assert_eq!(accepted.count(), 16);
        for wrong in [format!("{}=", *text), format!(" {}", *text), text[1..].to_owned()] {
            assert!(SessionToken::parse(&wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn prints_as_redacted() {
        let token = SessionToken::draw(&SystemEntropy).unwrap();
        assert_eq!(format!("{token:?}"), "SessionToken([redacted])");
    }

    #[test]
    fn the_digest_is_plain_sha_256() {
        let token = SessionToken::parse(&"A".repeat(43)).unwrap();
        let digest = token.digest();
        let hex = digest.as_bytes().iter().map(|byte| format!("{byte:02x}"));
        let expected = "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925";
        assert_eq!(hex.collect::<String>(), expected);
    }
}
