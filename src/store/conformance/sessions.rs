//! Laws about sessions.

use crate::model::{ClientId, Method, Session, SessionKind, Timestamp};
use crate::store::SessionStore;
use crate::store::conformance::run::{abandon, all, give_way};
use crate::store::conformance::sample::{at, digest, epoch, session, session_id, user_id};

/// A session reads back as it was added, whatever its kind and method.
pub async fn a_session_reads_back(store: &dyn SessionStore) {
    let longest = ClientId::parse(&"~".repeat(ClientId::MAX_LENGTH)).expect("it is not too long");
    let sessions = [
        session(1, 1),
        Session { kind: SessionKind::Cookie, method: Method::Anonymous, ..session(2, 1) },
        Session { kind: SessionKind::Refresh(longest), method: Method::Password, ..session(3, 1) },
        Session { method: Method::ProvenIdentity, ..session(4, 2) },
    ];
    for session in &sessions {
        add(store, session).await;
    }
    for session in &sessions {
        assert_there(store, session).await;
    }
}

/// Times at the edges read back as they are.
pub async fn odd_times_read_back(store: &dyn SessionStore) {
    let times = [i64::MIN, -1, 0, 1, i64::MAX].map(Timestamp::from_millis);
    for (number, time) in (1..).zip(times) {
        let session =
            Session { created_at: time, accessed_at: time, ends_at: time, ..session(number, 1) };
        add(store, &session).await;
        assert_there(store, &session).await;
    }
}

/// A session that nobody added is not there, and nothing can be done to it.
pub async fn an_unknown_session_is_absent(store: &dyn SessionStore) {
    add(store, &session(1, 1)).await;
    assert_gone(store, 2).await;
    let (id, missing) = (session_id(2), "absence is no failure");
    assert!(!store.record_access(&digest(2), at(30), at(40)).await.expect(missing));
    assert!(!store.remove(&digest(2)).await.expect(missing));
    assert!(!store.remove_by_id(user_id(1), id).await.expect(missing));
    assert!(!store.rotate(&digest(2), &session(3, 1)).await.expect(missing));
    for number in [2, 3] {
        assert_gone(store, number).await;
    }
}

/// A second session with a digest, or with an ID of the same user, is refused; the first is kept.
pub async fn a_second_session_is_refused(store: &dyn SessionStore) {
    let first = session(1, 1);
    add(store, &first).await;
    let same_digest = Session { digest: first.digest, ..session(2, 2) };
    let same_id = Session { id: first.id, ..session(3, 1) };
    for second in [first.clone(), same_digest, same_id] {
        assert!(store.insert(&second).await.is_err(), "two sessions share a name");
    }
    assert_there(store, &first).await;
    assert_gone(store, 3).await;
    assert_eq!(of_user(store, 1).await, [first]);
    assert_eq!(of_user(store, 2).await, []);
}

/// A use moves the time of the last use and the end, and an earlier one changes nothing.
pub async fn a_use_is_recorded(store: &dyn SessionStore) {
    let mut session = session(1, 1);
    add(store, &session).await;
    for (accessed_at, ends_at) in [(at(21), at(5)), (at(21), at(99_999)), (at(1001), at(50))] {
        assert!(recorded(store, 1, accessed_at, ends_at).await);
        session = Session { accessed_at, ends_at, ..session };
        assert_there(store, &session).await;
    }
    assert!(recorded(store, 1, at(1000), at(7)).await, "the session is still there");
    assert_there(store, &session).await;
}

/// A session that was removed does not come back by being used or rotated.
pub async fn a_removed_session_stays_removed(store: &dyn SessionStore) {
    for number in [1, 2] {
        add(store, &session(number, 1)).await;
    }
    assert!(store.remove(&digest(1)).await.expect("it can be removed"));
    assert!(store.remove_by_id(user_id(1), session_id(2)).await.expect("it can be removed"));
    for number in [1, 2] {
        assert!(!recorded(store, number, at(30), at(40)).await);
        let next = session(number + 10, 1);
        assert!(!store.rotate(&digest(number), &next).await.expect("absence is no failure"));
        assert!(!store.remove(&digest(number)).await.expect("absence is no failure"));
        assert_gone(store, number).await;
        assert_gone(store, number + 10).await;
    }
    assert_eq!(of_user(store, 1).await, []);
}

/// A use that races with a removal does not bring the session back.
pub async fn a_race_brings_no_session_back(store: &dyn SessionStore) {
    for number in 1..=20 {
        add(store, &session(number, 1)).await;
        let (accessed_at, ends_at) = (at(30), at(40));
        let gone = digest(number);
        let both = vec![
            store.record_access(&gone, accessed_at, ends_at),
            store.remove(&gone),
            store.record_access(&gone, accessed_at, ends_at),
        ];
        let outcomes = all(both).await;
        assert!(outcomes.into_iter().all(|outcome| outcome.is_ok()));
        assert_gone(store, number).await;
    }
}

/// A session is removed by its ID only for its own user.
pub async fn an_id_removes_its_own_users_session(store: &dyn SessionStore) {
    add(store, &session(1, 1)).await;
    add(store, &session(2, 2)).await;
    let removed = store.remove_by_id(user_id(2), session_id(1)).await;
    assert!(!removed.expect("another's session is absent"));
    assert_there(store, &session(1, 1)).await;
    assert!(store.remove_by_id(user_id(1), session_id(1)).await.expect("it can be removed"));
    assert_gone(store, 1).await;
    assert_there(store, &session(2, 2)).await;
}

/// The sessions of a user are listed in the order of their IDs, in portions.
pub async fn sessions_are_listed_in_portions(store: &dyn SessionStore) {
    for number in [5, 0, 255, 3, 1] {
        // The digests are in another order than the IDs.
        add(store, &Session { digest: digest(number ^ 0xaa), ..session(number, 1) }).await;
    }
    add(store, &session(2, 2)).await;
    let list = async |after, limit| {
        let listed = store.of_user(user_id(1), epoch(1), None, after, limit).await;
        listed.expect("it can be listed").into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    let ids = |numbers: &[u8]| numbers.iter().copied().map(session_id).collect::<Vec<_>>();
    assert_eq!(list(None, 100).await, ids(&[0, 1, 3, 5, 255]));
    assert_eq!(list(None, 2).await, ids(&[0, 1]));
    assert_eq!(list(Some(session_id(1)), 2).await, ids(&[3, 5]));
    assert_eq!(list(Some(session_id(4)), 2).await, ids(&[5, 255]));
    assert_eq!(list(Some(session_id(255)), 2).await, ids(&[]));
    assert_eq!(list(None, 0).await, ids(&[]));
}

/// A session of another epoch is never listed, and does not count towards the portion.
pub async fn only_the_epochs_sessions_are_listed(store: &dyn SessionStore) {
    for number in 1..=6 {
        let epoch = epoch(number % 2);
        add(store, &Session { epoch, ..session(number, 1) }).await;
    }
    let listed =
        store.of_user(user_id(1), epoch(0), None, None, 2).await.expect("it can be listed");
    let listed: Vec<_> = listed.into_iter().map(|one| one.id).collect();
    assert_eq!(listed, [session_id(2), session_id(4)]);
    let none = store.of_user(user_id(1), epoch(9), None, None, 10).await.expect("it can be listed");
    assert!(none.is_empty());
}

/// Of one kind, only sessions of that kind are listed, and no other counts towards the portion: neither a
/// cookie's for a client's, nor another client's.
pub async fn only_sessions_of_the_kind_are_listed(store: &dyn SessionStore) {
    let [app, other] = ["app", "app2"].map(refresh);
    let kinds = [&SessionKind::Cookie, &app, &other];
    for (number, kind) in (1..=9).zip(kinds.into_iter().cycle()) {
        add(store, &Session { kind: kind.clone(), ..session(number, 1) }).await;
    }
    let list = async |kind, after, limit| {
        let listed = store.of_user(user_id(1), epoch(1), kind, after, limit).await;
        listed.expect("it can be listed").into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    let ids = |numbers: &[u8]| numbers.iter().copied().map(session_id).collect::<Vec<_>>();
    assert_eq!(list(None, None, 10).await.len(), 9, "all are listed if no kind is named");
    for (kind, first) in kinds.into_iter().zip(1..) {
        assert_eq!(list(Some(kind), None, 2).await, ids(&[first, first + 3]));
        assert_eq!(list(Some(kind), Some(session_id(first + 3)), 2).await, ids(&[first + 6]));
    }
    assert_eq!(list(Some(&refresh("nobodys")), None, 10).await, ids(&[]));
}

/// A rotated session is found by its new digest only.
pub async fn a_rotated_session_has_its_new_digest(store: &dyn SessionStore) {
    let old = session(1, 1);
    add(store, &old).await;
    // With the same ID, then with another, then with the same digest.
    let same_id = Session { digest: digest(2), accessed_at: at(60), ..old.clone() };
    let other_id = Session { id: session_id(9), digest: digest(3), ..same_id.clone() };
    let same_digest = Session { ends_at: at(77), ..other_id.clone() };
    for (from, to) in [(&old, &same_id), (&same_id, &other_id), (&other_id, &same_digest)] {
        assert!(store.rotate(&from.digest, to).await.expect("it can be rotated"));
        assert_there(store, to).await;
        assert_eq!(of_user(store, 1).await, std::slice::from_ref(to));
    }
    for number in [1, 2] {
        assert_gone(store, number).await;
    }
}

/// A session is not rotated onto another's name; both are kept as they are.
pub async fn a_rotation_onto_another_session_is_refused(store: &dyn SessionStore) {
    let sessions = [session(1, 1), session(2, 1)];
    for session in &sessions {
        add(store, session).await;
    }
    let same_digest = Session { digest: digest(2), ..session(3, 1) };
    let same_id = Session { id: session_id(2), ..session(4, 1) };
    for taken in [same_digest, same_id] {
        assert!(store.rotate(&digest(1), &taken).await.is_err(), "a session was overwritten");
    }
    for session in &sessions {
        assert_there(store, session).await;
    }
    assert_gone(store, 4).await;
    assert_eq!(of_user(store, 1).await, sessions);
}

/// Of many rotations of one session, exactly one succeeds.
pub async fn one_of_many_rotations_wins(store: &dyn SessionStore) {
    add(store, &session(1, 1)).await;
    let (old, new): (_, Vec<_>) = (digest(1), (2..=9).map(|number| session(number, 1)).collect());
    let outcomes = all(new.iter().map(|new| store.rotate(&old, new)).collect()).await;
    let won = outcomes.into_iter().filter(|outcome| matches!(outcome, Ok(true))).count();
    assert_eq!(won, 1, "one token becomes one token");
    assert_eq!(of_user(store, 1).await.len(), 1);
}

/// Sessions of the epoch end early; those of other epochs, and of other users, are left alone.
pub async fn only_the_epochs_sessions_are_shortened(store: &dyn SessionStore) {
    let until = at(500);
    let sessions = [
        Session { epoch: epoch(7), ..session(1, 1) },
        Session { epoch: epoch(8), ..session(2, 1) },
        Session { epoch: epoch(8), ends_at: at(499), ..session(3, 1) },
        Session { epoch: epoch(8), ..session(4, 1) },
        Session { epoch: epoch(8), ..session(5, 2) },
        Session { epoch: epoch(9), ..session(6, 1) },
    ];
    for session in &sessions {
        add(store, session).await;
    }
    let shorten = async |limit| {
        let shortened = store.shorten(user_id(1), epoch(8), until, limit).await;
        shortened.expect("they can be shortened")
    };
    assert_eq!(shorten(1).await, 1);
    assert_eq!(shorten(10).await, 1);
    assert_eq!(shorten(10).await, 0, "what ends earlier is not changed");
    let [before, second, earlier, fourth, others, after] = sessions;
    for session in [before, earlier, others, after] {
        assert_there(store, &session).await;
    }
    for session in [second, fourth] {
        assert_there(store, &Session { ends_at: until, ..session }).await;
    }
    assert_eq!(swept(store, at(501), 10).await, 3, "what was shortened is swept by its new end");
}

/// A sweep forgets the sessions that ended before the time, and at most as many as asked for.
pub async fn only_what_ended_is_swept(store: &dyn SessionStore) {
    for number in 1..=5 {
        add(store, &Session { ends_at: at(i64::from(number)), ..session(number, 1) }).await;
    }
    assert_eq!(swept(store, at(1), 10).await, 0, "what ends now has not ended before");
    assert_eq!(swept(store, at(4), 2).await, 2);
    assert_eq!(swept(store, at(4), 10).await, 1);
    for number in 1..=3 {
        assert_gone(store, number).await;
    }
    for number in [4, 5] {
        let ends_at = at(i64::from(number));
        assert_there(store, &Session { ends_at, ..session(number, 1) }).await;
    }
    assert_eq!(of_user(store, 1).await.len(), 2);
}

/// A session whose end was moved is swept by its new end.
pub async fn a_moved_end_is_swept(store: &dyn SessionStore) {
    for number in [1, 2] {
        add(store, &Session { ends_at: at(100), ..session(number, 1) }).await;
    }
    assert!(recorded(store, 1, at(30), at(300)).await);
    let later = Session { ends_at: at(300), ..session(3, 1) };
    assert!(store.rotate(&digest(2), &later).await.expect("it can be rotated"));
    assert_eq!(swept(store, at(200), 10).await, 0);
    assert_eq!(swept(store, at(301), 10).await, 2);
    assert_eq!(of_user(store, 1).await, []);
}

/// A session whose caller stops waiting is added whole or not at all.
pub async fn an_abandoned_session_is_whole_or_nothing(store: &dyn SessionStore) {
    for polls in 0..4 {
        let number = u8::try_from(polls).unwrap_or(0) + 1;
        let session = session(number, 1);
        abandon(store.insert(&session), polls).await;
        for _ in 0..20 {
            let found = store.session(&session.digest).await.expect("it can be read");
            assert!(found.is_none_or(|found| found == session), "a session is torn");
            give_way().await;
        }
        store.remove(&session.digest).await.expect("it can be removed");
        assert_gone(store, number).await;
    }
}

pub(super) async fn add(store: &dyn SessionStore, session: &Session) {
    store.insert(session).await.expect("a session with new names is added");
}

pub(super) async fn assert_there(store: &dyn SessionStore, session: &Session) {
    let found = store.session(&session.digest).await.expect("the session can be read");
    assert_eq!(found.as_ref(), Some(session), "the session is as it should be");
}

pub(super) async fn assert_gone(store: &dyn SessionStore, number: u8) {
    let found = store.session(&digest(number)).await.expect("absence is no failure");
    assert_eq!(found, None, "the session is not there");
}

pub(super) async fn swept(store: &dyn SessionStore, before: Timestamp, limit: u32) -> u32 {
    store.sweep(before, limit).await.expect("it can be swept")
}

fn refresh(client: &str) -> SessionKind {
    SessionKind::Refresh(ClientId::parse(client).expect("it is short and plain"))
}

async fn of_user(store: &dyn SessionStore, number: u8) -> Vec<Session> {
    let listed = store.of_user(user_id(number), epoch(number), None, None, 100).await;
    listed.expect("sessions can be listed")
}

async fn recorded(
    store: &dyn SessionStore,
    number: u8,
    accessed_at: Timestamp,
    ends_at: Timestamp,
) -> bool {
    let recorded = store.record_access(&digest(number), accessed_at, ends_at).await;
    recorded.expect("a use can be recorded")
}
