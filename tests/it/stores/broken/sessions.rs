//! Mistakes that a session store can have.

use async_trait::async_trait;
use guestpass::model::{
    ClientId, Epoch, Session, SessionId, SessionKind, Timestamp, TokenDigest, UserId,
};
use guestpass::store::conformance::SESSION_STORE_LAWS;
use guestpass::store::memory::MemorySessions;
use guestpass::store::{Memory, Nonce, SessionStore, StoreError};

use super::{Answer, broken, give_way};

type Fallible<'a, T> = Answer<'a, Result<T, StoreError>>;
type Listed<'a> = Fallible<'a, Vec<Session>>;
type OfUser = for<'a> fn(
    &'a MemorySessions,
    UserId,
    Epoch,
    Option<&'a SessionKind>,
    Option<SessionId>,
    u32,
) -> Listed<'a>;

/// Sessions in memory, with some of the methods replaced.
#[derive(Debug)]
struct Sessions {
    inner: MemorySessions,
    insert: for<'a> fn(&'a MemorySessions, &'a Session) -> Fallible<'a, ()>,
    record_access:
        for<'a> fn(&'a MemorySessions, &'a TokenDigest, Timestamp, Timestamp) -> Fallible<'a, bool>,
    remove: for<'a> fn(&'a MemorySessions, &'a TokenDigest) -> Fallible<'a, bool>,
    remove_by_id: for<'a> fn(&'a MemorySessions, UserId, SessionId) -> Fallible<'a, bool>,
    of_user: OfUser,
    rotate: for<'a> fn(&'a MemorySessions, &'a TokenDigest, &'a Session) -> Fallible<'a, bool>,
    shorten: for<'a> fn(&'a MemorySessions, UserId, Epoch, Timestamp, u32) -> Fallible<'a, u32>,
    spend: for<'a> fn(&'a MemorySessions, &'a Nonce, Timestamp) -> Fallible<'a, bool>,
    sweep: for<'a> fn(&'a MemorySessions, Timestamp, u32) -> Fallible<'a, u32>,
}

fn sound() -> Sessions {
    Sessions {
        inner: MemorySessions::new(),
        insert: |sessions, session| sessions.insert(session),
        record_access: |sessions, digest, at, until| sessions.record_access(digest, at, until),
        remove: |sessions, digest| sessions.remove(digest),
        remove_by_id: |sessions, user, id| sessions.remove_by_id(user, id),
        of_user: |sessions, user, epoch, kind, after, limit| {
            sessions.of_user(user, epoch, kind, after, limit)
        },
        rotate: |sessions, old, new| sessions.rotate(old, new),
        shorten: |sessions, user, epoch, until, limit| sessions.shorten(user, epoch, until, limit),
        spend: |sessions, nonce, until| sessions.spend(nonce, until),
        sweep: |sessions, before, limit| sessions.sweep(before, limit),
    }
}

#[async_trait]
impl SessionStore for Sessions {
    async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        (self.insert)(&self.inner, session).await
    }

    async fn session(&self, digest: &TokenDigest) -> Result<Option<Session>, StoreError> {
        self.inner.session(digest).await
    }

    async fn record_access(
        &self,
        digest: &TokenDigest,
        accessed_at: Timestamp,
        ends_at: Timestamp,
    ) -> Result<bool, StoreError> {
        (self.record_access)(&self.inner, digest, accessed_at, ends_at).await
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        (self.remove)(&self.inner, digest).await
    }

    async fn remove_by_id(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        (self.remove_by_id)(&self.inner, user, id).await
    }

    async fn of_user(
        &self,
        user: UserId,
        epoch: Epoch,
        kind: Option<&SessionKind>,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Session>, StoreError> {
        (self.of_user)(&self.inner, user, epoch, kind, after, limit).await
    }

    async fn rotate(&self, old: &TokenDigest, new: &Session) -> Result<bool, StoreError> {
        (self.rotate)(&self.inner, old, new).await
    }

    async fn shorten(
        &self,
        user: UserId,
        epoch: Epoch,
        until: Timestamp,
        limit: u32,
    ) -> Result<u32, StoreError> {
        (self.shorten)(&self.inner, user, epoch, until, limit).await
    }

    async fn spend(&self, nonce: &Nonce, until: Timestamp) -> Result<bool, StoreError> {
        (self.spend)(&self.inner, nonce, until).await
    }

    async fn sweep(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        (self.sweep)(&self.inner, before, limit).await
    }

    fn remembers_spent(&self) -> Memory {
        self.inner.remembers_spent()
    }
}

fn breaks(make: fn() -> Sessions) -> Vec<&'static str> {
    broken(SESSION_STORE_LAWS, make, |store| store)
}

#[test]
fn a_sound_store_breaks_no_law() {
    assert_eq!(breaks(sound), [""; 0]);
}

/// As a column does that is too short.
#[test]
fn long_names_of_clients_are_cut() {
    let make = || Sessions {
        insert: |sessions, session| {
            Box::pin(async move {
                let kind = match &session.kind {
                    SessionKind::Refresh(client) => {
                        let cut = client.as_str().get(..64).and_then(ClientId::parse);
                        SessionKind::Refresh(cut.unwrap_or(client.clone()))
                    }
                    SessionKind::Cookie => SessionKind::Cookie,
                };
                sessions.insert(&Session { kind, ..session.clone() }).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["a_session_reads_back"]);
}

/// As a column does that has no sign.
#[test]
fn time_begins_in_1970() {
    let make = || Sessions {
        insert: |sessions, session| {
            Box::pin(async move {
                let created_at = session.created_at.max(Timestamp::EPOCH);
                sessions.insert(&Session { created_at, ..session.clone() }).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["odd_times_read_back"]);
}

#[test]
fn adding_replaces() {
    let make = || Sessions {
        insert: |sessions, session| {
            Box::pin(async move {
                sessions.remove(&session.digest).await?;
                sessions.remove_by_id(session.user, session.id).await?;
                sessions.insert(session).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["a_second_session_is_refused"]);
}

/// A well-known session layer did this: a request in flight undid a sign-out.
#[test]
fn a_use_saves_the_whole_session_again() {
    let make = || Sessions {
        record_access: |sessions, digest, accessed_at, ends_at| {
            Box::pin(async move {
                let Some(session) = sessions.session(digest).await? else {
                    return Ok(false);
                };
                give_way().await;
                if accessed_at < session.accessed_at {
                    return Ok(true);
                }
                sessions.remove(digest).await?;
                sessions.insert(&Session { accessed_at, ends_at, ..session }).await?;
                Ok(true)
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["a_race_brings_no_session_back"]);
}

#[test]
fn an_earlier_use_is_recorded() {
    let make = || Sessions {
        record_access: |sessions, digest, accessed_at, ends_at| {
            Box::pin(async move {
                let Some(session) = sessions.session(digest).await? else {
                    return Ok(false);
                };
                sessions.rotate(digest, &Session { accessed_at, ends_at, ..session }).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["a_use_is_recorded"]);
}

#[test]
fn a_use_only_lengthens() {
    let make = || Sessions {
        record_access: |sessions, digest, accessed_at, ends_at| {
            Box::pin(async move {
                let session = sessions.session(digest).await?;
                let ends_at = session.map_or(ends_at, |session| session.ends_at.max(ends_at));
                sessions.record_access(digest, accessed_at, ends_at).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["a_use_is_recorded"]);
}

#[test]
fn removing_only_ends() {
    let make = || Sessions {
        remove: |sessions, digest| {
            Box::pin(async move {
                sessions.record_access(digest, Timestamp::MAX, Timestamp::EPOCH).await
            })
        },
        ..sound()
    };
    assert_eq!(
        breaks(make),
        [
            "a_removed_session_stays_removed",
            "a_race_brings_no_session_back",
            "an_abandoned_session_is_whole_or_nothing",
        ]
    );
}

#[test]
fn an_id_removes_anybodys_session() {
    let make = || Sessions {
        remove_by_id: |sessions, _, id| {
            Box::pin(async move {
                let mut was_there = false;
                for user in [1, 2].map(|number| UserId::from_bytes([number; 16])) {
                    was_there |= sessions.remove_by_id(user, id).await?;
                }
                Ok(was_there)
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["an_id_removes_its_own_users_session"]);
}

#[test]
fn sessions_of_all_epochs_are_listed() {
    let make = || Sessions {
        of_user: |sessions, user, _, kind, after, limit| {
            Box::pin(async move {
                let mut all = Vec::new();
                for epoch in (0..10).map(|number| Epoch::from_bytes([number; 8])) {
                    all.extend(sessions.of_user(user, epoch, kind, after, limit).await?);
                }
                all.sort_by_key(|session| session.id);
                all.truncate(usize::try_from(limit).unwrap());
                Ok(all)
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["only_the_epochs_sessions_are_listed"]);
}

#[test]
fn a_portion_is_taken_before_the_epoch_is_looked_at() {
    let make = || Sessions {
        of_user: |sessions, user, epoch, kind, after, limit| {
            Box::pin(async move {
                let mut listed = sessions.of_user(user, epoch, kind, after, limit).await?;
                // As if another epoch's session had taken the last place.
                if epoch == Epoch::from_bytes([0; 8]) && listed.len() == 2 {
                    listed.pop();
                }
                Ok(listed)
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["only_the_epochs_sessions_are_listed"]);
}

#[test]
fn sessions_of_all_kinds_are_listed() {
    let make = || Sessions {
        of_user: |sessions, user, epoch, _, after, limit| {
            sessions.of_user(user, epoch, None, after, limit)
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["only_sessions_of_the_kind_are_listed"]);
}

/// Whoever has many sessions of one kind seems to have none of another.
#[test]
fn a_portion_is_taken_before_the_kind_is_looked_at() {
    let make = || Sessions {
        of_user: |sessions, user, epoch, kind, after, limit| {
            Box::pin(async move {
                let mut listed = sessions.of_user(user, epoch, None, after, limit).await?;
                listed.retain(|session| kind.is_none_or(|kind| session.kind == *kind));
                Ok(listed)
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["only_sessions_of_the_kind_are_listed"]);
}

#[test]
fn sessions_are_listed_by_their_digests() {
    let make = || Sessions {
        of_user: |sessions, user, epoch, kind, after, limit| {
            Box::pin(async move {
                let mut listed = sessions.of_user(user, epoch, kind, after, limit).await?;
                listed.sort_by_key(|session| session.digest);
                Ok(listed)
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["sessions_are_listed_in_portions"]);
}

#[test]
fn rotating_adds_anyway() {
    let make = || Sessions {
        rotate: |sessions, old, new| {
            Box::pin(async move {
                let was_there = sessions.rotate(old, new).await?;
                if !was_there {
                    let _ = sessions.insert(new).await;
                }
                Ok(was_there)
            })
        },
        ..sound()
    };
    assert_eq!(
        breaks(make),
        [
            "an_unknown_session_is_absent",
            "a_removed_session_stays_removed",
            "one_of_many_rotations_wins",
        ]
    );
}

#[test]
fn rotating_takes_two_steps() {
    let make = || Sessions {
        rotate: |sessions, old, new| {
            Box::pin(async move {
                let Some(before) = sessions.session(old).await? else {
                    return Ok(false);
                };
                give_way().await;
                sessions.remove(old).await?;
                if let Err(error) = sessions.insert(new).await {
                    sessions.insert(&before).await?;
                    return Err(error);
                }
                Ok(true)
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["one_of_many_rotations_wins"]);
}

#[test]
fn a_rotated_session_lives_on() {
    let make = || Sessions {
        rotate: |sessions, old, new| {
            Box::pin(async move {
                let before = sessions.session(old).await?;
                let was_there = sessions.rotate(old, new).await?;
                if let Some(before) = before.filter(|_| was_there && *old != new.digest) {
                    let id = SessionId::from_bytes([77; 16]);
                    let _ = sessions.insert(&Session { id, ..before }).await;
                }
                Ok(was_there)
            })
        },
        ..sound()
    };
    assert_eq!(
        breaks(make),
        [
            "a_rotated_session_has_its_new_digest",
            "one_of_many_rotations_wins",
            "a_moved_end_is_swept",
        ]
    );
}

#[test]
fn a_refused_rotation_removes() {
    let make = || Sessions {
        rotate: |sessions, old, new| {
            Box::pin(async move {
                let outcome = sessions.rotate(old, new).await;
                if outcome.is_err() {
                    sessions.remove(old).await?;
                }
                outcome
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["a_rotation_onto_another_session_is_refused"]);
}

#[test]
fn all_sessions_are_shortened() {
    let make = || Sessions {
        shorten: |sessions, user, _, until, limit| {
            Box::pin(async move {
                let mut shortened = 0;
                for epoch in (0..10).map(|number| Epoch::from_bytes([number; 8])) {
                    let left = limit - shortened;
                    shortened += sessions.shorten(user, epoch, until, left).await?;
                }
                Ok(shortened)
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["only_the_epochs_sessions_are_shortened"]);
}

/// With a note that is out of date, this ends sessions that live.
#[test]
fn the_sessions_of_all_other_epochs_are_shortened() {
    let make = || Sessions {
        shorten: |sessions, user, spared, until, limit| {
            Box::pin(async move {
                let mut shortened = 0;
                let epochs = (0..10).map(|number| Epoch::from_bytes([number; 8]));
                for epoch in epochs.filter(|epoch| *epoch != spared) {
                    let left = limit - shortened;
                    shortened += sessions.shorten(user, epoch, until, left).await?;
                }
                Ok(shortened)
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["only_the_epochs_sessions_are_shortened"]);
}

#[test]
fn a_nonce_is_spent_in_two_steps() {
    let make = || Sessions {
        spend: |sessions, nonce, until| {
            Box::pin(async move {
                // A marker beside the nonce is looked at first, and the nonce marked after.
                let marker = SessionId::from_bytes(nonce.0);
                let user = UserId::from_bytes([0xcc; 16]);
                let epoch = Epoch::from_bytes([0xcc; 8]);
                let is_first = sessions.of_user(user, epoch, None, None, 100).await?;
                let is_first = is_first.iter().all(|session| session.id != marker);
                give_way().await;
                let is_spent = !sessions.spend(nonce, until).await?;
                if is_spent && is_first {
                    return Ok(true);
                }
                Ok(!is_spent)
            })
        },
        ..sound()
    };
    let broken = breaks(make);
    assert!(broken.contains(&"one_of_many_spends_a_nonce"), "{broken:?}");
}

#[test]
fn a_nonce_is_spent_once_for_each_time() {
    let make = || Sessions {
        spend: |sessions, nonce, until| {
            Box::pin(async move {
                let mut other = *nonce;
                let time = until.as_millis().to_be_bytes();
                other.0.iter_mut().zip(time).for_each(|(byte, time)| *byte ^= time);
                sessions.spend(&other, until).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["a_nonce_is_spent_once"]);
}

#[test]
fn a_sweep_takes_the_time_itself() {
    let make = || Sessions {
        sweep: |sessions, before, limit| {
            let before = Timestamp::from_millis(before.as_millis().saturating_add(1));
            sessions.sweep(before, limit)
        },
        ..sound()
    };
    assert_eq!(
        breaks(make),
        ["only_what_ended_is_swept", "a_spent_nonce_is_remembered_until_its_time"]
    );
}

#[test]
fn a_sweep_knows_no_limit() {
    let make = || Sessions { sweep: |sessions, before, _| sessions.sweep(before, 1000), ..sound() };
    assert_eq!(
        breaks(make),
        ["only_what_ended_is_swept", "a_spent_nonce_is_remembered_until_its_time"]
    );
}
