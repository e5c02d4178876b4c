//! Users in a store whose reads lag behind its writes, as those of a replica do, which no store may do. What
//! is decided by an old read does not land: nobody is promoted twice, nor into somebody who is gone.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use guestpass::Error;
use guestpass::credential::Keyring;
use guestpass::model::{
    Account, Commit, Event, EventCursor, KeyName, KeyRecord, Standing, SystemEntropy, Timestamp,
    User, UserId,
};
use guestpass::rules::OnConflict;
use guestpass::store::memory::{MemorySessions, MemoryUsers};
use guestpass::store::{CommitError, Lookup, Pair, StoreError, UserStore};

use crate::support::{Counting, World, cookie, password, run};

/// Users, and what they were when reads began to lag.
#[derive(Clone, Debug)]
struct Lagging {
    users: Arc<MemoryUsers>,
    before: Arc<MemoryUsers>,
    lags: Arc<AtomicBool>,
    /// Since it has lagged once, `before` is of no more use.
    has_lagged: Arc<AtomicBool>,
}

impl Lagging {
    fn new() -> Self {
        let [users, before] = [(); 2].map(|()| Arc::new(MemoryUsers::new()));
        Self { users, before, lags: Arc::default(), has_lagged: Arc::default() }
    }

    /// What is read.
    fn seen(&self) -> &MemoryUsers {
        if self.lags.load(Ordering::SeqCst) { &self.before } else { &self.users }
    }

    fn lag(&self, lags: bool) {
        self.lags.store(lags, Ordering::SeqCst);
        self.has_lagged.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl UserStore for Lagging {
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.seen().user(id).await
    }

    async fn load(&self, by: Lookup<'_>) -> Result<Option<Account>, StoreError> {
        self.seen().load(by).await
    }

    async fn key(&self, name: KeyName<'_>) -> Result<Option<KeyRecord>, StoreError> {
        self.seen().key(name).await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), CommitError> {
        self.users.commit(commit).await?;
        if self.has_lagged.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.before.commit(commit).await
    }

    async fn ended(&self, before: Timestamp, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.seen().ended(before, limit).await
    }

    async fn events(
        &self,
        after: EventCursor,
        limit: u32,
    ) -> Result<Vec<(EventCursor, Event)>, StoreError> {
        self.seen().events(after, limit).await
    }

    async fn forget_events(&self, through: EventCursor, limit: u32) -> Result<u32, StoreError> {
        self.users.forget_events(through, limit).await
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        self.seen().is_empty().await
    }
}

fn world() -> (World, Lagging) {
    let store = Lagging::new();
    let backend = Arc::new(Pair::new(store.clone(), MemorySessions::new()));
    let keyring = Keyring::ephemeral(&SystemEntropy).unwrap();
    let world = World::over(backend, keyring, Counting::default(), |policy| {
        policy.anonymous.on_conflict = OnConflict::Login;
    });
    (world, store)
}

#[track_caller]
fn comes_to_nothing<T: Debug>(result: Result<T, Error>) {
    match result {
        Err(Error::Contended) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn nobody_is_promoted_twice_by_an_old_read() {
    let (world, store) = world();
    let [guest, rival] = [world.guest(), world.guest()];
    let [by_guest, by_rival] = [&guest, &rival].map(|held| world.by_session(held));
    store.lag(true);
    let promoted = world.promote(&by_guest, password("ada")).unwrap();
    let promote = |guest, name| run(world.engine.promote(guest, password(name), cookie(), None));
    comes_to_nothing(promote(&by_guest, "grace"));
    comes_to_nothing(promote(&by_rival, "ada"));
    comes_to_nothing(run(world.engine.sign_up(password("ada"), cookie(), None)));
    comes_to_nothing(run(world.engine.disable(guest.user)));
    comes_to_nothing(run(world.engine.sign_out_all(guest.user)));

    store.lag(false);
    assert_eq!(world.owner("ada"), Some(guest.user));
    assert_eq!(world.owner("grace"), None);
    assert!(world.user(rival.user).is_anonymous());
    assert_eq!(world.ended(&promoted), None);
    assert_ne!(world.ended(&guest), None);
    assert_eq!(world.ended(&rival), None);
}

#[test]
fn nobody_is_merged_into_somebody_who_is_gone_by_an_old_read() {
    let (world, store) = world();
    let (guest, owner) = (world.guest(), world.regular("owner"));
    let by_guest = world.by_session(&guest);
    store.lag(true);
    run(world.engine.delete(owner.user)).unwrap();
    let merge = || run(world.engine.promote(&by_guest, password("owner"), cookie(), None));
    comes_to_nothing(merge());
    comes_to_nothing(run(world.engine.sign_in(password("owner"), None, cookie(), None)));

    store.lag(false);
    assert_eq!(world.user(owner.user).standing, Standing::Deleted);
    assert!(world.user(guest.user).is_anonymous());
    assert_eq!(world.ended(&guest), None);
    // By now the login ID is nobody's.
    assert_eq!(merge().unwrap().user.id, guest.user);
}
