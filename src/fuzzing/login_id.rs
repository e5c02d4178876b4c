//! Login IDs.

use crate::fuzzing::input::Input;
use crate::model::{LoginId, LoginIdType};

/// A login ID's key is a fixed point, short, plain, and never more ASCII than what was typed.
pub fn login_id(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = input.pick(&[LoginIdType::Email, LoginIdType::Phone, LoginIdType::Username]);
    let Ok(text) = std::str::from_utf8(input.rest()) else { return };
    let upper = LoginId::parse(kind, &text.to_ascii_uppercase());
    let Ok(parsed) = LoginId::parse(kind, text) else { return };
    let (key, shown) = (parsed.key(), parsed.as_str());

    for form in [key, shown] {
        let again = LoginId::parse(kind, form).expect("what was read is readable");
        assert_eq!(again.key(), key, "one key");
        assert!(form.len() <= longest(kind) && !form.is_empty());
        assert!(!form.contains(|one: char| one.is_control() || one.is_whitespace()));
    }
    assert_eq!(LoginId::parse(kind, shown).expect("readable").as_str(), shown);
    assert_eq!(LoginId::parse(kind, &format!(" {text}\t")).as_ref(), Ok(&parsed), "trimmed");
    if let Ok(upper) = upper {
        assert_eq!(upper.key(), key, "case does not tell two people apart");
    }
    match kind {
        LoginIdType::Email => email(text.trim_ascii(), key),
        LoginIdType::Phone => {
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
            assert_eq!(key, format!("+{}", digits(text)));
        }
        LoginIdType::Username => assert_eq!(key, text.trim_ascii().to_ascii_lowercase()),
    }
}

/// Letters of other scripts never become ASCII: the ASCII of the key was typed, in this order.
fn email(text: &str, key: &str) {
    let (typed, typed_domain) = text.rsplit_once('@').expect("an address");
    let (local, domain) = key.split_once('@').expect("an address");
    assert!(!local.contains('@') && !domain.contains('@'));
    let mut typed = typed.chars().filter(char::is_ascii).map(|one| one.to_ascii_lowercase());
    let ascii = local.chars().filter(char::is_ascii);
    assert!(ascii.clone().all(|one| typed.any(|other| other == one)), "folded to ASCII");
    assert!(domain.is_ascii());
    if typed_domain.is_ascii() {
        assert_eq!(domain, typed_domain.to_ascii_lowercase());
    } else {
        assert!(domain.split('.').any(|label| label.starts_with("xn--")), "folded to ASCII");
    }
}

fn longest(kind: LoginIdType) -> usize {
    match kind {
        LoginIdType::Email => 254,
        LoginIdType::Phone => 16,
        LoginIdType::Username => 40,
    }
}
