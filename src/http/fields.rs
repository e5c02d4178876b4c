//! The fields of a query or a form.

use percent_encoding::percent_decode;

use super::limits::{MAX_FIELD_BYTES, MAX_FIELDS};

/// Names and values, in the order in which they came, each name once.
pub(super) struct Fields(Vec<(String, String)>);

/// Why a query or form cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldsError {
    TooMany,
    TooLong,
    Repeated,
    NotUtf8,
}

impl FieldsError {
    /// The error as a sentence that may be shown to anybody.
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::TooMany => "too many parameters",
            Self::TooLong => "a parameter is too long",
            Self::Repeated => "a parameter is given more than once",
            Self::NotUtf8 => "a parameter is not UTF-8 text",
        }
    }
}

impl Fields {
    /// The fields of an `application/x-www-form-urlencoded` text.
    pub(super) fn parse(text: &[u8]) -> Result<Self, FieldsError> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for pair in text.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()) {
            if fields.len() == MAX_FIELDS {
                return Err(FieldsError::TooMany);
            }
            let mut halves = pair.splitn(2, |&byte| byte == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let value = decode(halves.next().unwrap_or_default())?;
            // Of two values one program reads the first and the next program the second.
            if fields.iter().any(|(other, _)| *other == name) {
                return Err(FieldsError::Repeated);
            }
            fields.push((name, value));
        }
        Ok(Self(fields))
    }

    /// The field's value; one without a value counts as not given (RFC 6749 section 3.1).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().find(|(other, _)| other == name);
        field.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

fn decode(text: &[u8]) -> Result<String, FieldsError> {
    let spaced: Vec<u8> = text.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    let decoded = percent_decode(&spaced).decode_utf8().map_err(|_| FieldsError::NotUtf8)?;
    if MAX_FIELD_BYTES < decoded.len() {
        return Err(FieldsError::TooLong);
    }
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_once_and_keeps_what_is_no_escape() {
        let fields = Fields::parse(b"a=1+2%2B3&b=%2541&c=%zz&&d&e=%3D=").unwrap();
        assert_eq!(fields.get("a"), Some("1 2+3"));
        assert_eq!(fields.get("b"), Some("%41"));
        assert_eq!(fields.get("c"), Some("%zz"));
        assert_eq!(fields.get("d"), None);
        assert_eq!(fields.get("e"), Some("=="));
    }

    #[test]
    fn refuses_what_two_readers_may_read_differently() {
        let refused = |text: &[u8]| Fields::parse(text).err();
        assert_eq!(refused(b"a=1&a=2"), Some(FieldsError::Repeated));
        assert_eq!(refused(b"a=1&%61=1"), Some(FieldsError::Repeated));
        assert_eq!(refused(b"a=%ff"), Some(FieldsError::NotUtf8));
    }

    #[test]
    fn has_limits() {
        let many = |count: usize| {
            let names: Vec<String> = (0..count).map(|number| format!("f{number}")).collect();
            names.join("=&")
        };
        assert!(Fields::parse(many(MAX_FIELDS).as_bytes()).is_ok());
        assert_eq!(
            Fields::parse(many(MAX_FIELDS + 1).as_bytes()).err(),
            Some(FieldsError::TooMany)
        );
        let long = |length: usize| format!("a={}", "x".repeat(length));
        assert!(Fields::parse(long(MAX_FIELD_BYTES).as_bytes()).is_ok());
        let error = Fields::parse(long(MAX_FIELD_BYTES + 1).as_bytes()).err();
        assert_eq!(error, Some(FieldsError::TooLong));
    }
}
