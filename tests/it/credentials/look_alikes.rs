//! Characters that somebody else's folding makes ASCII: no login ID with one of them is, or becomes, the
//! login ID of somebody who has typed plain ASCII.

use std::sync::OnceLock;

use guestpass::model::{LoginId, LoginIdType};
use unicode_normalization::{UNICODE_VERSION, UnicodeNormalization};

const COUNT: usize = 1_449;
const TYPES: [LoginIdType; 3] = [LoginIdType::Email, LoginIdType::Phone, LoginIdType::Username];

/// The first four planes; none beyond has a letter in it, or anything that becomes one.
fn beyond_ascii() -> impl Iterator<Item = char> {
    '\u{80}'..='\u{3ffff}'
}

/// What NFKC, case folding and NFKC again make of a character. To lower, upper and lower case is full
/// case folding, but for U+0131.
fn folded(character: char) -> String {
    let letters = std::iter::once(character).nfkc();
    let folded = letters
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase);
    folded.nfkc().collect()
}

/// All characters that are not ASCII and become ASCII.
fn look_alikes() -> &'static [(char, String)] {
    static FOUND: OnceLock<Vec<(char, String)>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let folded = beyond_ascii().map(|one| (one, folded(one)));
        folded.filter(|(_, folded)| folded.is_ascii()).collect()
    })
}

/// Texts with `one` in the place of a part of a login ID, or beside one.
fn spellings(kind: LoginIdType, one: &str) -> Vec<String> {
    match kind {
        LoginIdType::Email => vec![
            format!("{one}@example.com"),
            format!("{one}nn@example.com"),
            format!("a{one}n@example.com"),
            format!("an{one}@example.com"),
            format!("an.{one}@example.com"),
            format!("ann{one}example.com"),
            format!("ann@{one}.com"),
            format!("ann@{one}xample.com"),
            format!("ann@ex{one}mple.com"),
            format!("ann@exampl{one}.com"),
            format!("ann@example{one}com"),
            format!("ann@example.c{one}m"),
            format!("ann@xn--{one}.com"),
            format!("ann@example.com{one}"),
        ],
        LoginIdType::Phone => vec![
            format!("{one}85223456789"),
            format!("+{one}5223456789"),
            format!("+852{one}3456789"),
            format!("+852 2345{one}6789"),
            format!("+8522345678{one}"),
        ],
        LoginIdType::Username => {
            vec![one.repeat(3), format!("{one}nn"), format!("a{one}n"), format!("an{one}")]
        }
    }
}

#[test]
fn attack_119_1449_characters_become_ascii_elsewhere() {
    // By Unicode 14 they were 1,405 and the dotless i, which only its upper case makes an i.
    assert_eq!((UNICODE_VERSION, look_alikes().len()), ((18, 0, 0), COUNT));
    assert!(look_alikes().contains(&('\u{131}', "i".to_owned())));
}

#[test]
fn attack_119_none_of_them_is_read_in_any_place_of_any_login_id() {
    let (mut tried, mut tempting) = (0, 0);
    for (one, folded) in look_alikes() {
        for kind in TYPES {
            let typed = spellings(kind, &one.to_string());
            for (typed, meant) in typed.iter().zip(spellings(kind, folded)) {
                assert!(LoginId::parse(kind, typed).is_err(), "{typed:?} for {meant:?}");
                tried += 1;
                tempting += usize::from(LoginId::parse(kind, &meant).is_ok());
            }
        }
    }
    assert_eq!(tried, COUNT * 23);
    // A reader who folds would have taken these for somebody's.
    assert!(10_000 < tempting, "{tempting}");
    let full_width = "ａｎｎ＠ｅｘａｍｐｌｅ．ｃｏｍ";
    assert!(LoginId::parse(LoginIdType::Email, full_width).is_err());
}

/// Every character of the scripts that have cases or accents, and of the others one in 16.
#[test]
fn attacks_119_and_122_no_other_character_becomes_ascii_in_a_key_either() {
    let is_tried = |one: &char| *one < '\u{3400}' || u32::from(*one).is_multiple_of(16);
    let mut read = 0;
    for one in beyond_ascii().filter(is_tried) {
        for typed in [format!("a{one}n@example.com"), format!("ann@ex{one}mple.com")] {
            let Ok(parsed) = LoginId::parse(LoginIdType::Email, &typed) else { continue };
            read += 1;
            let (local, domain) = parsed.key().split_once('@').unwrap();
            let is_plain = local.is_ascii() && !domain.starts_with("xn--");
            assert!(!is_plain, "{typed:?} is {:?}", parsed.key());
            is_a_fixed_point(&parsed);
        }
        for (kind, typed) in [
            (LoginIdType::Phone, format!("+852{one}3456789")),
            (LoginIdType::Username, format!("a{one}n")),
        ] {
            assert!(LoginId::parse(kind, &typed).is_err(), "{typed:?}");
        }
    }
    assert!(20_000 < read, "{read}");
}

/// Normalising again changes nothing, neither of the key nor of what is shown and written to.
fn is_a_fixed_point(parsed: &LoginId) {
    let again = |text: &str| LoginId::parse(parsed.kind(), text).unwrap();
    assert_eq!(&again(parsed.as_str()), parsed);
    assert_eq!(again(parsed.key()).key(), parsed.key());
    assert_eq!(again(parsed.key()).as_str(), parsed.key());
}

#[test]
fn attack_122_letters_that_some_databases_fold_stay_apart() {
    let key = |text: &str| LoginId::parse(LoginIdType::Email, text).map(|one| one.key().to_owned());
    for (one, plain) in
        [("ı", "i"), ("İ", "i"), ("\u{212a}", "k"), ("ſ", "s"), ("ß", "ss"), ("ﬁ", "fi")]
    {
        assert!(key(&format!("{one}@example.com")).is_err(), "{one}");
        assert!(key(&format!("{plain}@example.com")).is_ok(), "{plain}");
    }
    // Letters that only look like others are letters of their own.
    assert_ne!(key("аnn@example.com"), key("ann@example.com"));
    assert_ne!(key("ann@ехample.com"), key("ann@example.com"));
}
