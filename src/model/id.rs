//! Identifiers: sixteen bytes each, drawn by the engine, printed with a prefix.

use std::fmt;
use std::str::FromStr;

use crate::model::entropy::{Entropy, EntropyError, draw};
use crate::model::time::Timestamp;

/// The text is not an identifier of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier of this kind")]
pub struct ParseIdError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The identifier with these bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The bytes of the identifier.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// Draws a new identifier, ordered by the time it was drawn.
            pub(crate) fn draw(entropy: &dyn Entropy, now: Timestamp) -> Result<Self, EntropyError> {
                time_ordered(entropy, now).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                write_hex(f, &self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                text.strip_prefix($prefix).and_then(parse_hex).map(Self).ok_or(ParseIdError)
            }
        }
    };
}

id! {
    /// Names a user for ever; printed, it is the `sub`.
    UserId, "usr_"
}
id! {
    /// Names a session towards its user and the operator. Knowing it gives no access.
    SessionId, "ses_"
}
id! {
    /// Names an authenticator.
    AuthenticatorId, "aut_"
}

/// Six bytes of time before ten random ones keep neighbours in time neighbours on disk.
fn time_ordered(entropy: &dyn Entropy, now: Timestamp) -> Result<[u8; 16], EntropyError> {
    let mut bytes = draw::<16>(entropy)?;
    let milliseconds = now.as_millis().max(0).to_be_bytes();
    bytes[..6].copy_from_slice(&milliseconds[2..]);
    Ok(bytes)
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Lower-case digits only, so that an identifier has one spelling.
fn parse_hex(text: &str) -> Option<[u8; 16]> {
    let digits: &[u8; 32] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex_digit(pair[0])? * 16 + hex_digit(pair[1])?;
    }
    Some(bytes)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_one_spelling() {
        let id = UserId::from_bytes([0xab; 16]);
        let text = id.to_string();
        assert_eq!(text, format!("usr_{}", "ab".repeat(16)));
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(text.to_uppercase().parse::<UserId>(), Err(ParseIdError));
        assert_eq!(text.parse::<SessionId>(), Err(ParseIdError));
        assert_eq!("usr_é".parse::<UserId>(), Err(ParseIdError));
    }
}
