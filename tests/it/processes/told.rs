//! What a process tells: one line for everything that was acknowledged.

use guestpass::SignInOutcome;
use guestpass::credential::SessionToken;
use guestpass::model::UserId;

use crate::support::Held;

/// What a process says when it has the file open.
pub(super) const READY: &str = "> ready";

/// One thing that was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    /// Somebody was signed up, by this device if by any.
    SignedUp {
        user: UserId,
        device: Option<u8>,
    },
    SignedIn {
        user: UserId,
    },
    Promoted {
        user: UserId,
    },
    Merged {
        guest: UserId,
        into: UserId,
    },
    Deleted {
        user: UserId,
    },
    /// The session with this token was signed out.
    SignedOut {
        token: String,
    },
}

/// Everything that a process was told.
#[derive(Debug, Default)]
pub(super) struct Told(pub(super) Vec<Fact>);

impl Fact {
    /// Somebody was let in.
    pub(super) fn of(held: &Held, device: Option<u8>) -> Self {
        let user = held.user;
        match held.outcome {
            SignInOutcome::SignedUp => Self::SignedUp { user, device },
            SignInOutcome::SignedIn => Self::SignedIn { user },
            SignInOutcome::Promoted => Self::Promoted { user },
            SignInOutcome::Merged { guest } => Self::Merged { guest, into: user },
            other => panic!("{other:?}"),
        }
    }

    /// Somebody was signed out.
    pub(super) fn signed_out(token: &SessionToken) -> Self {
        Self::SignedOut { token: token.reveal().to_string() }
    }

    /// The line that tells it. The harness of the tests may be in the middle of one.
    pub(super) fn line(&self) -> String {
        let words = match self {
            Self::SignedUp { user, device: None } => format!("signed-up {user}"),
            Self::SignedUp { user, device: Some(device) } => format!("signed-up {user} {device}"),
            Self::SignedIn { user } => format!("signed-in {user}"),
            Self::Promoted { user } => format!("promoted {user}"),
            Self::Merged { guest, into } => format!("merged {guest} {into}"),
            Self::Deleted { user } => format!("deleted {user}"),
            Self::SignedOut { token } => format!("signed-out {token}"),
        };
        format!("\n> {words}\n")
    }

    fn read(line: &str) -> Self {
        let words: Vec<&str> = line.split(' ').collect();
        let user = |at: usize| words[at].parse().unwrap();
        match words[..] {
            ["signed-up", _] => Self::SignedUp { user: user(1), device: None },
            ["signed-up", _, device] => {
                Self::SignedUp { user: user(1), device: Some(device.parse().unwrap()) }
            }
            ["signed-in", _] => Self::SignedIn { user: user(1) },
            ["promoted", _] => Self::Promoted { user: user(1) },
            ["merged", _, _] => Self::Merged { guest: user(1), into: user(2) },
            ["deleted", _] => Self::Deleted { user: user(1) },
            ["signed-out", token] => Self::SignedOut { token: token.to_owned() },
            _ => panic!("not a fact: {line}"),
        }
    }
}

impl Told {
    pub(super) fn read(log: &str) -> Self {
        let lines = log.lines().filter(|line| *line != READY);
        Self(lines.filter_map(|line| line.strip_prefix("> ")).map(Fact::read).collect())
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len() as u64
    }
}

#[test]
fn every_fact_is_read_as_it_was_told() {
    let [user, into] = [1, 2].map(|number| UserId::from_bytes([number; 16]));
    let facts = [
        Fact::SignedUp { user, device: None },
        Fact::SignedUp { user, device: Some(3) },
        Fact::SignedIn { user },
        Fact::Promoted { user },
        Fact::Merged { guest: user, into },
        Fact::Deleted { user },
        Fact::SignedOut { token: "token".to_owned() },
    ];
    let log: String = facts.iter().map(Fact::line).collect();
    assert_eq!(Told::read(&format!("running 1 test\n{READY}\n{log}")).0, facts);
}
