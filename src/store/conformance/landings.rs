//! Laws about users and sessions together.

use crate::model::{Account, Commit, Expect, Session};
use crate::store::conformance::run::{Held, all, give_way};
use crate::store::conformance::sample::{
    assert_kept, at, digest, epoch, events, guest, keep, member, nonce, promotion, session,
    user_id, username,
};
use crate::store::conformance::sessions::{add, assert_gone, assert_there};
use crate::store::{Atomicity, Backend, LandError, Landing, Lookup};

/// A landing spends, commits and opens, and what it wrote is seen through every door.
pub async fn a_landing_does_all_three(backend: &dyn Backend) {
    let landing = sign_up(1);
    land(backend, &landing).await;
    let account = after(None, &landing);
    assert_kept(backend.users(), &account).await;
    assert_there(backend.sessions(), &session(1, 1)).await;
    let again = backend.sessions().spend(&nonce(1), at(100)).await;
    assert!(!again.expect("a nonce can be spent"), "the nonce was spent");
    let resolved = backend.resolve(&digest(1)).await.expect("it can be resolved");
    assert_eq!(resolved, Some((session(1, 1), account.user)));
}

/// Each part of a landing may be left out, also all of them.
pub async fn any_part_of_a_landing_may_be_left_out(backend: &dyn Backend) {
    land(backend, &Landing::default()).await;
    land(backend, &Landing { commit: Some(guest(1)), ..Landing::default() }).await;
    land(backend, &Landing { spend: Some((nonce(1), at(10))), ..Landing::default() }).await;
    land(backend, &Landing { open_session: Some(session(1, 1)), ..Landing::default() }).await;
    let (found, user) =
        backend.resolve(&digest(1)).await.expect("it can be resolved").expect("it is there");
    assert_eq!((found, user.id), (session(1, 1), user_id(1)));
}

/// A session that a landing moves takes on its new value together with the commit, and resolves under
/// the digest that it has.
pub async fn a_landing_moves_a_session(backend: &dyn Backend) {
    let account = keep(backend.users(), &guest(1)).await;
    add(backend.sessions(), &session(1, 1)).await;
    add(backend.sessions(), &session(101, 1)).await;
    let commit = promotion(&account, "name");
    let promoted = Account::after(Some(&account), &commit).expect("it lands");
    let moved = Session { epoch: promoted.user.epoch, ..session(1, 1) };
    let landing =
        Landing { commit: Some(commit), move_session: Some(moved.clone()), ..Landing::default() };
    land(backend, &landing).await;
    let resolved = backend.resolve(&digest(1)).await.expect("it can be resolved");
    assert_eq!(resolved, Some((moved.clone(), promoted.user.clone())));
    let listed = backend.sessions().of_user(moved.user, moved.epoch, None, None, 10).await;
    assert_eq!(listed.expect("they can be listed"), [moved]);
    let (other, _) =
        backend.resolve(&digest(101)).await.expect("it can be resolved").expect("it is there");
    assert_eq!(other, session(101, 1), "another session stays as it is");
}

/// A landing moves no session that is not there, and adds none in its place.
pub async fn a_session_that_is_gone_is_not_moved_back(backend: &dyn Backend) {
    keep(backend.users(), &guest(1)).await;
    let landing = Landing { move_session: Some(session(1, 1)), ..Landing::default() };
    land(backend, &landing).await;
    assert_gone(backend.sessions(), 1).await;
}

/// A refused landing moves no session.
pub async fn a_refused_landing_moves_no_session(backend: &dyn Backend) {
    let account = keep(backend.users(), &guest(1)).await;
    keep(backend.users(), &guest(2)).await;
    add(backend.sessions(), &session(1, 1)).await;
    let moved = Session { epoch: epoch(9), ..session(1, 1) };
    let stale = Commit { expect: Expect::Absent, ..promotion(&account, "name") };
    let landing = Landing { commit: Some(stale), move_session: Some(moved), ..Landing::default() };
    let refused = backend.land(&landing).await;
    assert!(matches!(refused, Err(LandError::Stale)), "{refused:?}");
    assert_there(backend.sessions(), &session(1, 1)).await;
}

/// The stores of a backend are its own data: what is written through one door is read by another.
pub async fn the_doors_lead_to_the_same_data(backend: &dyn Backend) {
    let account = keep(backend.users(), &guest(1)).await;
    add(backend.sessions(), &session(1, 1)).await;
    let resolved = backend.resolve(&digest(1)).await.expect("it can be resolved");
    assert_eq!(resolved, Some((session(1, 1), account.user)));
    assert!(backend.sessions().spend(&nonce(1), at(10)).await.expect("a nonce can be spent"));
    let landing = Landing { spend: Some((nonce(1), at(10))), ..Landing::default() };
    assert_spent(backend, &landing).await;
    assert!(backend.sessions().remove(&digest(1)).await.expect("it can be removed"));
    assert_eq!(backend.resolve(&digest(1)).await.expect("it can be resolved"), None);
}

/// A nonce that was spent before stops everything.
pub async fn a_spent_nonce_stops_a_landing(backend: &dyn Backend) {
    land(backend, &sign_up(1)).await;
    let told = events(backend.users()).await;
    let landing = Landing { spend: sign_up(1).spend, ..sign_up(2) };
    assert_spent(backend, &landing).await;
    assert_absent(backend, 2).await;
    assert_eq!(events(backend.users()).await, told);
}

/// A landing whose commit is stale or held opens no session and changes no user.
pub async fn a_refused_commit_opens_no_session(backend: &dyn Backend) {
    let holder = keep(backend.users(), &member(1, &[username("name")])).await;
    let account = keep(backend.users(), &guest(2)).await;
    let stale = Landing {
        commit: Some(Commit {
            expect: Expect::At(account.user.version.next()),
            ..promotion(&account, "free")
        }),
        open_session: Some(session(2, 2)),
        ..Landing::default()
    };
    let outcome = backend.land(&stale).await;
    assert!(matches!(outcome, Err(LandError::Stale)), "not stale but {outcome:?}");
    let held = Landing { commit: Some(promotion(&account, "name")), ..stale };
    let outcome = backend.land(&held).await;
    assert!(matches!(outcome, Err(LandError::Held)), "not held but {outcome:?}");
    assert_gone(backend.sessions(), 2).await;
    assert_kept(backend.users(), &account).await;
    assert_kept(backend.users(), &holder).await;
}

/// A landing that is refused leaves of its nonce what [`Backend::atomicity`] says.
pub async fn a_refused_landing_leaves_what_it_says(backend: &dyn Backend) {
    let account = keep(backend.users(), &guest(1)).await;
    let is_whole = match backend.atomicity() {
        Atomicity::Whole => true,
        Atomicity::Stepwise => false,
    };
    let stale = Landing {
        spend: Some((nonce(1), at(10))),
        commit: Some(Commit { expect: Expect::At(account.user.version.next()), ..guest(1) }),
        open_session: None,
        move_session: None,
    };
    assert!(matches!(backend.land(&stale).await, Err(LandError::Stale)));
    let first = backend.sessions().spend(&nonce(1), at(10)).await;
    assert_eq!(first.expect("a nonce can be spent"), is_whole, "the nonce of a stale landing");

    add(backend.sessions(), &session(3, 1)).await;
    let taken = Session { digest: digest(3), ..session(4, 2) };
    let landing = Landing {
        spend: Some((nonce(2), at(10))),
        commit: Some(guest(2)),
        open_session: Some(taken),
        move_session: None,
    };
    assert!(matches!(backend.land(&landing).await, Err(LandError::Store(_))));
    if is_whole {
        let user = backend.users().user(user_id(2)).await;
        assert_eq!(user.expect("it can be read"), None, "the commit of a failed landing");
        let first = backend.sessions().spend(&nonce(2), at(10)).await;
        assert!(first.expect("a nonce can be spent"), "the nonce of a failed landing");
    }
    assert_there(backend.sessions(), &session(3, 1)).await;
}

/// Of many landings with one nonce, exactly one lands.
pub async fn one_of_many_landings_wins(backend: &dyn Backend) {
    let landings: Vec<_> =
        (1..=8).map(|number| Landing { spend: sign_up(1).spend, ..sign_up(number) }).collect();
    let outcomes = all(landings.iter().map(|landing| backend.land(landing)).collect()).await;
    let mut won = Vec::new();
    for (number, outcome) in (1..).zip(outcomes) {
        match outcome {
            Ok(()) => won.push(number),
            Err(LandError::Spent) => assert_absent(backend, number).await,
            Err(error @ (LandError::Stale | LandError::Held | LandError::Store(_))) => {
                panic!("{error:?}")
            }
        }
    }
    assert_eq!(won.len(), 1, "one challenge signs one user up");
}

/// What there is no session for resolves to nothing; a session without a user is an error.
pub async fn nothing_resolves_without_a_user(backend: &dyn Backend) {
    assert_eq!(backend.resolve(&digest(1)).await.expect("absence is no failure"), None);
    add(backend.sessions(), &session(1, 1)).await;
    assert!(backend.resolve(&digest(1)).await.is_err(), "a session signs nobody in");
}

/// A session is never seen before the commit that it belongs to.
pub async fn no_session_is_seen_before_its_commit(backend: &dyn Backend) {
    let writer = async {
        for number in 1..=ROUNDS {
            land(backend, &sign_up(number)).await;
            let account = after(None, &sign_up(number));
            let next = epoch(number ^ 0x80);
            let landing = Landing {
                commit: Some(promotion(&account, &format!("name-{number}"))),
                open_session: Some(Session { epoch: next, ..session(number + 100, number) }),
                ..Landing::default()
            };
            land(backend, &landing).await;
            give_way().await;
        }
    };
    // One reader for each user, so that some look at whatever moment the writer is at.
    let reader = async |number: u8| {
        for _ in 0..ROUNDS * 2 {
            for digest in [digest(number + 100), digest(number)] {
                let resolved = backend.resolve(&digest).await;
                if let Some((session, user)) = resolved.expect("no session lacks its user") {
                    let is_new = session.digest == self::digest(number + 100);
                    assert!(!is_new || session.epoch == user.epoch, "seen before its commit");
                }
            }
            give_way().await;
        }
    };
    let mut both: Vec<Held<'_, ()>> = vec![Box::pin(writer)];
    for number in 1..=ROUNDS {
        both.push(Box::pin(reader(number)));
    }
    all(both).await;
}

pub(super) fn sign_up(number: u8) -> Landing {
    Landing {
        spend: Some((nonce(number), at(10))),
        commit: Some(guest(number)),
        open_session: Some(session(number, number)),
        move_session: None,
    }
}

pub(super) async fn land(backend: &dyn Backend, landing: &Landing) {
    let outcome = backend.land(landing).await;
    assert!(outcome.is_ok(), "a landing is refused: {outcome:?}");
}

fn after(before: Option<&Account>, landing: &Landing) -> Account {
    let commit = landing.commit.as_ref().expect("the landing has a commit");
    Account::after(before, commit).expect("the commit lands")
}

async fn assert_spent(backend: &dyn Backend, landing: &Landing) {
    let outcome = backend.land(landing).await;
    assert!(matches!(outcome, Err(LandError::Spent)), "not spent but {outcome:?}");
}

async fn assert_absent(backend: &dyn Backend, number: u8) {
    let nobody = backend.users().load(Lookup::User(user_id(number))).await;
    assert_eq!(nobody.expect("it can be read"), None);
    assert_gone(backend.sessions(), number).await;
}

const ROUNDS: u8 = 16;
