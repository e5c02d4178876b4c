//! Mistakes that a backend can have.

use async_trait::async_trait;
use guestpass::model::{Epoch, Method, Session, SessionId, SessionKind, TokenDigest, User, UserId};
use guestpass::store::conformance::BACKEND_LAWS;
use guestpass::store::memory::MemoryBackend;
use guestpass::store::{
    Atomicity, Backend, LandError, Landing, SessionStore, SessionUse, StoreError, UserStore,
};

use super::{Answer, broken, give_way};

type Resolved = Result<Option<(Session, User)>, StoreError>;

/// A backend in memory, with some of the methods replaced.
#[derive(Debug)]
struct Broken {
    inner: MemoryBackend,
    land: for<'a> fn(&'a MemoryBackend, &'a Landing) -> Answer<'a, Result<(), LandError>>,
    resolve: for<'a> fn(&'a MemoryBackend, &'a TokenDigest) -> Answer<'a, Resolved>,
    record_use: for<'a> fn(&'a MemoryBackend, &'a SessionUse) -> Answer<'a, Result<(), StoreError>>,
    atomicity: Atomicity,
}

fn sound() -> Broken {
    Broken {
        inner: MemoryBackend::new(),
        land: |backend, landing| backend.land(landing),
        resolve: |backend, digest| backend.resolve(digest),
        record_use: |backend, used| backend.record_use(used),
        atomicity: Atomicity::Whole,
    }
}

#[async_trait]
impl Backend for Broken {
    async fn land(&self, landing: &Landing) -> Result<(), LandError> {
        (self.land)(&self.inner, landing).await
    }

    async fn resolve(&self, digest: &TokenDigest) -> Resolved {
        (self.resolve)(&self.inner, digest).await
    }

    async fn record_use(&self, used: &SessionUse) -> Result<(), StoreError> {
        (self.record_use)(&self.inner, used).await
    }

    fn atomicity(&self) -> Atomicity {
        self.atomicity
    }

    fn users(&self) -> &dyn UserStore {
        self.inner.users()
    }

    fn sessions(&self) -> &dyn SessionStore {
        self.inner.sessions()
    }
}

fn breaks(make: fn() -> Broken) -> Vec<&'static str> {
    broken(BACKEND_LAWS, make, |backend| backend)
}

#[test]
fn a_sound_backend_breaks_no_law() {
    assert_eq!(breaks(sound), [""; 0]);
}

#[test]
fn the_session_is_opened_first() {
    let make = || Broken {
        land: |backend, landing| {
            Box::pin(async move {
                if let Some(session) = &landing.open_session {
                    backend.insert(session).await?;
                    give_way().await;
                }
                let rest = Landing { open_session: None, ..landing.clone() };
                backend.land(&rest).await
            })
        },
        ..sound()
    };
    assert_eq!(
        breaks(make),
        [
            "a_spent_nonce_stops_a_landing",
            "a_refused_commit_opens_no_session",
            "one_of_many_landings_wins",
            "no_session_is_seen_before_its_commit",
        ]
    );
}

#[test]
fn the_nonce_is_not_spent() {
    let make = || Broken {
        land: |backend, landing| {
            Box::pin(async move { backend.land(&Landing { spend: None, ..landing.clone() }).await })
        },
        ..sound()
    };
    assert_eq!(
        breaks(make),
        [
            "a_landing_does_all_three",
            "the_doors_lead_to_the_same_data",
            "a_spent_nonce_stops_a_landing",
            "one_of_many_landings_wins",
        ]
    );
}

#[test]
fn the_nonce_is_spent_last() {
    let make = || Broken {
        land: |backend, landing| {
            Box::pin(async move {
                backend.land(&Landing { spend: None, ..landing.clone() }).await?;
                backend.land(&Landing { spend: landing.spend, ..Landing::default() }).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["a_spent_nonce_stops_a_landing", "one_of_many_landings_wins"]);
}

#[test]
fn a_refused_landing_has_spent_what_it_says_it_has_not() {
    let make = || Broken {
        land: |backend, landing| {
            Box::pin(async move {
                backend.land(&Landing { spend: landing.spend, ..Landing::default() }).await?;
                backend.land(&Landing { spend: None, ..landing.clone() }).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["a_refused_landing_leaves_what_it_says"]);
}

#[test]
fn a_refused_landing_has_not_spent_what_it_says_it_has() {
    let make = || Broken { atomicity: Atomicity::Stepwise, ..sound() };
    assert_eq!(breaks(make), ["a_refused_landing_leaves_what_it_says"]);
}

#[test]
fn no_session_is_opened_without_a_commit() {
    let make = || Broken {
        land: |backend, landing| {
            Box::pin(async move {
                let commits = landing.commit.is_some();
                let open_session = landing.open_session.clone().filter(|_| commits);
                backend.land(&Landing { open_session, ..landing.clone() }).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["any_part_of_a_landing_may_be_left_out"]);
}

#[test]
fn no_session_is_moved() {
    let make = || Broken {
        land: |backend, landing| {
            Box::pin(async move {
                backend.land(&Landing { move_session: None, ..landing.clone() }).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["a_landing_moves_a_session"]);
}

#[test]
fn a_session_that_is_gone_is_moved_back() {
    let make = || Broken {
        land: |backend, landing| {
            Box::pin(async move {
                backend.land(landing).await?;
                if let Some(session) = &landing.move_session
                    && backend.session(&session.digest).await?.is_none()
                {
                    backend.insert(session).await?;
                }
                Ok(())
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["a_session_that_is_gone_is_not_moved_back"]);
}

#[test]
fn a_session_is_moved_whether_or_not_the_commit_lands() {
    let make = || Broken {
        land: |backend, landing| {
            Box::pin(async move {
                if let Some(session) = &landing.move_session {
                    backend.rotate(&session.digest, session).await?;
                }
                backend.land(&Landing { move_session: None, ..landing.clone() }).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["a_refused_landing_moves_no_session"]);
}

#[test]
fn a_session_without_a_user_is_nobodys() {
    let make = || Broken {
        resolve: |backend, digest| {
            Box::pin(async move { Ok(backend.resolve(digest).await.unwrap_or(None)) })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["nothing_resolves_without_a_user"]);
}

/// The user is read first, and a landing may come between.
#[test]
fn a_resolution_shows_two_instants() {
    let make = || Broken {
        resolve: |backend, digest| {
            Box::pin(async move {
                let number = digest.as_bytes()[0] % 100;
                let id = UserId::from_bytes([number; 16]);
                let user = backend.user(id).await?;
                give_way().await;
                let session = backend.session(digest).await?;
                match (session, user) {
                    (None, _) => Ok(None),
                    (Some(session), Some(user)) => Ok(Some((session, user))),
                    (Some(_), None) => Err(StoreError::corrupt("a session belongs to no user")),
                }
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["no_session_is_seen_before_its_commit"]);
}

#[test]
fn no_use_is_recorded() {
    let make = || Broken { record_use: |_, _| Box::pin(async { Ok(()) }), ..sound() };
    assert_eq!(breaks(make), ["a_noted_use_is_there_after_a_later_write"]);
}

#[test]
fn a_use_is_recorded_though_the_fence_is_stale() {
    let make = || Broken {
        record_use: |backend, used| {
            Box::pin(async move {
                backend.record_use(used).await?;
                backend.record_access(&used.digest, used.accessed_at, used.ends_at).await?;
                Ok(())
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["a_use_without_its_fence_is_not_recorded"]);
}

#[test]
fn a_use_brings_a_session_back() {
    let make = || Broken {
        record_use: |backend, used| {
            Box::pin(async move {
                if backend.session(&used.digest).await?.is_none() {
                    let gone = made_up(used);
                    backend.insert(&gone).await?;
                }
                backend.record_use(used).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["a_use_brings_no_session_back"]);
}

/// A session as somebody might make it up who has nothing but the use of it.
fn made_up(used: &SessionUse) -> Session {
    Session {
        digest: used.digest,
        id: SessionId::from_bytes([1; 16]),
        user: UserId::from_bytes([1; 16]),
        epoch: Epoch::from_bytes([1; 8]),
        kind: SessionKind::Cookie,
        method: Method::Anonymous,
        created_at: used.accessed_at,
        accessed_at: used.accessed_at,
        ends_at: used.ends_at,
    }
}
