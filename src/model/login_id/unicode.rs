//! The letters of all scripts, as far as they can be told from ASCII.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Whether `character` may stand in a name: a letter, digit or mark that is assigned, seen, and
/// stays apart from ASCII under every mapping that a mail server or database may apply.
///
/// What `is_alphanumeric` and the marks leave out: controls, also bidirectional ones, joiners and
/// other characters without width, spaces, punctuation, symbols, private use, the unassigned.
pub(crate) fn is_letter(character: char) -> bool {
    !character.is_ascii()
        && (character.is_alphanumeric() || is_combining_mark(character))
        && !is_ignorable(character)
        && !folds_to_ascii(character)
}

/// `text` with case folded and in normalisation form C; a fixed point of itself.
///
/// To lower, upper and lower case again is full case folding but for letters that [`is_letter`]
/// refuses, and it does not look at the neighbours of a letter. `None` if no fixed point comes soon.
pub(crate) fn fold(text: &str) -> Option<String> {
    let mut folded = text.to_owned();
    for _ in 0..MAX_ROUNDS {
        let next = folded.chars().flat_map(fold_letter).nfc().collect();
        if next == folded {
            return Some(folded);
        }
        folded = next;
    }
    None
}

fn fold_letter(letter: char) -> impl Iterator<Item = char> {
    letter.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// Whether compatibility or case mappings put ASCII in the place of `character` (such as U+212A, the
/// Kelvin sign) or make some of it (such as U+0149, an n after an apostrophe).
fn folds_to_ascii(character: char) -> bool {
    let mut folded = std::iter::once(character).nfkc().flat_map(fold_letter).nfkc();
    folded.any(|one| one.is_ascii())
}

/// The letters and marks with the property `Default_Ignorable_Code_Point`: nothing is seen of them.
fn is_ignorable(character: char) -> bool {
    matches!(
        character,
        '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Two suffice for every letter; the rest is for combinations nobody has thought of.
const MAX_ROUNDS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// The first four planes; none beyond has a letter in it.
    fn all() -> impl Iterator<Item = char> {
        '\0'..='\u{3ffff}'
    }

    #[test]
    fn attack_119_whatever_folds_to_ascii_is_no_letter() {
        let folding = |one: &char| {
            let folded: String =
                std::iter::once(*one).nfkc().flat_map(fold_letter).nfkc().collect();
            !one.is_ascii() && folded.is_ascii()
        };
        let folding: Vec<char> = all().filter(folding).collect();
        // Those whose NFKC_Casefold is ASCII are 1405; the dotless i is here too, by its upper case.
        assert!(1406 <= folding.len(), "{}", folding.len());
        assert!(folding.iter().all(|one| !is_letter(*one)));
        for one in ['\u{212a}', '\u{17f}', '\u{131}', '\u{130}', 'ß', 'ẞ', 'ﬁ', 'ａ', '𝐚', 'ª', '①']
        {
            assert!(!is_letter(one), "{one}");
        }
    }

    #[test]
    fn attack_123_what_is_not_seen_is_no_letter() {
        let hidden =
            ["\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}\u{ad}\u{34f}\u{3164}\u{115f}\u{fe0f}"];
        let bidi = "\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}\u{61c}";
        let other = "\0\u{7f}\u{80}\u{a0}\u{3000}\u{2028}\u{e000}\u{378}\u{10ffff}\u{e0061}☃";
        for one in hidden.concat().chars().chain(bidi.chars()).chain(other.chars()) {
            assert!(!is_letter(one), "{one:?}");
        }
    }

    #[test]
    fn letters_of_many_scripts_are_letters() {
        for one in "äéñøłþğşćžАбвΩσςαβאבעربيहिन्दी漢字かなカナ한국어กขაბԱբ٣".chars()
        {
            assert!(is_letter(one), "{one:?}");
        }
    }

    #[test]
    fn folding_a_letter_gives_letters_and_folding_again_nothing_new() {
        let changes =
            |one: &char| fold_letter(*one).ne([*one]) || std::iter::once(*one).nfc().ne([*one]);
        let letters = all().filter(|one| is_letter(*one) && changes(one));
        for letter in letters {
            let folded = fold(&letter.to_string()).unwrap();
            assert!(folded.chars().all(is_letter), "{letter:?} {folded:?}");
            assert_eq!(fold(&folded).unwrap(), folded, "{letter:?}");
            assert_eq!(fold(&letter.to_uppercase().to_string()).unwrap(), folded, "{letter:?}");
        }
    }
}
