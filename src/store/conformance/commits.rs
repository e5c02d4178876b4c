//! Laws about when a commit lands, and that it lands whole.

use crate::model::{Account, Commit, EventKind, Expect, Standing, User, Version, Write};
use crate::store::conformance::run::{Held, abandon, all, give_way};
use crate::store::conformance::sample::{
    alter, anonymous, assert_kept, change, deletion, epoch, event, events, guest, keep, key,
    key_guest, member, oauth, password, promotion, record, user_id, username,
};
use crate::store::{CommitError, Lookup, UserStore};

/// A user reads back with everything that was committed, whatever its standing.
pub async fn an_account_reads_back(store: &dyn UserStore) {
    let member = member(3, &[username("name"), oauth("https://issuer", "subject")]);
    for commit in [guest(1), key_guest(2), member] {
        let account = keep(store, &commit).await;
        assert_kept(store, &account).await;
    }
    let mut account = keep(store, &key_guest(4)).await;
    let commit = promotion(&account, "promoted");
    alter(store, &mut account, &commit).await;
    assert_kept(store, &account).await;
    let commit = deletion(&account);
    let mut gone = Account { retired_keys: Vec::new(), ..account.clone() };
    // A key that was retired as promoted is retired anew as deleted.
    let retire = Write::RetireKey(super::sample::retired(key(4), crate::model::Outcome::Deleted));
    let writes = commit.writes.into_iter().chain([retire]).collect();
    alter(store, &mut gone, &Commit { writes, ..change(&account, Vec::new()) }).await;
    assert_kept(store, &gone).await;
}

/// Whom nobody committed is not there.
pub async fn the_unknown_is_absent(store: &dyn UserStore) {
    keep(store, &member(1, &[username("name")])).await;
    let other = username("other").key();
    assert_eq!(store.user(user_id(9)).await.expect("absence is no failure"), None);
    for by in [Lookup::User(user_id(9)), Lookup::Identity(&other)] {
        assert_eq!(store.load(by).await.expect("absence is no failure"), None);
    }
}

/// A store is empty until the first user is kept, and never again.
pub async fn it_is_empty_until_a_user_is_kept(store: &dyn UserStore) {
    assert!(store.is_empty().await.expect("it can be told"));
    let account = keep(store, &guest(1)).await;
    assert!(!store.is_empty().await.expect("it can be told"));
    let commit = deletion(&account);
    store.commit(&commit).await.expect("the commit lands");
    assert!(!store.is_empty().await.expect("it can be told"));
}

/// A commit at a version that is over writes nothing.
pub async fn a_stale_version_is_refused(store: &dyn UserStore) {
    let first = keep(store, &guest(1)).await;
    let mut account = first.clone();
    let commit = change(&first, vec![Write::PutUser(first.user.clone())]);
    alter(store, &mut account, &commit).await;
    for version in [Version(0), first.user.version, account.user.version.next()] {
        let stale = Commit { expect: Expect::At(version), ..promotion(&account, "name") };
        assert_stale(store, &stale).await;
        assert_kept(store, &account).await;
    }
}

/// A user is signed up once.
pub async fn a_second_sign_up_is_refused(store: &dyn UserStore) {
    let account = keep(store, &guest(1)).await;
    assert_stale(store, &guest(1)).await;
    assert_stale(store, &member(1, &[username("name")])).await;
    assert_kept(store, &account).await;
}

/// Nobody is signed up without a root record.
pub async fn a_sign_up_without_a_record_is_refused(store: &dyn UserStore) {
    let writes = vec![Write::PutIdentity(username("name"))];
    assert_stale(store, &Commit { writes, ..guest(1) }).await;
    assert_stale(store, &Commit { writes: Vec::new(), ..guest(1) }).await;
    let nobody = store.load(Lookup::User(user_id(1))).await;
    assert_eq!(nobody.expect("it can be read"), None);
}

/// A commit on a user who is not there is stale, whatever it expects of it.
pub async fn an_absent_user_is_not_changed(store: &dyn UserStore) {
    let elsewhere = Account::after(None, &guest(1)).expect("it signs a user up");
    let writes = vec![Write::PutUser(elsewhere.user.clone())];
    assert_stale(store, &change(&elsewhere, writes)).await;
    let expect = Expect::Epoch(elsewhere.user.epoch);
    assert_stale(store, &Commit { expect, ..change(&elsewhere, Vec::new()) }).await;
    assert!(store.is_empty().await.expect("it can be told"));
    assert!(events(store).await.is_empty(), "a refused commit leaves no event");
}

/// A commit that expects an epoch lands at that epoch only, at whatever version.
pub async fn an_expected_epoch_is_compared(store: &dyn UserStore) {
    let mut account = keep(store, &guest(1)).await;
    let commit = change(&account, vec![Write::PutUser(account.user.clone())]);
    alter(store, &mut account, &commit).await;
    let told = vec![event(1, EventKind::Disabled)];
    let at = |epoch| Commit {
        expect: Expect::Epoch(epoch),
        events: told.clone(),
        ..change(&account, Vec::new())
    };
    assert_stale(store, &at(epoch(9))).await;
    let before = events(store).await.len();
    store.commit(&at(epoch(1))).await.expect("the epoch is the user's");
    assert_eq!(events(store).await.len(), before + 1, "the event was written, and only that one");
    assert_kept(store, &account).await;
}

/// The version is 1 after the first commit and one higher after each that writes, whatever the
/// record in the commit says; a commit that writes nothing leaves it.
pub async fn versions_are_counted(store: &dyn UserStore) {
    let mut account = keep(store, &guest(1)).await;
    for version in 2..5 {
        let user = User { version: Version(99), ..account.user.clone() };
        let commit = change(&account, vec![Write::PutUser(user.clone()), Write::PutUser(user)]);
        alter(store, &mut account, &commit).await;
        let silent = change(&account, Vec::new());
        store.commit(&silent).await.expect("the version is the user's");
        let found = store.user(user_id(1)).await.expect("it can be read");
        assert_eq!(found.map(|user| user.version), Some(Version(version)));
    }
    let commit = change(&account, vec![Write::PutIdentity(anonymous(None))]);
    alter(store, &mut account, &commit).await;
    assert_kept(store, &account).await;
}

/// The other user of a commit must be there at the epoch it names, and is not changed.
pub async fn the_other_user_is_checked(store: &dyn UserStore) {
    let mut account = keep(store, &guest(1)).await;
    let other = keep(store, &member(2, &[username("name")])).await;
    let naming = |also| Commit { also: Some(also), ..deletion(&account) };
    assert_stale(store, &naming((user_id(3), epoch(2)))).await;
    assert_stale(store, &naming((user_id(2), epoch(3)))).await;
    assert_kept(store, &account).await;
    let commit = naming((user_id(2), epoch(2)));
    alter(store, &mut account, &commit).await;
    assert_kept(store, &account).await;
    assert_kept(store, &other).await;
}

/// The writes of a commit are done in their order.
pub async fn writes_are_done_in_order(store: &dyn UserStore) {
    let mut account = keep(store, &member(1, &[username("one"), username("two")])).await;
    let (one, two) = (username("one"), username("two"));
    let later = crate::model::Identity { created_at: super::sample::at(500), ..one.clone() };
    let writes = vec![
        Write::DropIdentity(one.key()),
        Write::PutIdentity(later),
        Write::PutIdentity(two.clone()),
        Write::DropIdentity(two.key()),
        Write::PutIdentity(username("three")),
        Write::DropAuthenticator(password(1).id),
        Write::PutAuthenticator(password(2)),
    ];
    let commit = change(&account, writes);
    alter(store, &mut account, &commit).await;
    assert_kept(store, &account).await;
    let dropped = store.load(Lookup::Identity(&two.key())).await.expect("it can be read");
    assert_eq!(dropped, None, "what was put and dropped is not there");
}

/// What is put again replaces what was there under the same name.
pub async fn a_put_replaces(store: &dyn UserStore) {
    let mut account = keep(store, &member(1, &[username("one")])).await;
    let proven_at = Some(super::sample::at(900));
    let again = crate::model::Identity { proven_at, ..username("one") };
    let changed = crate::model::Authenticator { revision: u64::MAX, ..password(1) };
    let user = User { is_verified: true, is_disabled: true, ..account.user.clone() };
    let writes =
        vec![Write::PutUser(user), Write::PutIdentity(again), Write::PutAuthenticator(changed)];
    let commit = change(&account, writes);
    alter(store, &mut account, &commit).await;
    assert_eq!((account.identities.len(), account.authenticators.len()), (1, 1));
    assert_kept(store, &account).await;
}

/// Another user's root record cannot be put.
pub async fn anothers_record_is_held(store: &dyn UserStore) {
    let account = keep(store, &guest(1)).await;
    let other = keep(store, &guest(2)).await;
    for user in [other.user.clone(), record(3, Standing::Regular)] {
        assert_held(store, &change(&account, vec![Write::PutUser(user)])).await;
    }
    assert_kept(store, &account).await;
    assert_kept(store, &other).await;
}

/// Of many commits on one user at one version, exactly one lands.
pub async fn one_of_many_commits_wins(store: &dyn UserStore) {
    let account = keep(store, &guest(1)).await;
    let commits: Vec<_> = (0..16).map(|n| promotion(&account, &format!("name-{n}"))).collect();
    let outcomes = all(commits.iter().map(|commit| store.commit(commit)).collect()).await;
    let mut winners = Vec::new();
    for (commit, outcome) in commits.iter().zip(outcomes) {
        match outcome {
            Ok(()) => winners.push(commit),
            Err(CommitError::Stale) => {}
            Err(error @ (CommitError::Held | CommitError::Store(_))) => panic!("{error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "exactly one commit lands");
    let expected = Account::after(Some(&account), winners[0]).expect("it changes the account");
    assert_kept(store, &expected).await;
}

/// A reader sees a user before a commit or after it, never between.
pub async fn no_reader_sees_a_torn_account(store: &dyn UserStore) {
    let account = keep(store, &key_guest(1)).await;
    let writer = async {
        let mut account = account.clone();
        let commit = promotion(&account, "name");
        alter(store, &mut account, &commit).await;
        for turn in 0..TURNS {
            // The whole account changes at each turn, and every state of it is in itself sound.
            let (old, new) = (username(&name(turn)), username(&name(turn + 1)));
            let proven_at = (turn % 2 == 0).then(|| super::sample::at(1));
            let user = User { is_verified: proven_at.is_some(), ..account.user.clone() };
            let new = crate::model::Identity { proven_at, ..new };
            let writes =
                vec![Write::PutUser(user), Write::DropIdentity(old.key()), Write::PutIdentity(new)];
            let commit = change(&account, writes);
            alter(store, &mut account, &commit).await;
            give_way().await;
        }
    };
    let reader = async {
        for _ in 0..TURNS {
            let found = store.load(Lookup::User(user_id(1))).await.expect("it can be read");
            assert_eq!(found.expect("the user is there").check(), Ok(()));
            give_way().await;
        }
    };
    let both: Vec<Held<'_, ()>> = vec![Box::pin(writer), Box::pin(reader)];
    all(both).await;
}

/// A commit whose caller stops waiting lands whole or not at all.
pub async fn an_abandoned_commit_is_whole_or_nothing(store: &dyn UserStore) {
    for polls in 0..4 {
        let number = u8::try_from(polls).unwrap_or(0) + 1;
        let before = keep(store, &key_guest(number)).await;
        let commit = promotion(&before, &format!("name-{number}"));
        let after = Account::after(Some(&before), &commit).expect("it changes the account");
        abandon(store.commit(&commit), polls).await;
        for _ in 0..TURNS {
            let found = store.load(Lookup::User(before.user.id)).await.expect("it can be read");
            let found = found.expect("the user is there");
            assert!(found == before || found == after, "a commit is torn: {found:?}");
            give_way().await;
        }
        // A later commit tells which it was for good.
        let later = change(&before, vec![Write::PutUser(before.user.clone())]);
        match store.commit(&later).await {
            Ok(()) => {
                let expected = Account::after(Some(&before), &later).expect("it changes it");
                assert_kept(store, &expected).await;
            }
            Err(CommitError::Stale) => assert_kept(store, &after).await,
            Err(error @ (CommitError::Held | CommitError::Store(_))) => panic!("{error:?}"),
        }
    }
}

pub(super) async fn assert_stale(store: &dyn UserStore, commit: &Commit) {
    let outcome = store.commit(commit).await;
    assert!(matches!(outcome, Err(CommitError::Stale)), "not stale but {outcome:?}");
}

pub(super) async fn assert_held(store: &dyn UserStore, commit: &Commit) {
    let outcome = store.commit(commit).await;
    assert!(matches!(outcome, Err(CommitError::Held)), "not held but {outcome:?}");
}

/// The first name is the one that the user is promoted with.
fn name(turn: usize) -> String {
    if turn == 0 { "name".to_owned() } else { format!("name-{turn}") }
}

/// Turns of a writer beside a reader.
const TURNS: usize = 50;
