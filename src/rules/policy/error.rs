//! What is wrong with a policy.

use std::fmt;

/// A value of the policy cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    key: String,
    problem: String,
}

impl PolicyError {
    pub(super) fn new(key: &str, problem: &str) -> Self {
        Self { key: key.to_owned(), problem: problem.to_owned() }
    }

    /// The key of the value, as in `session.lifetime_seconds`; empty if the text as a whole is wrong.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            return f.write_str(&self.problem);
        }
        write!(f, "{} {}", self.key, self.problem)
    }
}

impl std::error::Error for PolicyError {}
