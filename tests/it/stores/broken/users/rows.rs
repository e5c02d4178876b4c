//! Mistakes with single rows: not there, there already, another's, out of order.

use guestpass::model::{
    AuthenticatorId, Commit, Epoch, Event, EventCursor, Expect, IdentityKey, Standing, Timestamp,
    User, UserId, Version, Write,
};
use guestpass::store::memory::MemoryUsers;
use guestpass::store::{CommitError, Lookup, StoreError, UserStore};

use super::{Users, breaks, refreshed, sound};

/// The users that the laws keep.
fn samples() -> impl Iterator<Item = UserId> {
    (1..=3).map(|number| UserId::from_bytes([number; 16]))
}

fn made_up(id: UserId) -> User {
    User {
        id,
        version: Version::FIRST,
        epoch: Epoch::from_bytes([0; 8]),
        standing: Standing::Deleted,
        is_disabled: false,
        is_verified: false,
        can_reauthenticate: false,
        created_at: Timestamp::EPOCH,
        ends_at: None,
    }
}

#[test]
fn nobody_is_a_failure() {
    let make = || Users {
        load: |users, by| {
            Box::pin(async move {
                match (by, users.load(by).await?) {
                    (Lookup::Identity(IdentityKey::LoginId { .. }), None) => {
                        Err(StoreError::corrupt("a login ID is nobody's"))
                    }
                    (_, found) => Ok(found),
                }
            })
        },
        ..sound()
    };
    assert_eq!(
        breaks(make),
        ["the_unknown_is_absent", "writes_are_done_in_order", "a_held_identity_is_refused_whole"]
    );
}

#[test]
fn a_missing_record_is_made_up() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move {
                let mut whole = commit.clone();
                let has_record = |write: &Write| matches!(write, Write::PutUser(_));
                if commit.expect == Expect::Absent && !commit.writes.iter().any(has_record) {
                    whole.writes.insert(0, Write::PutUser(made_up(commit.user)));
                }
                users.commit(&whole).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["a_sign_up_without_a_record_is_refused"]);
}

/// As an `UPDATE` does that meets no row.
#[test]
fn a_change_that_meets_nobody_has_landed() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move {
                let is_there = users.user(commit.user).await?.is_some();
                if is_there || commit.expect == Expect::Absent {
                    return users.commit(commit).await;
                }
                Ok(())
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["an_absent_user_is_not_changed"]);
}

/// As an `INSERT OR IGNORE` does.
#[test]
fn what_is_there_is_not_replaced() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move {
                let Some(before) = users.load(Lookup::User(commit.user)).await? else {
                    return users.commit(commit).await;
                };
                let mut ignoring = commit.clone();
                ignoring.writes.retain(|write| match write {
                    Write::PutAuthenticator(new) => {
                        before.authenticators.iter().all(|one| one.id != new.id)
                    }
                    Write::PutUser(_)
                    | Write::PutIdentity(_)
                    | Write::DropIdentity(_)
                    | Write::DropAuthenticator(_)
                    | Write::RetireKey(_) => true,
                });
                users.commit(&ignoring).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["a_put_replaces"]);
}

/// A name that somebody gave up is kept, on a user that nobody is.
#[test]
fn a_name_is_never_free_again() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move {
                let before = users.load(Lookup::User(commit.user)).await?;
                users.commit(commit).await?;
                let dropped = |identity: &guestpass::model::Identity| {
                    identity.key() != IdentityKey::Anonymous
                        && commit.writes.contains(&Write::DropIdentity(identity.key()))
                };
                let identities = before.map(|account| account.identities).unwrap_or_default();
                for identity in identities.into_iter().filter(dropped) {
                    keep(users, Write::PutIdentity(identity)).await;
                }
                Ok(())
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["writes_are_done_in_order", "a_dropped_identity_is_free"]);
}

/// Writes a row of a user that nobody is. Others may have been quicker, which is no matter.
async fn keep(users: &MemoryUsers, write: Write) {
    let user = UserId::from_bytes([0xff; 16]);
    let writes = vec![Write::PutUser(made_up(user)), write];
    let commit = Commit { user, expect: Expect::Absent, also: None, writes, events: Vec::new() };
    let _ = users.commit(&refreshed(users, &commit).await).await;
}

/// As a table does whose key is the ID alone.
#[test]
fn an_authenticator_is_taken_from_whoever_has_it() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move {
                users.commit(commit).await?;
                for write in &commit.writes {
                    if let Write::PutAuthenticator(authenticator) = write {
                        take(users, commit.user, authenticator.id).await?;
                    }
                }
                Ok(())
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["an_authenticator_of_another_is_left_alone"]);
}

async fn take(users: &MemoryUsers, by: UserId, id: AuthenticatorId) -> Result<(), CommitError> {
    for user in samples().filter(|user| *user != by) {
        let Some(account) = users.load(Lookup::User(user)).await? else { continue };
        if account.authenticators.iter().any(|one| one.id == id) {
            let writes = vec![Write::DropAuthenticator(id)];
            let expect = Expect::At(account.user.version);
            users.commit(&Commit { user, expect, also: None, writes, events: Vec::new() }).await?;
        }
    }
    Ok(())
}

#[test]
fn some_anonymous_user_is_found_by_being_anonymous() {
    let make = || Users {
        load: |users, by| {
            Box::pin(async move {
                if !matches!(by, Lookup::Identity(IdentityKey::Anonymous)) {
                    return users.load(by).await;
                }
                for user in samples() {
                    let found = users.load(Lookup::User(user)).await?;
                    if found.as_ref().is_some_and(|account| account.user.is_anonymous()) {
                        return Ok(found);
                    }
                }
                Ok(None)
            })
        },
        ..sound()
    };
    assert_eq!(
        breaks(make),
        [
            "an_account_reads_back",
            "a_stale_version_is_refused",
            "a_second_sign_up_is_refused",
            "an_expected_epoch_is_compared",
            "versions_are_counted",
            "the_other_user_is_checked",
            "anothers_record_is_held",
            "an_abandoned_commit_is_whole_or_nothing",
            "a_held_identity_is_refused_whole",
            "a_drop_leaves_others_alone",
            "the_anonymous_identity_finds_nobody",
            "a_key_is_found_by_both_names",
            "a_held_key_is_refused",
            "a_dropped_key_is_free",
            "odd_values_read_back",
        ]
    );
}

/// As an index does that is sorted by user and time.
#[test]
fn the_events_of_one_commit_come_as_they_like() {
    let make = || Users {
        commit: |users, commit| {
            Box::pin(async move {
                let events: Vec<Event> = commit.events.iter().rev().cloned().collect();
                users.commit(&Commit { events, ..commit.clone() }).await
            })
        },
        ..sound()
    };
    assert_eq!(breaks(make), ["events_are_read_in_order"]);
}

#[test]
fn the_event_at_the_place_is_read_again() {
    let make = || Users {
        events: |users, after, limit| users.events(EventCursor(after.0.saturating_sub(1)), limit),
        ..sound()
    };
    assert_eq!(breaks(make), ["events_are_read_in_order"]);
}
