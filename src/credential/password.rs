//! Passwords: what is one, and hashing them without holding anybody up.

mod argon2id;
mod hasher;
mod queue;

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

pub use argon2id::{Argon2Params, WeakParams};
pub use hasher::{HashError, HasherOptions, PasswordHasher, Verdict};

/// A password as a person typed it, normalised once.
///
/// Normalised as RFC 8265 section 4.2.2 says (`OpaqueString`): every space of Unicode becomes the
/// ASCII one, and the text is put in normalisation form C, so that a password typed on another
/// keyboard is the same. Nothing else is changed: no case, no width, no trimming. No character is
/// refused.
///
/// A password cannot be copied or printed by accident:
///
/// ```compile_fail,E0277
/// fn needs<T: Clone>() {}
/// needs::<guestpass::credential::Password>();
/// ```
///
/// ```compile_fail,E0277
/// fn needs<T: std::fmt::Display>() {}
/// needs::<guestpass::credential::Password>();
/// ```
pub struct Password(Zeroizing<String>);

/// What a new password must be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// Fewest code points after normalisation.
    pub min_length: usize,
    /// Most code points after normalisation; more than [`Password::MAX_LENGTH`] counts as that.
    pub max_length: usize,
}

/// A text cannot be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Shorter than the policy demands.
    #[error("the password is too short")]
    TooShort,
    /// Longer than the policy or we allow.
    #[error("the password is too long")]
    TooLong,
}

impl Password {
    /// Most code points of any password.
    pub const MAX_LENGTH: usize = 256;

    /// Most bytes of a text that is looked at at all. Normalisation can make of it a password within
    /// [`MAX_LENGTH`](Self::MAX_LENGTH), because four code points may become one.
    pub const MAX_BYTES: usize = 4096;

    /// The new password that `text` spells.
    ///
    /// # Errors
    ///
    /// [`PasswordError`] if `policy` does not allow it.
    pub fn parse(text: &str, policy: &PasswordPolicy) -> Result<Self, PasswordError> {
        let password = Self::attempt(text)?;
        let length = password.0.chars().count();
        if length < policy.min_length {
            return Err(PasswordError::TooShort);
        }
        if policy.max_length < length {
            return Err(PasswordError::TooLong);
        }
        Ok(password)
    }

    /// The password that `text` spells, to be verified against one that was set earlier, perhaps
    /// under another policy.
    ///
    /// # Errors
    ///
    /// [`PasswordError::TooLong`] if no password can ever have been that long.
    pub fn attempt(text: &str) -> Result<Self, PasswordError> {
        if Self::MAX_BYTES < text.len() {
            return Err(PasswordError::TooLong);
        }
        // With room for everything from the start, no smaller buffer is left behind with a part of
        // it. Form C makes of one byte three at most (UAX 15, "Maximum Expansion Factors").
        let mut normalised = Zeroizing::new(String::with_capacity(text.len() * 3));
        normalised.extend(text.chars().map(with_ascii_space).nfc());
        if Self::MAX_LENGTH < normalised.chars().count() {
            return Err(PasswordError::TooLong);
        }
        Ok(Self(normalised))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password([redacted])")
    }
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { min_length: 8, max_length: Password::MAX_LENGTH }
    }
}

/// The characters of general category `Zs`.
fn with_ascii_space(character: char) -> char {
    match character {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            ' '
        }
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(text: &str) -> String {
        Password::attempt(text).unwrap().0.to_string()
    }

    #[test]
    fn attack_89_length_is_counted_in_code_points_and_bounded() {
        let policy = PasswordPolicy::default();
        let parse = |length| Password::parse(&"ä".repeat(length), &policy).map(|_| ());
        assert_eq!(parse(7), Err(PasswordError::TooShort));
        assert_eq!(parse(8), Ok(()));
        assert_eq!(parse(256), Ok(()));
        assert_eq!(parse(257), Err(PasswordError::TooLong));
        assert_eq!(parse(1_000_000), Err(PasswordError::TooLong));
        assert!(Password::attempt("x").is_ok());
        assert!(Password::attempt("").is_ok());
    }

    #[test]
    fn attack_91_twins_are_equal_and_others_are_not() {
        assert_eq!(attempt("a\u{308}"), attempt("\u{e4}"));
        assert_eq!(attempt("a\u{a0}b\u{3000}c"), "a b c");
        assert_ne!(attempt("\u{ff21}"), attempt("A"));
        assert_eq!(attempt(" Pass\0word\t"), " Pass\0word\t");
    }

    #[test]
    fn a_long_decomposed_password_is_a_short_one() {
        let hangul = "\u{1100}\u{1161}\u{11a8}".repeat(256);
        assert_eq!(attempt(&hangul).chars().count(), 256);
    }

    #[test]
    fn normalising_again_changes_nothing_and_fits_the_room() {
        for text in ["\u{fb2c}".repeat(85), "\u{1d160}".repeat(85), "\u{390}".repeat(256)] {
            let password = Password::attempt(&text).unwrap();
            assert!(password.0.len() <= text.len() * 3);
            assert_eq!(password.0.capacity(), text.len() * 3);
            assert_eq!(attempt(&password.0), *password.0);
        }
    }

    #[test]
    fn prints_as_redacted() {
        assert_eq!(format!("{:?}", Password::attempt("s3cret").unwrap()), "Password([redacted])");
    }
}
