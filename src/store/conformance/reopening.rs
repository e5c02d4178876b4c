//! What must survive closing a store and opening it again: a pair of functions, before and after.

use crate::model::{Account, Outcome};
use crate::store::conformance::sample::{
    alter, assert_kept, at, events, guest, keep, key_guest, nonce, promotion, session, username,
};
use crate::store::conformance::sessions::{add, assert_gone, assert_there};
use crate::store::{Backend, Memory, SessionStore, UserStore};

/// Keeps some users, for [`users_survive_reopening`].
pub async fn users_before_reopening(store: &dyn UserStore) {
    for account in &mut accounts() {
        let number = account.user.id.as_bytes()[0];
        let mut first = keep(store, &key_guest(number)).await;
        if account.device_key().is_none() {
            let commit = promotion(&first, &format!("name-{number}"));
            alter(store, &mut first, &commit).await;
        }
    }
    let told = events(store).await;
    store.forget_events(told[told.len() - 1].0, 1000).await.expect("events can be forgotten");
}

/// Users are as they were; cursors still grow.
pub async fn users_survive_reopening(store: &dyn UserStore) {
    for account in accounts() {
        assert_kept(store, &account).await;
    }
    assert!(!store.is_empty().await.expect("it can be told"));
    assert!(events(store).await.is_empty(), "forgotten events are back");
    keep(store, &guest(9)).await;
    let told = events(store).await;
    assert!(3 < told[0].0.0, "a cursor came back");
}

/// Keeps some sessions and spends a nonce, for [`sessions_survive_reopening`].
pub async fn sessions_before_reopening(store: &dyn SessionStore) {
    for number in [1, 2] {
        add(store, &session(number, 1)).await;
    }
    store.remove(&session(2, 1).digest).await.expect("it can be removed");
    store.spend(&nonce(1), at(10)).await.expect("a nonce can be spent");
}

/// Sessions are as they were, removed ones stay removed, and a nonce is remembered if that was
/// promised.
pub async fn sessions_survive_reopening(store: &dyn SessionStore) {
    assert_there(store, &session(1, 1)).await;
    assert_gone(store, 2).await;
    let is_first = store.spend(&nonce(1), at(10)).await.expect("a nonce can be spent");
    match store.remembers_spent() {
        Memory::Durable => assert!(!is_first, "a nonce was spent twice"),
        Memory::Process => {}
    }
}

/// Both at once, for [`a_backend_survives_reopening`].
pub async fn a_backend_before_reopening(backend: &dyn Backend) {
    users_before_reopening(backend.users()).await;
    sessions_before_reopening(backend.sessions()).await;
}

/// Both at once.
pub async fn a_backend_survives_reopening(backend: &dyn Backend) {
    users_survive_reopening(backend.users()).await;
    sessions_survive_reopening(backend.sessions()).await;
    let resolved = backend.resolve(&session(1, 1).digest).await.expect("it can be resolved");
    assert!(resolved.is_some_and(|(_, user)| user.id == session(1, 1).user));
}

/// A guest with a device key, and one that was promoted.
fn accounts() -> [Account; 2] {
    let guest = |number| Account::after(None, &key_guest(number)).expect("it signs a user up");
    let second = guest(2);
    let promoted = Account::after(Some(&second), &promotion(&second, "name-2"));
    let promoted = promoted.expect("it promotes the user");
    assert_eq!(promoted.retired_keys[0].outcome, Outcome::Promoted);
    assert!(promoted.has_identity(&username("name-2").key()));
    [guest(1), promoted]
}
