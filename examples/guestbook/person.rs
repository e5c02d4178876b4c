//! How a person is shown: a name and a colour, chosen or given.

use guestpass::model::UserId;

use super::text::DisplayName;

/// What a person has chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Preferences {
    pub(crate) display_name: Option<DisplayName>,
    pub(crate) colour: Option<Colour>,
}

/// How a person is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) name: String,
    pub(crate) colour: Colour,
}

impl Look {
    /// The look of `user`. What the person has not chosen follows from the `sub`, and so stays the
    /// same when a guest signs up.
    pub(crate) fn of(user: UserId, preferences: &Preferences) -> Self {
        // The last bytes of a `sub` are random.
        let [.., first, second] = *user.as_bytes();
        let name = match &preferences.display_name {
            Some(name) => name.as_str().to_owned(),
            None => format!("{} {}", pick(&MOODS, first), pick(&BIRDS, second)),
        };
        let given = || *pick(&Colour::ALL, first ^ second);
        Self { name, colour: preferences.colour.unwrap_or_else(given) }
    }

    /// What stands in the round mark beside the name.
    pub(crate) fn initial(&self) -> String {
        self.name.chars().next().into_iter().flat_map(char::to_uppercase).collect()
    }
}

/// The colours to choose from. Each is readable on a light and on a dark page, which a colour typed
/// in by hand would not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Slate,
    Moss,
    Teal,
    Ocean,
    Violet,
    Plum,
    Rose,
    Amber,
}

impl Colour {
    pub(crate) const ALL: [Self; 8] = [
        Self::Slate,
        Self::Moss,
        Self::Teal,
        Self::Ocean,
        Self::Violet,
        Self::Plum,
        Self::Rose,
        Self::Amber,
    ];

    /// The name, as it is in forms, in the database and in the style sheet.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Slate => "slate",
            Self::Moss => "moss",
            Self::Teal => "teal",
            Self::Ocean => "ocean",
            Self::Violet => "violet",
            Self::Plum => "plum",
            Self::Rose => "rose",
            Self::Amber => "amber",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|colour| colour.name() == name)
    }
}

fn pick<T>(choices: &[T], byte: u8) -> &T {
    &choices[usize::from(byte) % choices.len()]
}

const MOODS: [&str; 16] = [
    "Quiet", "Bright", "Gentle", "Curious", "Patient", "Merry", "Bold", "Calm", "Early", "Nimble",
    "Steady", "Kind", "Roving", "Sunny", "Clever", "Humble",
];
const BIRDS: [&str; 16] = [
    "Heron", "Wren", "Swift", "Finch", "Plover", "Lark", "Owl", "Robin", "Crane", "Tern", "Magpie",
    "Stork", "Linnet", "Dipper", "Curlew", "Jay",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_chosen_follows_from_the_sub() {
        let user = UserId::from_bytes([9; 16]);
        let look = Look::of(user, &Preferences::default());
        assert_eq!(look, Look { name: "Nimble Tern".to_owned(), colour: Colour::Slate });
        let chosen = Preferences {
            display_name: DisplayName::parse("ångström").ok().flatten(),
            colour: Some(Colour::Rose),
        };
        let look = Look::of(user, &chosen);
        assert_eq!((look.initial().as_str(), look.colour), ("Å", Colour::Rose));
    }

    #[test]
    fn every_colour_is_found_by_its_name() {
        for colour in Colour::ALL {
            assert_eq!(Colour::parse(colour.name()), Some(colour));
        }
        assert_eq!(Colour::parse("red;background:url(x)"), None);
    }
}
