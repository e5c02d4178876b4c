//! What people type, checked once: a message, a display name.

/// The text of a message: not blank, of limited length, without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message(String);

/// The name that a person wants to be shown under: one line, of limited length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DisplayName(String);

/// Why a text is refused; written for the person who typed it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TextError {
    #[error("Write something first.")]
    Blank,
    #[error("That is {length} characters. At most {limit} fit.")]
    TooLong { length: usize, limit: usize },
}

impl Message {
    /// Most characters of a message.
    pub(crate) const MAX_CHARACTERS: usize = 500;

    /// The message in `text`, as a form or an API brings it.
    pub(crate) fn parse(text: &str) -> Result<Self, TextError> {
        // Forms send a line break as two characters; it counts as the one that was typed.
        let text = clean(&text.replace("\r\n", "\n"), &['\n', '\t']);
        if text.is_empty() {
            return Err(TextError::Blank);
        }
        limited(text, Self::MAX_CHARACTERS).map(Self)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl DisplayName {
    /// Most characters of a display name.
    pub(crate) const MAX_CHARACTERS: usize = 40;

    /// The name in `text`; `None` if it is blank, which asks for the one that everybody has.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, TextError> {
        let text = clean(text, &[]);
        if text.is_empty() {
            return Ok(None);
        }
        limited(text, Self::MAX_CHARACTERS).map(|text| Some(Self(text)))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn limited(text: String, limit: usize) -> Result<String, TextError> {
    let length = text.chars().count();
    if limit < length {
        return Err(TextError::TooLong { length, limit });
    }
    Ok(text)
}

/// Takes out what cannot be seen but changes how the rest of the page is shown; gives nothing at all
/// if nothing that can be seen is left.
fn clean(text: &str, kept: &[char]) -> String {
    let is_kept = |c: &char| kept.contains(c) || !(c.is_control() || directs(*c));
    let text: String = text.chars().filter(is_kept).collect();
    if text.chars().all(|c| c.is_whitespace() || is_invisible(c)) {
        return String::new();
    }
    text.trim().to_owned()
}

/// Whether the character turns the direction of the text that follows it.
fn directs(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether the character takes no room. Between others it may have its use, as in an emoji.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{2800}'
            | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{3164}' | '\u{feff}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// How long ago something was, in words.
pub(crate) fn ago(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..60 => return "just now".to_owned(),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_in_characters() {
        let longest = "é".repeat(Message::MAX_CHARACTERS);
        assert_eq!(Message::parse(&longest).map(|message| message.0), Ok(longest.clone()));
        assert_eq!(
            Message::parse(&format!("{longest}é")),
            Err(TextError::TooLong { length: 501, limit: 500 })
        );
    }

    #[test]
    fn a_line_break_of_a_form_counts_once() {
        let text = format!("{}a", "a\r\n".repeat(249));
        assert!(Message::parse(&text).is_ok());
    }

    #[test]
    fn what_cannot_be_seen_is_blank() {
        for text in ["", " \r\n\t ", "\u{200b}\u{feff}", "\0\u{7}", "\u{3164}"] {
            assert_eq!(Message::parse(text), Err(TextError::Blank), "{text:?}");
            assert_eq!(DisplayName::parse(text), Ok(None), "{text:?}");
        }
    }

    #[test]
    fn emoji_of_several_characters_stay_whole() {
        let family = "👩\u{200d}👧\u{fe0f}";
        assert_eq!(Message::parse(family).map(|message| message.0), Ok(family.to_owned()));
    }

    #[test]
    fn a_name_cannot_turn_the_page_around() {
        let name = DisplayName::parse("a\u{202e}b\nc").ok().flatten();
        assert_eq!(name.map(|name| name.0).as_deref(), Some("abc"));
    }

    #[test]
    fn ages_are_said_in_the_largest_unit() {
        assert_eq!(ago(59), "just now");
        assert_eq!(ago(60), "1 minute ago");
        assert_eq!(ago(7200), "2 hours ago");
        assert_eq!(ago(200_000), "2 days ago");
    }
}
