//! E-mail addresses.

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::model::login_id::Forms;
use crate::model::login_id::unicode::{fold, is_letter};

/// Reads an address by the rules told with [`LoginIdType::Email`](super::LoginIdType::Email).
pub(crate) fn parse(text: &str) -> Option<Forms> {
    let (local, domain) = text.rsplit_once('@')?;
    let domain = parse_domain(domain)?;
    let local = parse_local(local)?;
    // What folding makes of the local part must be one again, also by its length.
    let key = parse_local(&fold(&local)?)?;
    Some(Forms { key: address(&key, &domain)?, original: address(&local, &domain)? })
}

fn address(local: &str, domain: &str) -> Option<String> {
    let address = format!("{local}@{domain}");
    (address.len() <= MAX_LENGTH).then_some(address)
}

/// Each character is checked as it came, because normalisation turns some into ASCII, and as it is
/// kept, because it composes others.
fn parse_local(text: &str) -> Option<String> {
    let is_allowed = |one: char| is_letter(one) || is_atext(one) || one == '.';
    if !text.chars().all(is_allowed) {
        return None;
    }
    let local: String = text.nfc().collect();
    let is_atom = |atom: &str| atom.chars().next().is_some_and(|first| !is_combining_mark(first));
    let is_dot_atom = local.split('.').all(is_atom);
    (local.len() <= MAX_LOCAL_LENGTH && is_dot_atom && local.chars().all(is_allowed))
        .then_some(local)
}

/// RFC 5322 section 3.2.3.
fn is_atext(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(character)
}

/// The domain in A-labels, if it is a fixed point: read as Unicode and written again, it is the same.
fn parse_domain(text: &str) -> Option<String> {
    let is_allowed =
        |one: char| is_letter(one) || one.is_ascii_alphanumeric() || one == '-' || one == '.';
    if !text.chars().all(is_allowed) {
        return None;
    }
    let domain = to_ascii(text)?;
    let (unicode, read) =
        Uts46::new().to_unicode(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::Check);
    if read.is_err() || to_ascii(&unicode)? != domain {
        return None;
    }
    let (_, last) = domain.rsplit_once('.')?;
    // A domain whose last label is a number is an IPv4 address.
    (!last.bytes().all(|byte| byte.is_ascii_digit())).then_some(domain)
}

fn to_ascii(domain: &str) -> Option<String> {
    Uts46::new()
        .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, DnsLength::Verify)
        .ok()
        .map(Into::into)
}

/// RFC 5321 section 4.5.3.1.3, without the angle brackets.
const MAX_LENGTH: usize = 254;
/// RFC 5321 section 4.5.3.1.1.
const MAX_LOCAL_LENGTH: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Option<String> {
        parse(text).map(|forms| forms.key)
    }

    fn original(text: &str) -> Option<String> {
        parse(text).map(|forms| forms.original)
    }

    #[test]
    fn addresses_are_kept_as_given_and_unique_by_their_key() {
        let cases = [
            ("ann@example.com", "ann@example.com", "ann@example.com"),
            ("Ann.Lee+news@EXAMPLE.com", "Ann.Lee+news@example.com", "ann.lee+news@example.com"),
            ("o'neil/x=y@a-b.example", "o'neil/x=y@a-b.example", "o'neil/x=y@a-b.example"),
            ("a\u{308}Ö@bücher.example", "äÖ@xn--bcher-kva.example", "äö@xn--bcher-kva.example"),
            ("ΟΔΟΣ@example.com", "ΟΔΟΣ@example.com", "οδοσ@example.com"),
            ("οδος@example.com", "οδος@example.com", "οδοσ@example.com"),
            ("用户@例え.jp", "用户@xn--r8jz45g.jp", "用户@xn--r8jz45g.jp"),
            ("a@xn--strae-oqa.de", "a@xn--strae-oqa.de", "a@xn--strae-oqa.de"),
        ];
        for (text, shown, unique) in cases {
            assert_eq!(original(text).as_deref(), Some(shown), "{text}");
            assert_eq!(key(text).as_deref(), Some(unique), "{text}");
        }
        assert_ne!(key("annlee@example.com"), key("ann.lee@example.com"));
    }

    #[test]
    fn attack_120_what_is_more_than_one_plain_address_is_refused() {
        let wrong = [
            "",
            "@",
            "a@",
            "@example.com",
            "a",
            "a@b@example.com",
            "a\u{ff20}example.com",
            "a\u{fe6b}example.com",
            "\"a b\"@example.com",
            "\"a\"@example.com",
            "a(comment)@example.com",
            "a@x.example,b@y.example",
            "a@x.example b@y.example",
            "<a@example.com>",
            "A <a@example.com>",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@localhost",
            "a@example.com.",
            "a@.example.com",
            "a@exa mple.com",
            "a@example..com",
            "a@-example.com",
            "a@example-.com",
            "a@exam_ple.com",
            ".a@example.com",
            "a.@example.com",
            "a..b@example.com",
            "a b@example.com",
            "a\0@example.com",
            "a\n@example.com",
            "a@example.com\0",
            "a@example\u{3002}com",
            "a@example\u{ff61}com",
            "a@example\u{2024}com",
            "\u{301}a@example.com",
            "a.\u{301}b@example.com",
            "a=\u{338}@example.com",
            "☃@example.com",
            "a@☃.example",
        ];
        for text in wrong {
            assert_eq!(key(text), None, "{text:?}");
        }
    }

    #[test]
    fn attack_121_a_domain_is_a_fixed_point() {
        for wrong in
            ["xn--example-.com", "xn--a.com", "xn--.com", "xn--bcher-kva9.com", "ab--c.com"]
        {
            assert_eq!(key(&format!("a@{wrong}")), None, "{wrong}");
        }
        assert_eq!(key("a@XN--BCHER-KVA.example"), key("a@bücher.example"));
        assert!(key("a@xn--bcher-kva.example").is_some());
    }

    #[test]
    fn attack_119_whatever_folds_to_ascii_is_refused_in_both_parts() {
        for one in (0x80..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let folded: String = std::iter::once(one).nfkc().collect::<String>().to_lowercase();
            if folded.is_ascii() {
                assert_eq!(key(&format!("x{one}@example.com")), None, "{one:?}");
                assert_eq!(key(&format!("x@ex{one}ample.com")), None, "{one:?}");
            }
        }
        for one in ['\u{131}', '\u{130}', '\u{212a}', '\u{17f}', 'ß', 'ﬁ'] {
            assert_eq!(key(&format!("g{one}thub@example.com")), None, "{one:?}");
            assert_eq!(key(&format!("a@g{one}thub.example")), None, "{one:?}");
        }
    }

    #[test]
    fn lengths_are_those_of_smtp() {
        let local = "a".repeat(64);
        let domain = format!("{}.{}.{}", "b".repeat(63), "c".repeat(63), "d".repeat(61));
        assert_eq!(key(&format!("{local}@{domain}")).map(|key| key.len()), Some(254));
        assert_eq!(key(&format!("{local}@{domain}e")), None);
        assert_eq!(key(&format!("{local}a@example.com")), None);
        assert_eq!(key(&format!("a@{}.com", "b".repeat(64))), None);
        // Folding makes four bytes of two here.
        let of_ligatures = |count| key(&format!("{}@example.com", "\u{587}".repeat(count)));
        assert!(of_ligatures(16).is_some() && of_ligatures(17).is_none());
    }
}
