//! Usernames.

use crate::model::login_id::Forms;

/// Reads a name by the rules told with [`LoginIdType::Username`](super::LoginIdType::Username).
pub(crate) fn parse(text: &str) -> Option<Forms> {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let is_outer =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let bytes = text.as_bytes();
    let fits = (MIN_LENGTH..=MAX_LENGTH).contains(&bytes.len())
        && bytes.iter().all(|byte| is_inner(*byte))
        && bytes.iter().any(u8::is_ascii_alphabetic)
        && is_outer(bytes.first())
        && is_outer(bytes.last());
    fits.then(|| Forms { key: text.to_ascii_lowercase(), original: text.to_owned() })
}

const MIN_LENGTH: usize = 3;
const MAX_LENGTH: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_no_addresses_or_numbers() {
        for text in ["ann", "Ann_Lee", "a.b-c", "_x_", "1st", &"a".repeat(40)] {
            let forms = parse(text).unwrap();
            assert_eq!((forms.key, forms.original), (text.to_lowercase(), text.to_owned()));
        }
        let long = "a".repeat(41);
        for text in [
            "",
            "an",
            "123",
            "85223456789",
            "+85223456789",
            "a@b",
            "ann@example.com",
            "an n",
            ".ann",
            "ann.",
            "-ann",
            "ann-",
            "___",
            "änn",
            "аnn",
            "ann\u{200b}",
            "a\0n",
            "ann/..",
            &long,
        ] {
            assert!(parse(text).is_none(), "{text:?}");
        }
    }
}
