//! Phone numbers.

use crate::model::login_id::Forms;

/// Reads a number by the rules told with [`LoginIdType::Phone`](super::LoginIdType::Phone).
pub(crate) fn parse(text: &str) -> Option<Forms> {
    let digits = text.strip_prefix('+')?;
    // The trunk prefix is dialled within the country only, and is not always zero.
    if MAX_TEXT < text.len() || digits.contains("(0)") {
        return None;
    }
    let mut number = String::from("+");
    for character in digits.chars() {
        match character {
            '0'..='9' => number.push(character),
            ' ' | '-' | '.' | '(' | ')' => {}
            _ => return None,
        }
    }
    let fits = (MIN_DIGITS..=MAX_DIGITS).contains(&(number.len() - 1));
    (fits && !number.starts_with("+0")).then(|| Forms { key: number.clone(), original: number })
}

/// No country has shorter numbers that can be called from abroad and belong to a person.
const MIN_DIGITS: usize = 8;
/// E.164 section 6.2.1.
const MAX_DIGITS: usize = 15;
/// A digit and a separator each, and some to spare.
const MAX_TEXT: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_124_twenty_spellings_are_one_number() {
        let spellings = [
            "+85223456789",
            "+852 23456789",
            "+852 2345 6789",
            "+852-2345-6789",
            "+852 2345-6789",
            "+852.2345.6789",
            "+852 (2345) 6789",
            "+(852) 2345 6789",
            "+852(2345)6789",
            "+8 5 2 2 3 4 5 6 7 8 9",
            "+852  2345  6789",
            "+ 852 2345 6789",
            "+852 - 2345 - 6789",
            "+852-23-45-67-89",
            "+852.23.45.67.89",
            "+852 23 45 67 89",
            "+852 234 567 89",
            "+(852)23456789",
            "+852-(2345)-6789",
            "+852 2345.6789",
        ];
        for spelling in spellings {
            let forms = parse(spelling).unwrap();
            assert_eq!(forms.key, "+85223456789", "{spelling}");
            assert_eq!(forms.original, forms.key);
        }
    }

    #[test]
    fn what_is_no_international_number_is_refused() {
        let wrong = [
            "",
            "+",
            "23456789",
            "0085223456789",
            "+0085223456789",
            "+1234567",
            "+1234567890123456",
            "+44 (0)20 7946 0958",
            "+852 2345 6789 ext. 1",
            "+852\u{a0}23456789",
            "+８５２２３４５６７８９",
            "\u{ff0b}85223456789",
            "+٨٥٢٢٣٤٥٦٧٨٩",
            "+852/23456789",
            "++85223456789",
            "+85223456789;1",
            "+852\n23456789",
            "+8 5 2 2 3 4 5 6 7 8 9                        ",
        ];
        for text in wrong {
            assert!(parse(text).is_none(), "{text:?}");
        }
        assert!(parse("+12345678").is_some() && parse("+123456789012345").is_some());
    }
}
