//! How sessions were opened, kept once for all that were opened alike.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::{Method, Session, SessionKind};

/// What very many sessions have in common.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Opening {
    pub(super) kind: SessionKind,
    pub(super) method: Method,
}

/// Each way in which a session that is kept was opened.
#[derive(Debug, Default)]
pub(super) struct Openings(HashSet<Arc<Opening>>);

impl Openings {
    /// How this session was opened.
    pub(super) fn of(&mut self, session: &Session) -> Arc<Opening> {
        let opening = Opening { kind: session.kind.clone(), method: session.method };
        if let Some(known) = self.0.get(&opening) {
            return Arc::clone(known);
        }
        let opening = Arc::new(opening);
        self.0.insert(Arc::clone(&opening));
        opening
    }

    /// Forgets how a session was opened that is not kept any more, unless another was opened alike.
    pub(super) fn release(&mut self, opening: &Arc<Opening>) {
        // One is ours and one is the session's. Nobody else makes any meanwhile: readers copy the text.
        if Arc::strong_count(opening) == 2 {
            self.0.remove(opening);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ClientId, Epoch, SessionId, Timestamp, TokenDigest, UserId};

    fn session(kind: SessionKind) -> Session {
        Session {
            digest: TokenDigest::from_bytes([1; 32]),
            id: SessionId::from_bytes([2; 16]),
            user: UserId::from_bytes([3; 16]),
            epoch: Epoch::from_bytes([4; 8]),
            kind,
            method: Method::Password,
            created_at: Timestamp::EPOCH,
            accessed_at: Timestamp::EPOCH,
            ends_at: Timestamp::EPOCH,
        }
    }

    #[test]
    fn an_opening_is_kept_once_and_as_long_as_a_session_has_it() {
        let client = || session(SessionKind::Refresh(ClientId::parse("app").unwrap()));
        let mut openings = Openings::default();
        let (one, other) = (openings.of(&client()), openings.of(&client()));
        assert!(Arc::ptr_eq(&one, &other));
        let cookie = openings.of(&session(SessionKind::Cookie));
        assert_eq!(openings.0.len(), 2);
        openings.release(&one);
        drop(one);
        assert_eq!(openings.0.len(), 2, "another session has it");
        openings.release(&other);
        drop(other);
        openings.release(&cookie);
        assert!(openings.0.is_empty());
    }
}
