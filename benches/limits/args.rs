//! The command line.

use std::path::PathBuf;

use crate::Outcome;

/// What the run was asked for.
#[derive(Debug)]
pub(crate) struct Args {
    only: Vec<String>,
    /// How many guests there are where their number matters.
    pub(crate) guests: u64,
    /// Where to write the picture.
    pub(crate) svg: Option<PathBuf>,
    /// Where to write the table.
    pub(crate) table: Option<PathBuf>,
}

impl Args {
    /// Reads the arguments; `--bench`, which cargo adds, says nothing.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Outcome<Self> {
        let mut args = Self { only: Vec::new(), guests: GUESTS, svg: None, table: None };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--bench" => {}
                "--only" => args.only.extend(value()?.split(',').map(str::to_owned)),
                "--guests" => args.guests = value()?.replace('_', "").parse()?,
                "--svg" => args.svg = Some(value()?.into()),
                "--table" => args.table = Some(value()?.into()),
                _ => return Err(format!("what is {word}? See the top of limits/main.rs").into()),
            }
        }
        if args.guests < MIN_GUESTS {
            return Err(format!("with fewer than {MIN_GUESTS} guests nothing is measured").into());
        }
        Ok(args)
    }

    /// Whether a line, or any line of a group, was asked for: by its name, by that of its group, or
    /// because nothing was named.
    pub(crate) fn wants(&self, name: &str) -> bool {
        let is_part = |part: &str, whole: &str| {
            part.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.only.is_empty()
            || self.only.iter().any(|only| is_part(name, only) || is_part(only, name))
    }
}

/// A large application; ten times as many are the next question.
const GUESTS: u64 = 1_000_000;
const MIN_GUESTS: u64 = 20_000;
