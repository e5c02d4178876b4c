//! Users with more sessions than one portion has.

use std::time::Duration;

use guestpass::Open;
use guestpass::engine::MAX_SESSIONS;
use guestpass::model::{Session, SessionId, SessionKind, TokenDigest};
use guestpass::store::MAX_PORTION;

use crate::support::{Fault, Held, Place, World, app, password, refresh, run, seconds};

/// Adds as many sessions that are like `one`, and as old.
fn add(world: &World, one: &Session, count: u32) {
    for number in 0..count {
        let number = number.to_be_bytes();
        let (mut id, mut digest) = (*one.id.as_bytes(), [7; 32]);
        // The time stands in front, and decides the order.
        id[8..12].copy_from_slice(&number);
        digest[..4].copy_from_slice(&number);
        let session = Session {
            id: SessionId::from_bytes(id),
            digest: TokenDigest::from_bytes(digest),
            ..one.clone()
        };
        run(world.backend.sessions().insert(&session)).unwrap();
    }
}

/// Whoever listed the sessions of a user who had 100,000 that had ended and were not swept kept the thread
/// for as long as it took to read them all, more than half a second.
#[test]
fn one_list_of_sessions_looks_through_so_many_and_says_where_to_go_on() {
    let world = World::new(Place::Memory);
    let ada = world.regular("ada");
    let over = Session { ends_at: ada.session.created_at, ..ada.session.clone() };
    add(&world, &over, 8 * MAX_PORTION);
    world.advance(seconds(60));
    let live = world.sign_in(password("ada")).unwrap();

    let (mut found, mut after, mut lists) = (Vec::new(), None, 0);
    loop {
        world.script.rest();
        let listed = run(world.engine.sessions(ada.user, after, 10)).unwrap();
        assert!(world.script.calls() <= 1 + 8, "{}", world.script.calls());
        found.extend(listed.sessions.iter().map(|session| session.id));
        lists += 1;
        after = listed.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found.len(), 2);
    assert!(found.contains(&ada.session.id) && found.contains(&live.session.id));
    assert_eq!(lists, 2);
}

#[test]
fn a_list_that_is_full_reads_no_further() {
    let world = World::new(Place::Memory);
    let ada = world.regular("ada");
    world.script.rest();
    let listed = run(world.engine.sessions(ada.user, None, 1)).unwrap();
    assert_eq!(world.script.calls(), 2, "the user, and one portion");
    assert_eq!(listed.next, Some(ada.session.id));
}

#[test]
fn a_list_of_none_stays_where_it_is() {
    let world = World::new(Place::Memory);
    let ada = world.regular("ada");
    let listed = run(world.engine.sessions(ada.user, Some(ada.session.id), 0)).unwrap();
    assert_eq!((listed.sessions.len(), listed.next), (0, Some(ada.session.id)));
}

/// All sessions of the user were read, up to a limit, and then those of the client picked out. With 64,000
/// older sessions of another kind, a client that allows two got any number.
#[test]
fn a_clients_surplus_is_found_whatever_other_sessions_there_are() {
    let calls = [0, 2 * MAX_PORTION].map(|others| {
        let world = World::new(Place::Memory);
        let ada = world.regular("ada");
        assert_eq!(ada.session.kind, SessionKind::Cookie);
        add(&world, &ada.session, others);
        let sign_in = || {
            world.advance(seconds(1));
            world.script.rest();
            Held::from(
                run(world.engine.sign_in(password("ada"), None, refresh("two"), None)).unwrap(),
            )
        };
        let [first, _, third] = [(); 3].map(|()| sign_in());
        let calls = world.script.calls();
        assert!(world.ended(&first).is_some());
        assert_eq!(world.ended(&third), None);
        calls
    });
    assert_eq!(calls[0], calls[1], "sessions of another kind are not read");
}

/// Whoever signed in with a key again and again had as many sessions as there was time for, and to read them,
/// or to let them end once the user was promoted, kept everybody else waiting.
#[test]
fn the_sessions_of_one_user_are_bounded_where_the_policy_names_no_number() {
    for kind in [SessionKind::Cookie, SessionKind::Refresh(app())] {
        let world = World::new(Place::Memory);
        let ada = world.regular("ada");
        let open = || Open::Session(kind.clone());
        let sign_in =
            || Held::from(run(world.engine.sign_in(password("ada"), None, open(), None)).unwrap());
        let first = sign_in();
        add(&world, &first.session, MAX_SESSIONS + 500);
        world.advance(seconds(1));
        for _ in 1..64 {
            sign_in();
        }
        let last = sign_in();
        let listed = |after| {
            let (sessions, epoch) = (world.backend.sessions(), ada.session.epoch);
            run(sessions.of_user(ada.user, epoch, Some(&kind), after, MAX_PORTION)).unwrap()
        };
        let count = || -> usize {
            let (mut count, mut after) = (0, None);
            loop {
                let portion = listed(after);
                let Some(session) = portion.last() else { return count };
                (after, count) = (Some(session.id), count + portion.len());
            }
        };
        let most = usize::try_from(MAX_SESSIONS).unwrap();
        assert!(world.authenticate(&last).is_ok());
        // Not all of them in one sign-in, which somebody waits for.
        for _ in 0..4 {
            let before = count();
            assert!(most < before);
            sign_in();
            assert!((before - 127..before).contains(&count()), "{before} {}", count());
        }
        assert_eq!(count(), most);
        let earliest = listed(None)[0].id;
        assert!(earliest.as_bytes()[8..12] > 400_u32.to_be_bytes()[..], "the earliest end first");
        // Until they are counted again, so many more may come.
        for more in 1..=64 {
            sign_in();
            assert_eq!(count(), most + more);
        }
        sign_in();
        assert_eq!(count(), most);
    }
}

/// What has ended and was not swept yet took the places of sessions that people had.
#[test]
fn sessions_that_have_ended_are_in_nobody_s_way() {
    let world = World::new(Place::Memory);
    let ada = world.regular("ada");
    // At this very instant, and opened after the one that would be the first to go.
    let (created_at, ends_at) = (ada.session.created_at, ada.session.created_at.plus(seconds(1)));
    let created_at = created_at.plus(Duration::from_millis(1));
    let over = Session { created_at, ends_at, ..ada.session.clone() };
    add(&world, &over, MAX_SESSIONS);
    world.advance(seconds(1));
    for _ in 0..70 {
        world.sign_in(password("ada")).unwrap();
    }
    assert!(world.authenticate(&ada).is_ok());
}

/// Whose sessions could not be counted, because the store failed, had as many more for that.
#[test]
fn sessions_that_could_not_be_counted_are_counted_at_the_next_sign_in() {
    let world = World::new(Place::Memory);
    let ada = world.regular("ada");
    add(&world, &ada.session, MAX_SESSIONS);
    for _ in 0..64 {
        world.script.rest();
        world.sign_in(password("ada")).unwrap();
    }
    let calls = world.script.calls();
    let count = || {
        let (sessions, epoch) = (world.backend.sessions(), ada.session.epoch);
        let portion =
            |after| run(sessions.of_user(ada.user, epoch, None, after, MAX_PORTION)).unwrap();
        let first = portion(None);
        first.len() + portion(first.last().map(|session| session.id)).len()
    };
    let before = count();
    world.script.fail(Fault::Onwards, calls);
    world.sign_in(password("ada")).unwrap();
    world.script.rest();
    assert_eq!(count(), before + 1, "nothing was counted");
    world.sign_in(password("ada")).unwrap();
    assert_eq!(count(), usize::try_from(MAX_SESSIONS).unwrap());
}
