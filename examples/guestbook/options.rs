//! The command line.

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// To run the site.
    Serve(Options),
    /// To say what the flags are.
    Help,
}

/// How the site is to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) listen: Listen,
    pub(crate) database: PathBuf,
    pub(crate) config: Option<PathBuf>,
}

/// Where the site is to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    /// On every address that the name `localhost` may lead to.
    Localhost(u16),
    /// On this address.
    Address(SocketAddr),
}

impl Listen {
    fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("localhost:") {
            Some(port) => port.parse().ok().map(Self::Localhost),
            None => text.parse().ok().map(Self::Address),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Localhost(port) => write!(f, "localhost:{port}"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// What is wrong with the command line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OptionsError {
    #[error("there is no flag `{0}`")]
    Unknown(String),
    #[error("`{0}` needs a value")]
    NoValue(&'static str),
    #[error("`{0}` is given twice")]
    Twice(&'static str),
    #[error("`--listen` needs ADDRESS:PORT, such as 127.0.0.1:3000 or localhost:3000, not `{0}`")]
    Listen(String),
    #[error(
        "`--db` needs the name of a file that does not end in `.keyring`, where the keys are kept; \
         not `{0}`"
    )]
    Database(String),
}

impl Command {
    /// Reads the arguments that follow the name of the program.
    pub(crate) fn parse(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, OptionsError> {
        let mut arguments = arguments.into_iter();
        let (mut listen, mut database, mut config) = (None, None, None);
        while let Some(argument) = arguments.next() {
            let argument = argument.to_string_lossy().into_owned();
            let (flag, slot) = match argument.as_str() {
                "--help" | "-h" => return Ok(Self::Help),
                "--listen" => ("--listen", &mut listen),
                "--db" => ("--db", &mut database),
                "--config" => ("--config", &mut config),
                _ => return Err(OptionsError::Unknown(argument)),
            };
            let value = arguments.next().ok_or(OptionsError::NoValue(flag))?;
            if slot.replace(value).is_some() {
                return Err(OptionsError::Twice(flag));
            }
        }
        let listen = match listen {
            Some(text) => {
                let text = text.to_string_lossy();
                Listen::parse(&text).ok_or_else(|| OptionsError::Listen(text.into_owned()))?
            }
            None => Listen::Localhost(DEFAULT_PORT),
        };
        let database = database.map_or_else(|| PathBuf::from(DEFAULT_DATABASE), PathBuf::from);
        // Some file systems take `.KEYRING` for the same.
        let is_keyring =
            database.extension().is_some_and(|end| end.eq_ignore_ascii_case(KEYRING_EXTENSION));
        if database.file_name().is_none() || is_keyring {
            return Err(OptionsError::Database(database.display().to_string()));
        }
        Ok(Self::Serve(Options { listen, database, config: config.map(PathBuf::from) }))
    }
}

/// Where the keys of the database at this path are kept.
pub(crate) fn keyring_beside(database: &Path) -> PathBuf {
    database.with_extension(KEYRING_EXTENSION)
}

const KEYRING_EXTENSION: &str = "keyring";
const DEFAULT_PORT: u16 = 3000;
const DEFAULT_DATABASE: &str = "guestbook.db";

pub(crate) const HELP: &str = "\
The guestbook: a small social site that people use before they sign up.

Usage: guestbook [FLAGS]

  --listen ADDRESS:PORT  where to listen; port 0 takes a free one   [localhost:3000]
  --db FILE              the database; its keys are kept beside it   [guestbook.db]
                         in a file that ends in `.keyring`
  --config FILE          settings of the auth engine, as TOML; what it leaves out is
                         as built in, and its `[[clients]]` replace the built-in ones
  --help                 says this";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Command, OptionsError> {
        Command::parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn nothing_asks_for_the_defaults() {
        let options = Options {
            listen: Listen::Localhost(3000),
            database: PathBuf::from("guestbook.db"),
            config: None,
        };
        assert_eq!(parse(&[]), Ok(Command::Serve(options)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(parse(&["--port"]), Err(OptionsError::Unknown("--port".to_owned())));
        assert_eq!(parse(&["--db"]), Err(OptionsError::NoValue("--db")));
        assert_eq!(parse(&["--db", "a", "--db", "b"]), Err(OptionsError::Twice("--db")));
        assert_eq!(parse(&["--listen", "3000"]), Err(OptionsError::Listen("3000".to_owned())));
        for database in ["", "..", "book.keyring", "book.Keyring"] {
            let refused = Err(OptionsError::Database(database.to_owned()));
            assert_eq!(parse(&["--db", database]), refused);
        }
    }

    #[test]
    fn help_wins_over_what_follows() {
        assert_eq!(parse(&["--help", "--nonsense"]), Ok(Command::Help));
    }
}
