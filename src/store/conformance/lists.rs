//! Laws about what is listed: who has ended, and what happened.

use crate::model::{
    Commit, EventCursor, EventKind, Identity, Method, Thumbprint, Timestamp, User, Write,
};
use crate::store::UserStore;
use crate::store::conformance::commits::assert_stale;
use crate::store::conformance::sample::{
    alter, anonymous, at, change, event, events, guest, keep, key, key_guest, promotion,
    session_id, user_id,
};

/// Who ended at or before a time is listed, earliest first, and at most as many as asked for.
pub async fn the_ended_are_listed_in_order(store: &dyn UserStore) {
    for number in [5, 3, 1, 4, 2] {
        keep(store, &guest(number)).await;
    }
    keep(store, &key_guest(6)).await;
    let ids = |numbers: &[u8]| numbers.iter().copied().map(user_id).collect::<Vec<_>>();
    let ended =
        async |before, limit| store.ended(before, limit).await.expect("the ended can be listed");
    assert_eq!(ended(at(3000), 10).await, ids(&[1, 2, 3]), "the time itself counts");
    assert_eq!(ended(at(2999), 10).await, ids(&[1, 2]));
    assert_eq!(ended(Timestamp::MAX, 4).await, ids(&[1, 2, 3, 4]));
    assert_eq!(ended(Timestamp::MAX, 10).await, ids(&[1, 2, 3, 4, 5]));
    assert_eq!(ended(at(0), 10).await, ids(&[]));
    assert_eq!(ended(Timestamp::MAX, 0).await, ids(&[]));
}

/// The list of the ended follows every change of a user's end.
pub async fn the_ended_follow_changes(store: &dyn UserStore) {
    let mut account = keep(store, &guest(1)).await;
    let user = User { ends_at: Some(at(9000)), ..account.user.clone() };
    let commit = change(&account, vec![Write::PutUser(user)]);
    alter(store, &mut account, &commit).await;
    assert!(store.ended(at(8999), 10).await.expect("it can be listed").is_empty());
    assert_eq!(store.ended(at(9000), 10).await.expect("it can be listed"), [user_id(1)]);

    let user = User { ends_at: None, ..account.user.clone() };
    let identity = Identity { proven_at: Some(at(3)), ..anonymous(Some(key(1))) };
    let commit = change(&account, vec![Write::PutUser(user), Write::PutIdentity(identity)]);
    alter(store, &mut account, &commit).await;
    assert!(store.ended(Timestamp::MAX, 10).await.expect("it can be listed").is_empty());
}

/// Events are read in the order of their commits and within them, from any place, each once.
pub async fn events_are_read_in_order(store: &dyn UserStore) {
    let kinds = [
        EventKind::SignedUpAnonymously,
        EventKind::SignedUp,
        EventKind::SignedIn { session: None, method: Method::Anonymous },
        EventKind::SignedIn { session: Some(session_id(7)), method: Method::DeviceKey },
        EventKind::SignedIn { session: Some(session_id(0)), method: Method::Password },
        EventKind::SignedIn { session: None, method: Method::ProvenIdentity },
        EventKind::Promoted,
        EventKind::Merged { into: user_id(9) },
        EventKind::PasswordChanged,
        EventKind::PasswordRemoved,
        EventKind::IdentityProven,
        EventKind::Disabled,
        EventKind::Enabled,
        EventKind::Deleted,
        EventKind::Collected,
        EventKind::KeyRefused { thumbprint: Thumbprint([8; 32]) },
    ];
    let told: Vec<_> = kinds.into_iter().map(|kind| event(1, kind)).collect();
    let mut account = keep(store, &Commit { events: told[..3].to_vec(), ..guest(1) }).await;
    for told in told[3..].chunks(2) {
        let writes = vec![Write::PutUser(account.user.clone())];
        let commit = Commit { events: told.to_vec(), ..change(&account, writes) };
        alter(store, &mut account, &commit).await;
    }
    let all = events(store).await;
    let read: Vec<_> = all.iter().map(|(_, event)| event.clone()).collect();
    assert_eq!(read, told, "all events, in their order");
    assert!(all.iter().map(|(cursor, _)| *cursor).is_sorted_by(|a, b| a < b), "cursors grow");
    assert!(EventCursor::START < all[0].0, "the first event is after the start");
    for (index, (cursor, _)) in all.iter().enumerate() {
        let rest = store.events(*cursor, 1000).await.expect("events can be read");
        assert_eq!(rest, all[index + 1..], "a reader goes on after its place");
    }
    let some = store.events(EventCursor::START, 4).await.expect("events can be read");
    assert_eq!(some, all[..4]);
    let none = store.events(EventCursor(u64::MAX), 4).await.expect("events can be read");
    assert!(none.is_empty());
}

/// A commit that is refused leaves no event.
pub async fn a_refused_commit_leaves_no_event(store: &dyn UserStore) {
    let account = keep(store, &guest(1)).await;
    let told = events(store).await;
    let commit = promotion(&account, "name");
    let stale = Commit { expect: crate::model::Expect::At(account.user.version.next()), ..commit };
    assert_stale(store, &stale).await;
    assert_eq!(events(store).await, told);
}

/// The earliest events are forgotten, up to and including the place, at most as many as asked for.
pub async fn the_earliest_events_are_forgotten(store: &dyn UserStore) {
    for number in 1..=6 {
        keep(store, &guest(number)).await;
    }
    let all = events(store).await;
    let forget = async |through, limit| {
        store.forget_events(through, limit).await.expect("events can be forgotten")
    };
    assert_eq!(forget(all[3].0, 2).await, 2);
    assert_eq!(events(store).await, all[2..]);
    assert_eq!(forget(all[3].0, 1000).await, 2);
    assert_eq!(events(store).await, all[4..]);
    assert_eq!(forget(all[3].0, 1000).await, 0);
    assert_eq!(forget(EventCursor::START, 1000).await, 0);
    assert_eq!(forget(EventCursor(u64::MAX), 1000).await, 2);
    assert!(events(store).await.is_empty());
}

/// No cursor is given twice, also when the last event was forgotten.
pub async fn no_cursor_is_given_twice(store: &dyn UserStore) {
    let mut last = EventCursor::START;
    for number in 1..=4 {
        keep(store, &guest(number)).await;
        let all = events(store).await;
        assert_eq!(all.len(), 1);
        assert!(last < all[0].0, "a cursor came back");
        last = all[0].0;
        store.forget_events(last, 10).await.expect("events can be forgotten");
    }
}
