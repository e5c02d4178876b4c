//! Login IDs: e-mail addresses, phone numbers and usernames, normalised by their own rules.

mod email;
mod phone;
mod unicode;
mod username;

use std::fmt;

/// A login ID that was parsed: the form it was given in, and the form in which it is unique.
///
/// The key of a login ID is a login ID with the same key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoginId {
    kind: LoginIdType,
    key: String,
    original: String,
}

/// The type of a login ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LoginIdType {
    /// An e-mail address.
    ///
    /// One `@`, a dot-atom before it (RFC 5322 section 3.2.3, with the letters of other scripts by
    /// RFC 6531 section 3.3) and a domain of two or more labels after it; no quotes, comments or
    /// address literals. At most 254 bytes, 64 of them before the `@` (RFC 5321 section 4.5.3.1).
    /// The domain becomes A-labels in lower case (UTS 46, non-transitional). The local part becomes
    /// normalisation form C, and case is folded in the key only: mail goes to the address as it was
    /// given. Dots and what follows a plus are part of the name.
    Email,
    /// A phone number in E.164 form: a plus and 8 to 15 digits, the first not zero.
    ///
    /// Spaces, hyphens, dots and parentheses are left out, but for the `(0)` that some write: with
    /// it, it is not said what number is meant.
    Phone,
    /// A username: 3 to 40 of the ASCII letters, the digits, and `.`, `_`, `-`, one of them a letter,
    /// with a letter, digit or `_` at both ends. Case is folded in the key only.
    ///
    /// A restriction of the profile `UsernameCaseMapped` (RFC 8265 section 3.3) to where no two names
    /// look alike and every database folds case in the same way. A name is never mistaken for an
    /// address or a number.
    Username,
}

/// A text is not a login ID of the type asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginIdError {
    /// Not an e-mail address that we can accept.
    #[error("not a valid e-mail address")]
    Email,
    /// Not a phone number in international form.
    #[error("not a phone number in international form, such as +85223456789")]
    Phone,
    /// Not a username that we can accept.
    #[error("not a valid username")]
    Username,
}

impl LoginId {
    /// Most bytes of a text that is looked at at all.
    pub const MAX_LENGTH: usize = 1024;

    /// The login ID of the given type that `text` spells, without ASCII whitespace around it. The
    /// rules are told with [`LoginIdType`].
    ///
    /// # Errors
    ///
    /// The [`LoginIdError`] of that type. There are no others.
    pub fn parse(kind: LoginIdType, text: &str) -> Result<Self, LoginIdError> {
        let (parse, error): (fn(&str) -> Option<Forms>, _) = match kind {
            LoginIdType::Email => (email::parse, LoginIdError::Email),
            LoginIdType::Phone => (phone::parse, LoginIdError::Phone),
            LoginIdType::Username => (username::parse, LoginIdError::Username),
        };
        if Self::MAX_LENGTH < text.len() {
            return Err(error);
        }
        let Forms { key, original } = parse(text.trim_ascii()).ok_or(error)?;
        Ok(Self { kind, key, original })
    }

    /// Its type.
    pub fn kind(&self) -> LoginIdType {
        self.kind
    }

    /// The form in which it is unique and found; never shown and never written to.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The form in which it was given, cleaned; to be shown and written to.
    pub fn as_str(&self) -> &str {
        &self.original
    }

    /// The login ID that a store kept: `key` and `original` are what [`key`](Self::key) and
    /// [`as_str`](Self::as_str) gave when it was stored. For stores only; nothing is normalised or
    /// checked here.
    pub fn from_stored(kind: LoginIdType, key: String, original: String) -> Self {
        Self { kind, key, original }
    }
}

impl fmt::Debug for LoginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoginId({:?}, [redacted])", self.kind)
    }
}

/// The two forms of a login ID.
struct Forms {
    key: String,
    original: String,
}
