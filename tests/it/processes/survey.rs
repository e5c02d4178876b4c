//! Whether what is in a file fits what the processes were told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use guestpass::credential::SessionToken;
use guestpass::model::{
    Account, Event, EventCursor, EventKind, Identity, IdentityKey, Standing, UserId,
};
use guestpass::store::MAX_PORTION;

use super::child::open;
use super::told::{Fact, Told};
use crate::support::{World, run};

/// Looks at everybody in the file, and at everything that was told.
pub(super) fn survey(directory: &Path, told: &[Told]) {
    let world = open(directory, 0);
    let events = events(&world);
    let users: BTreeSet<UserId> = events.iter().map(|event| event.user).collect();
    // Reading an account checks that it is whole.
    let accounts: BTreeMap<UserId, Account> =
        users.into_iter().map(|user| (user, world.account(user))).collect();
    identities_have_one_owner(&world, &accounts);
    users_end_once(&events, &accounts);
    let facts: Vec<&Fact> = told.iter().flat_map(|told| &told.0).collect();
    for fact in &facts {
        is_there(&world, fact, &events, &accounts);
    }
    nobody_was_told_twice(&facts);
}

fn events(world: &World) -> Vec<Event> {
    let (mut events, mut last) = (Vec::new(), EventCursor::START);
    loop {
        let portion = run(world.engine.events(last, MAX_PORTION)).unwrap();
        let Some((cursor, _)) = portion.last() else { return events };
        last = *cursor;
        events.extend(portion.into_iter().map(|(_, event)| event));
    }
}

fn identities_have_one_owner(world: &World, accounts: &BTreeMap<UserId, Account>) {
    let mut owners = BTreeMap::new();
    for (user, account) in accounts {
        let keys = account.identities.iter().map(Identity::key);
        for key in keys.filter(|key| *key != IdentityKey::Anonymous) {
            assert_eq!(run(world.engine.find(&key)).unwrap(), Some(*user), "{key:?}");
            let another = owners.insert(key, *user);
            assert_eq!(another, None, "an identity has two owners");
        }
    }
    let mut keys = BTreeSet::new();
    for key in accounts.values().filter_map(Account::device_key) {
        assert!(keys.insert(key.thumbprint.0), "a device key signs two users in");
    }
}

/// A guest is promoted, merged or collected once at most, and the event is there exactly if it is so.
fn users_end_once(events: &[Event], accounts: &BTreeMap<UserId, Account>) {
    for (user, account) in accounts {
        let of_user = || events.iter().filter(|event| event.user == *user).map(|event| event.kind);
        let count = |is: fn(&EventKind) -> bool| of_user().filter(is).count();
        let promoted = count(|kind| matches!(kind, EventKind::Promoted));
        let merged = count(|kind| matches!(kind, EventKind::Merged { .. }));
        let collected = count(|kind| matches!(kind, EventKind::Collected));
        let began_as_guest = count(|kind| matches!(kind, EventKind::SignedUpAnonymously));
        let deleted = count(|kind| matches!(kind, EventKind::Deleted));
        assert!(promoted + merged + collected <= 1, "{user}: {:?}", of_user().collect::<Vec<_>>());
        assert!(deleted <= 1, "{user} was deleted twice");
        let expected = match account.user.standing {
            Standing::Anonymous => (0, 0, 0, 0),
            Standing::Regular => (began_as_guest, 0, 0, 0),
            Standing::Merged { .. } => (0, 1, 0, 0),
            Standing::Collected => (0, 0, 1, 0),
            Standing::Deleted => (promoted, merged, collected, 1),
        };
        assert_eq!((promoted, merged, collected, deleted), expected, "{user}: {account:?}");
    }
}

/// What was acknowledged is there, unless something that came after it is.
fn is_there(world: &World, fact: &Fact, events: &[Event], accounts: &BTreeMap<UserId, Account>) {
    let standing = |user: &UserId| accounts[user].user.standing;
    let has = |user: &UserId, is: fn(&EventKind) -> bool| {
        events.iter().any(|event| event.user == *user && is(&event.kind))
    };
    let is_fine = match fact {
        Fact::SignedUp { user, .. } => {
            has(user, |kind| matches!(kind, EventKind::SignedUp | EventKind::SignedUpAnonymously))
        }
        Fact::SignedIn { user } => has(user, |kind| matches!(kind, EventKind::SignedIn { .. })),
        Fact::Promoted { user } => {
            has(user, |kind| matches!(kind, EventKind::Promoted))
                && matches!(standing(user), Standing::Regular | Standing::Deleted)
        }
        Fact::Merged { guest, into } => {
            let is_merged = |event: &Event| {
                event.user == *guest && event.kind == EventKind::Merged { into: *into }
            };
            events.iter().any(is_merged)
                && (standing(guest) == Standing::Merged { into: *into }
                    || standing(guest) == Standing::Deleted)
        }
        Fact::Deleted { user } => standing(user) == Standing::Deleted,
        Fact::SignedOut { token } => {
            let token = SessionToken::parse(token).unwrap();
            run(world.engine.authenticate(&token)).is_err()
        }
    };
    assert!(is_fine, "this was acknowledged, and is not so: {fact:?}");
}

/// Of both processes together, one was told that it had done what can be done once.
fn nobody_was_told_twice(facts: &[&Fact]) {
    let mut ended = BTreeSet::new();
    let mut devices = BTreeSet::new();
    for fact in facts {
        match fact {
            Fact::Promoted { user } | Fact::Merged { guest: user, .. } => {
                assert!(ended.insert(*user), "two were told that a guest had ended: {fact:?}");
            }
            Fact::SignedUp { device: Some(device), .. } => {
                assert!(devices.insert(*device), "a device was signed up twice: {fact:?}");
            }
            Fact::SignedUp { device: None, .. }
            | Fact::SignedIn { .. }
            | Fact::Deleted { .. }
            | Fact::SignedOut { .. } => {}
        }
    }
}
