//! Login IDs: one key for each, and the key a fixed point.

use guestpass::model::{LoginId, LoginIdType};
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

const TYPES: [LoginIdType; 3] = [LoginIdType::Email, LoginIdType::Phone, LoginIdType::Username];

/// What must hold for every login ID that is accepted.
fn check(kind: LoginIdType, text: &str) -> Result<(), TestCaseError> {
    let Ok(parsed) = LoginId::parse(kind, text) else { return Ok(()) };
    for form in [parsed.key(), parsed.as_str()] {
        let again = LoginId::parse(kind, form);
        prop_assert_eq!(again.as_ref().map(LoginId::key), Ok(parsed.key()), "{:?}", form);
        prop_assert!(form.len() <= 254 && !form.contains(char::is_control));
    }
    let original = LoginId::parse(kind, parsed.as_str()).unwrap();
    prop_assert_eq!(original.as_str(), parsed.as_str());
    // No folding that somebody else applies makes one ASCII that is not.
    let key = parsed.key();
    for folded in
        [key.to_lowercase(), key.to_uppercase(), key.nfkc().collect(), key.nfkd().collect()]
    {
        prop_assert_eq!(folded.is_ascii(), key.is_ascii(), "{}", folded);
    }
    Ok(())
}

/// Characters near the edges of the rules, more often than others.
fn character() -> impl Strategy<Value = char> {
    prop_oneof![
        4 => proptest::char::range('a', 'z'),
        2 => proptest::char::range('!', '~'),
        1 => proptest::sample::select("äÖßẞıİſKåÅΣσςΐᾳǰŉﬁ漢ア한é\u{301}\u{308}\u{345}\u{200d}\u{202e}＠．。ａ①".chars().collect::<Vec<_>>()),
        1 => any::<char>(),
    ]
}

fn text(length: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(character(), 1..length).prop_map(|all| all.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn an_accepted_login_id_is_a_fixed_point(kind in 0..TYPES.len(), text in text(30)) {
        check(TYPES[kind], &text)?;
    }

    #[test]
    fn an_accepted_address_is_a_fixed_point(local in text(12), domain in text(8)) {
        check(LoginIdType::Email, &format!("{local}@{domain}.example"))?;
        check(LoginIdType::Email, &format!("{local}@example.com"))?;
        check(LoginIdType::Email, &format!("a@{domain}.com"))?;
    }

    #[test]
    fn an_accepted_number_is_a_fixed_point(text in r"\+[0-9 ().-]{6,24}") {
        check(LoginIdType::Phone, &text)?;
    }

    #[test]
    fn an_accepted_name_is_a_fixed_point(text in "[a-zA-Z0-9._-]{1,45}") {
        check(LoginIdType::Username, &text)?;
    }

    #[test]
    fn no_text_is_of_two_types(text in text(30)) {
        let types = TYPES.iter().filter(|kind| LoginId::parse(**kind, &text).is_ok());
        prop_assert!(types.count() <= 1);
    }
}

#[test]
fn whitespace_around_is_left_out_and_length_is_bounded() {
    let parse = |text: &str| LoginId::parse(LoginIdType::Email, text);
    assert_eq!(parse(" ann@example.com\r\n").unwrap().as_str(), "ann@example.com");
    assert!(parse(&format!("{}ann@example.com", " ".repeat(2000))).is_err());
    assert!(parse("\u{a0}ann@example.com").is_err());
}

#[test]
fn attack_125_mail_goes_to_the_address_as_it_was_given() {
    let given = LoginId::parse(LoginIdType::Email, "Ann.Lee@Example.com").unwrap();
    let typed = LoginId::parse(LoginIdType::Email, "ann.lee@example.com").unwrap();
    assert_eq!(given.key(), typed.key());
    assert_eq!(given.as_str(), "Ann.Lee@example.com");
}

#[test]
fn a_login_id_is_not_printed() {
    let parsed = LoginId::parse(LoginIdType::Email, "ann@example.com").unwrap();
    assert_eq!(format!("{parsed:?}"), "LoginId(Email, [redacted])");
}
