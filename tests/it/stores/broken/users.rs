//! Mistakes that a user store can have.

mod rows;

use async_trait::async_trait;
use guestpass::model::{
    Account, Commit, Event, EventCursor, Expect, IdentityKey, KeyName, KeyRecord, LoginId,
    LoginIdType, Timestamp, User, UserId, Write,
};
use guestpass::store::conformance::USER_STORE_LAWS;
use guestpass::store::memory::MemoryUsers;
use guestpass::store::{CommitError, Lookup, StoreError, UserStore};

use super::{Answer, broken, give_way};

type Told = Vec<(EventCursor, Event)>;
type Fallible<'a, T> = Answer<'a, Result<T, StoreError>>;

/// Users in memory, with some of the methods replaced.
#[derive(Debug)]
struct Users {
    inner: MemoryUsers,
    commit: for<'a> fn(&'a MemoryUsers, &'a Commit) -> Answer<'a, Result<(), CommitError>>,
    load: for<'a> fn(&'a MemoryUsers, Lookup<'a>) -> Fallible<'a, Option<Account>>,
    key: for<'a> fn(&'a MemoryUsers, KeyName<'a>) -> Fallible<'a, Option<KeyRecord>>,
    ended: for<'a> fn(&'a MemoryUsers, Timestamp, u32) -> Fallible<'a, Vec<UserId>>,
    events: for<'a> fn(&'a MemoryUsers, EventCursor, u32) -> Fallible<'a, Told>,
    forget_events: for<'a> fn(&'a MemoryUsers, EventCursor, u32) -> Fallible<'a, u32>,
    is_empty: for<'a> fn(&'a MemoryUsers) -> Fallible<'a, bool>,
}

fn sound() -> Users {
    Users {
        inner: MemoryUsers::new(),
        commit: |users, commit| users.commit(commit),
        load: |users, by| users.load(by),
        key: |users, name| users.key(name),
        ended: |users, before, limit| users.ended(before, limit),
        events: |users, after, limit| users.events(after, limit),
        forget_events: |users, through, limit| users.forget_events(through, limit),
        is_empty: |users| users.is_empty(),
    }
}

#[async_trait]
impl UserStore for Users {
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.inner.user(id).await
    }

    async fn load(&self, by: Lookup<'_>) -> Result<Option<Account>, StoreError> {
        (self.load)(&self.inner, by).await
    }

    async fn key(&self, name: KeyName<'_>) -> Result<Option<KeyRecord>, StoreError> {
        (self.key)(&self.inner, name).await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), CommitError> {
        (self.commit)(&self.inner, commit).await
    }

    async fn ended(&self, before: Timestamp, limit: u32) -> Result<Vec<UserId>, StoreError> {
        (self.ended)(&self.inner, before, limit).await
    }

    async fn events(
        &self,
        after: EventCursor,
        limit: u32,
    ) -> Result<Vec<(EventCursor, Event)>, StoreError> {
        (self.events)(&self.inner, after, limit).await
    }

    async fn forget_events(&self, through: EventCursor, limit: u32) -> Result<u32, StoreError> {
        (self.forget_events)(&self.inner, through, limit).await
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        (self.is_empty)(&self.inner).await
    }
}

fn breaks(make: fn() -> Users) -> Vec<&'static str> {
    broken(USER_STORE_LAWS, make, |store| store)
}

/// The commit as it would be had its maker seen the user as it stands.
async fn refreshed(users: &MemoryUsers, commit: &Commit) -> Commit {
    let current = users.user(commit.user).await.ok().flatten();
    let expect = current.map_or(commit.expect, |user| Expect::At(user.version));
    Commit { expect, ..commit.clone() }
}

fn without(commit: &Commit, is_lost: fn(&Write) -> bool) -> Commit {
    let writes = commit.writes.iter().filter(|write| !is_lost(write)).cloned().collect();
    Commit { writes, ..commit.clone() }
}

#[test]
fn a_sound_store_breaks_no_law() {
    assert_eq!(breaks(sound), [""; 0]);
}

#[test]
fn the_last_writer_wins() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move {
                let is_versioned = matches!(commit.expect, Expect::At(_));
                let commit =
                    if is_versioned { refreshed(users, commit).await } else { commit.clone() };
                users.commit(&commit).await
            })
        },
        ..sound()
    };
    assert_eq!(
        breaks(make),
        [
            "a_stale_version_is_refused",
            "one_of_many_commits_wins",
            "an_abandoned_commit_is_whole_or_nothing",
            "staleness_is_told_first",
            "a_refused_commit_leaves_no_event",
        ]
    );
}

#[test]
fn the_version_is_checked_before_the_write_and_not_with_it() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move {
                let current = users.user(commit.user).await?.map(|user| user.version);
                if let (Expect::At(expected), Some(current)) = (commit.expect, current) {
                    if expected != current {
                        return Err(CommitError::Stale);
                    }
                    give_way().await;
                    return users.commit(&refreshed(users, commit).await).await;
                }
                users.commit(commit).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["one_of_many_commits_wins"]);
}

#[test]
fn the_other_user_is_overlooked() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move { users.commit(&Commit { also: None, ..commit.clone() }).await })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["the_other_user_is_checked"]);
}

#[test]
fn the_epoch_is_overlooked() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move {
                match commit.expect {
                    Expect::Epoch(_) => users.commit(&refreshed(users, commit).await).await,
                    Expect::Absent | Expect::At(_) => users.commit(commit).await,
                }
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["an_expected_epoch_is_compared"]);
}

#[test]
fn signing_up_replaces() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move {
                match commit.expect {
                    Expect::Absent => users.commit(&refreshed(users, commit).await).await,
                    Expect::Epoch(_) | Expect::At(_) => users.commit(commit).await,
                }
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["a_second_sign_up_is_refused"]);
}

#[test]
fn a_silent_commit_counts() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move {
                let user = users.user(commit.user).await?;
                let writes = match user {
                    Some(user) if commit.writes.is_empty() => vec![Write::PutUser(user)],
                    Some(_) | None => commit.writes.clone(),
                };
                users.commit(&Commit { writes, ..commit.clone() }).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["an_expected_epoch_is_compared", "versions_are_counted"]);
}

#[test]
fn what_is_dropped_is_dropped_from_whoever_has_it() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move {
                for write in &commit.writes {
                    if let Write::DropIdentity(key) = write
                        && let Some(holder) = users.load(Lookup::Identity(key)).await?
                        && holder.user.id != commit.user
                    {
                        let drop = vec![write.clone()];
                        let (user, also) = (holder.user.id, None);
                        let expect = Expect::At(holder.user.version);
                        let events = Vec::new();
                        users.commit(&Commit { user, expect, also, writes: drop, events }).await?;
                    }
                }
                users.commit(commit).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["a_drop_leaves_others_alone"]);
}

#[test]
fn a_held_key_is_told_as_stale() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move {
                match users.commit(commit).await {
                    Err(CommitError::Held) => Err(CommitError::Stale),
                    outcome => outcome,
                }
            })
        },
        ..sound()
    };
    assert_eq!(
        breaks(make),
        [
            "anothers_record_is_held",
            "a_held_identity_is_refused_whole",
            "one_of_many_users_gets_an_identity",
            "a_held_key_is_refused",
            "a_retired_key_stays_taken",
        ]
    );
}

#[test]
fn a_held_key_is_told_before_staleness() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move {
                for write in &commit.writes {
                    if let Write::PutIdentity(identity) = write
                        && let key = identity.key()
                        && let Some(holder) = users.load(Lookup::Identity(&key)).await?
                        && holder.user.id != commit.user
                    {
                        return Err(CommitError::Held);
                    }
                }
                users.commit(commit).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["staleness_is_told_first"]);
}

#[test]
fn a_held_identity_leaves_half_a_commit() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move {
                let outcome = users.commit(commit).await;
                if matches!(outcome, Err(CommitError::Held)) {
                    let root = without(commit, |write| !matches!(write, Write::PutUser(_)));
                    let _ = users.commit(&root).await;
                }
                outcome
            })
        },
        ..sound()
    };
    assert_eq!(
        breaks(make),
        ["a_held_identity_is_refused_whole", "a_held_key_is_refused", "a_retired_key_stays_taken"]
    );
}

#[test]
fn retired_keys_are_forgotten() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move {
                users.commit(&without(commit, |write| matches!(write, Write::RetireKey(_)))).await
            })
        },
        ..sound()
    };
    assert_eq!(
        breaks(make),
        [
            "an_account_reads_back",
            "an_abandoned_commit_is_whole_or_nothing",
            "a_held_key_is_refused",
            "a_retired_key_stays_taken",
            "a_key_is_retired_before_or_after_the_drop",
            "a_retired_key_tells_the_outcome",
        ]
    );
}

#[test]
fn a_key_is_retired_only_while_it_is_live() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move {
                let mut is_dropped = false;
                let mut kept = commit.clone();
                kept.writes.retain(|write| {
                    is_dropped |= *write == Write::DropIdentity(IdentityKey::Anonymous);
                    !(is_dropped && matches!(write, Write::RetireKey(_)))
                });
                users.commit(&kept).await
            })
        },
        ..sound()
    };
    assert_eq!(
        breaks(make),
        [
            "an_account_reads_back",
            "an_abandoned_commit_is_whole_or_nothing",
            "a_retired_key_stays_taken",
            "a_key_is_retired_before_or_after_the_drop",
            "a_retired_key_tells_the_outcome",
        ]
    );
}

#[test]
fn dropped_keys_stay_taken() {
    let make = || Users {
        key: |users, name| {
            Box::pin(async move {
                match name {
                    KeyName::Kid("device-key-1") => {
                        let kid = KeyName::Kid("device-key-2");
                        Ok(users.key(name).await?.or(users.key(kid).await?))
                    }
                    KeyName::Kid(_) | KeyName::Thumbprint(_) => users.key(name).await,
                }
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["a_dropped_key_is_free"]);
}

#[test]
fn a_kid_is_cleaned_before_it_is_looked_up() {
    let make = || Users {
        key: |users, name| {
            Box::pin(async move {
                match name {
                    KeyName::Kid(kid) => users.key(KeyName::Kid(kid.trim())).await,
                    KeyName::Thumbprint(_) => users.key(name).await,
                }
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["a_key_is_found_by_both_names"]);
}

#[test]
fn drops_come_after_puts() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move {
                let mut sorted = commit.clone();
                sorted.writes.sort_by_key(|write| {
                    matches!(write, Write::DropIdentity(_) | Write::DropAuthenticator(_))
                });
                users.commit(&sorted).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["writes_are_done_in_order"]);
}

#[test]
fn an_account_is_read_in_two_steps() {
    let make = || Users {
        load: |users, by| {
            Box::pin(async move {
                let Lookup::User(id) = by else {
                    return users.load(by).await;
                };
                let user = users.user(id).await?;
                give_way().await;
                let account = users.load(by).await?;
                Ok(user.zip(account).map(|(user, account)| Account { user, ..account }))
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["no_reader_sees_a_torn_account"]);
}

#[test]
fn login_ids_are_found_in_any_case() {
    let make = || Users {
        load: |users, by| {
            Box::pin(async move {
                match by {
                    Lookup::Identity(IdentityKey::LoginId { kind: LoginIdType::Username, key }) => {
                        let key = key.to_lowercase();
                        let key = IdentityKey::LoginId { kind: LoginIdType::Username, key };
                        users.load(Lookup::Identity(&key)).await
                    }
                    Lookup::Identity(_) | Lookup::User(_) => users.load(by).await,
                }
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["identities_differ_by_every_part", "odd_values_read_back"]);
}

#[test]
fn texts_end_at_the_first_nul() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move {
                let mut cut = commit.clone();
                for write in &mut cut.writes {
                    if let Write::PutIdentity(identity) = write
                        && let guestpass::model::IdentityKind::LoginId(login_id) = &identity.kind
                        && let Some((before, _)) = login_id.key().split_once('\0')
                    {
                        let (kind, key) = (login_id.kind(), before.to_owned());
                        let cut = LoginId::from_stored(kind, key.clone(), key);
                        identity.kind = guestpass::model::IdentityKind::LoginId(cut);
                    }
                }
                users.commit(&cut).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["identities_differ_by_every_part"]);
}

#[test]
fn times_are_kept_in_microseconds() {
    let make = || Users {
        load: |users, by| {
            Box::pin(async move {
                let mut found = users.load(by).await?;
                if let Some(account) = &mut found {
                    let millis = account.user.created_at.as_millis();
                    let kept = millis.saturating_mul(1000) / 1000;
                    account.user.created_at = Timestamp::from_millis(kept);
                }
                Ok(found)
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["odd_values_read_back"]);
}

#[test]
fn the_ended_are_those_before_the_time() {
    let make = || Users {
        ended: |users, before, limit| {
            let before = Timestamp::from_millis(before.as_millis().saturating_sub(1));
            users.ended(before, limit)
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["the_ended_are_listed_in_order", "the_ended_follow_changes"]);
}

#[test]
fn the_ended_are_listed_as_they_come() {
    let make = || Users {
        ended: |users, before, limit| {
            Box::pin(async move {
                let mut ended = users.ended(before, limit).await?;
                ended.reverse();
                Ok(ended)
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["the_ended_are_listed_in_order"]);
}

#[test]
fn refused_commits_leave_their_events() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move {
                let outcome = users.commit(commit).await;
                if outcome.is_err() {
                    let told = Commit { writes: Vec::new(), also: None, ..commit.clone() };
                    let _ = users.commit(&refreshed(users, &told).await).await;
                }
                outcome
            })
        },
        ..sound()
    };
    assert_eq!(
        breaks(make),
        ["a_held_identity_is_refused_whole", "a_refused_commit_leaves_no_event"]
    );
}

#[test]
fn cursors_count_what_is_left() {
    let make = || Users {
        events: |users, after, limit| {
            Box::pin(async move {
                let all = users.events(EventCursor::START, 1000).await?.into_iter();
                let counted = (1..).zip(all).map(|(count, (_, event))| (EventCursor(count), event));
                let later = counted.filter(|(cursor, _)| after < *cursor);
                Ok(later.take(usize::try_from(limit).unwrap()).collect())
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["the_earliest_events_are_forgotten", "no_cursor_is_given_twice"]);
}

#[test]
fn forgetting_stops_before_the_place() {
    let make = || Users {
        forget_events: |users, through, limit| {
            users.forget_events(EventCursor(through.0.saturating_sub(1)), limit)
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["the_earliest_events_are_forgotten", "no_cursor_is_given_twice"]);
}

#[test]
fn a_store_of_the_deleted_is_empty() {
    let make = || Users {
        is_empty: |users| {
            Box::pin(async move {
                let first = users.user(UserId::from_bytes([1; 16])).await?;
                Ok(first.is_none_or(|user| !user.is_alive()))
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["it_is_empty_until_a_user_is_kept"]);
}
