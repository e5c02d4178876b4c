//! Laws about spent nonces.

use crate::model::Timestamp;
use crate::store::SessionStore;
use crate::store::conformance::run::all;
use crate::store::conformance::sample::{at, nonce};
use crate::store::conformance::sessions::swept;

/// A nonce is spent once, whatever time it is to be remembered for.
pub async fn a_nonce_is_spent_once(store: &dyn SessionStore) {
    assert!(spent_first(store, 1, at(10)).await);
    for until in [at(10), at(5), at(99), Timestamp::EPOCH, Timestamp::MAX] {
        assert!(!spent_first(store, 1, until).await, "a nonce was spent twice");
    }
    assert!(spent_first(store, 2, at(10)).await, "another nonce is another");
}

/// Of many who spend one nonce, exactly one is told that it was the first.
pub async fn one_of_many_spends_a_nonce(store: &dyn SessionStore) {
    let nonces: Vec<_> = (1..=4).map(nonce).collect();
    for nonce in &nonces {
        let takers = (0..16).map(|_| store.spend(nonce, at(10))).collect();
        let outcomes = all(takers).await;
        let first = outcomes.into_iter().filter(|outcome| matches!(outcome, Ok(true))).count();
        assert_eq!(first, 1, "exactly one is the first");
    }
}

/// A spent nonce is remembered until its time, whatever is swept meanwhile, and then forgotten.
pub async fn a_spent_nonce_is_remembered_until_its_time(store: &dyn SessionStore) {
    for number in 1..=3 {
        assert!(spent_first(store, number, at(i64::from(number))).await);
    }
    assert_eq!(swept(store, at(1), 10).await, 0, "its last instant is not over");
    assert!(!spent_first(store, 1, at(1)).await, "a sweep forgot a nonce too early");
    assert_eq!(swept(store, at(3), 1).await, 1);
    assert_eq!(swept(store, at(3), 10).await, 1);
    assert!(!spent_first(store, 3, at(3)).await, "a sweep forgot a nonce too early");
    assert_eq!(swept(store, Timestamp::MAX, 10).await, 1);
}

async fn spent_first(store: &dyn SessionStore, number: u8, until: Timestamp) -> bool {
    store.spend(&nonce(number), until).await.expect("a nonce can be spent")
}
