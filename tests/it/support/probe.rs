//! A wrapper around a store that gives way before each call, or lets one fail.

use std::fmt::Debug;
use std::future::Future;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use guestpass::model::{
    Account, Commit, Epoch, Event, EventCursor, KeyName, KeyRecord, ManualClock, Session,
    SessionId, SessionKind, Timestamp, TokenDigest, User, UserId,
};
use guestpass::store::{
    Atomicity, Backend, CommitError, LandError, Landing, Lookup, Memory, Nonce, SessionStore,
    SessionUse, StoreError, UserStore,
};

use super::Footprint;
use super::entropy::scatter;
use super::interleave::give_way;

/// What the calls of a store meet with. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    mode: Mode,
    calls: u32,
}

#[derive(Clone, Debug, Default)]
enum Mode {
    #[default]
    Rest,
    Step,
    Jostle,
    Fail {
        faults: Vec<(Fault, u32)>,
        steps: bool,
    },
    Jump(u32, ManualClock, Timestamp),
}

/// What one call meets with.
struct Met {
    gives_way: bool,
    /// How often the thread lets others run first.
    yields: u64,
    fault: Option<Fault>,
}

/// How the calls of a store fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// One call fails and does nothing.
    Before,
    /// One call does what it should, and nobody is told.
    After,
    /// From one call on, all fail and do nothing.
    Onwards,
    /// One call panics and does nothing.
    Panic,
    /// One call does what it should, and panics.
    PanicAfter,
}

impl Script {
    /// Nothing happens from now on.
    pub(crate) fn rest(&self) {
        self.set(Mode::Rest);
    }

    /// Every call gives way once before it begins.
    pub(crate) fn step(&self) {
        self.set(Mode::Step);
    }

    /// Threads let each other run before calls, more often before some than before others.
    pub(crate) fn jostle(&self) {
        self.set(Mode::Jostle);
    }

    /// The call with this number, counted from 0 from now on, fails.
    pub(crate) fn fail(&self, fault: Fault, number: u32) {
        self.fail_each(vec![(fault, number)]);
    }

    /// Each of the calls with these numbers fails.
    pub(crate) fn fail_each(&self, faults: Vec<(Fault, u32)>) {
        self.set(Mode::Fail { faults, steps: false });
    }

    /// Every call gives way once before it begins, and the one with this number fails.
    pub(crate) fn step_and_fail(&self, fault: Fault, number: u32) {
        self.set(Mode::Fail { faults: vec![(fault, number)], steps: true });
    }

    /// When the call with this number begins, the clock is set.
    pub(crate) fn jump(&self, number: u32, clock: &ManualClock, to: Timestamp) {
        self.set(Mode::Jump(number, clock.clone(), to));
    }

    /// How many calls there were since the script was last set.
    pub(crate) fn calls(&self) -> u32 {
        self.0.lock().unwrap().calls
    }

    fn set(&self, mode: Mode) {
        *self.0.lock().unwrap() = State { mode, calls: 0 };
    }

    /// What the call that begins now meets with.
    fn next(&self) -> Met {
        let mut state = self.0.lock().unwrap();
        let number = state.calls;
        state.calls += 1;
        let met = Met { gives_way: false, yields: 0, fault: None };
        match &state.mode {
            Mode::Rest => met,
            Mode::Step => Met { gives_way: true, ..met },
            Mode::Jostle => Met { yields: scatter(number.into()) % MOST_YIELDS, ..met },
            Mode::Fail { faults, steps } => {
                let is_hit = |(fault, at): &&(Fault, u32)| match fault {
                    Fault::Before | Fault::After | Fault::Panic | Fault::PanicAfter => {
                        number == *at
                    }
                    Fault::Onwards => *at <= number,
                };
                let fault = faults.iter().find(is_hit).map(|(fault, _)| *fault);
                Met { gives_way: *steps, fault, ..met }
            }
            Mode::Jump(at, clock, to) => {
                if number == *at {
                    clock.set(*to);
                }
                met
            }
        }
    }

    async fn around<T, E: From<StoreError>>(
        &self,
        footprint: Footprint,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        let Met { gives_way, yields, fault } = self.next();
        if gives_way {
            // What follows the call may ask for the time.
            give_way(footprint.and(Footprint::reads_clock())).await;
        }
        for _ in 0..yields {
            std::thread::yield_now();
        }
        match fault {
            None => call.await,
            Some(Fault::Before | Fault::Onwards) => Err(StoreError::transient("injected").into()),
            Some(Fault::After) => {
                let _nobody_is_told = call.await;
                Err(StoreError::transient("injected").into())
            }
            // As a panic does, but without a word on standard error.
            Some(Fault::Panic) => resume_unwind(Box::new("injected")),
            Some(Fault::PanicAfter) => {
                let _nobody_is_told = call.await;
                resume_unwind(Box::new("injected"))
            }
        }
    }
}

/// A store whose calls meet with what a script says.
#[derive(Debug)]
pub(crate) struct Probe<T> {
    inner: T,
    script: Script,
}

impl<T> Probe<T> {
    pub(crate) fn new(inner: T, script: &Script) -> Self {
        Self { inner, script: script.clone() }
    }
}

#[async_trait]
impl<T: Backend + UserStore + SessionStore> Backend for Probe<T> {
    async fn land(&self, landing: &Landing) -> Result<(), LandError> {
        self.script.around(Footprint::of_landing(landing), self.inner.land(landing)).await
    }

    async fn resolve(&self, digest: &TokenDigest) -> Result<Option<(Session, User)>, StoreError> {
        self.script
            .around(
                Footprint::reads_session(digest).and(Footprint::reads_users()),
                self.inner.resolve(digest),
            )
            .await
    }

    async fn record_use(&self, used: &SessionUse) -> Result<(), StoreError> {
        let record = async {
            self.inner.record_use(used).await?;
            // A use is there at the latest when a later write is; tests need not wait for it.
            self.inner.remove(&TokenDigest::from_bytes([u8::MAX; 32])).await.map(drop)
        };
        self.script.around(Footprint::of_use(used), record).await
    }

    fn atomicity(&self) -> Atomicity {
        self.inner.atomicity()
    }

    fn users(&self) -> &dyn UserStore {
        self
    }

    fn sessions(&self) -> &dyn SessionStore {
        self
    }
}

#[async_trait]
impl<T: UserStore> UserStore for Probe<T> {
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.script.around(Footprint::reads_users(), self.inner.user(id)).await
    }

    async fn load(&self, by: Lookup<'_>) -> Result<Option<Account>, StoreError> {
        self.script.around(Footprint::reads_users(), self.inner.load(by)).await
    }

    async fn key(&self, name: KeyName<'_>) -> Result<Option<KeyRecord>, StoreError> {
        self.script.around(Footprint::reads_users(), self.inner.key(name)).await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), CommitError> {
        self.script.around(Footprint::writes_users(), self.inner.commit(commit)).await
    }

    async fn ended(&self, before: Timestamp, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.script.around(Footprint::reads_users(), self.inner.ended(before, limit)).await
    }

    async fn events(
        &self,
        after: EventCursor,
        limit: u32,
    ) -> Result<Vec<(EventCursor, Event)>, StoreError> {
        self.script.around(Footprint::reads_users(), self.inner.events(after, limit)).await
    }

    async fn forget_events(&self, through: EventCursor, limit: u32) -> Result<u32, StoreError> {
        self.script
            .around(Footprint::writes_users(), self.inner.forget_events(through, limit))
            .await
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        self.script.around(Footprint::reads_users(), UserStore::is_empty(&self.inner)).await
    }
}

#[async_trait]
impl<T: SessionStore> SessionStore for Probe<T> {
    async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        self.script
            .around(Footprint::writes_session(&session.digest), self.inner.insert(session))
            .await
    }

    async fn session(&self, digest: &TokenDigest) -> Result<Option<Session>, StoreError> {
        self.script.around(Footprint::reads_session(digest), self.inner.session(digest)).await
    }

    async fn record_access(
        &self,
        digest: &TokenDigest,
        accessed_at: Timestamp,
        ends_at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.script
            .around(
                Footprint::writes_session(digest),
                self.inner.record_access(digest, accessed_at, ends_at),
            )
            .await
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        self.script.around(Footprint::writes_session(digest), self.inner.remove(digest)).await
    }

    async fn remove_by_id(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        self.script.around(Footprint::writes_sessions(), self.inner.remove_by_id(user, id)).await
    }

    async fn of_user(
        &self,
        user: UserId,
        epoch: Epoch,
        kind: Option<&SessionKind>,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Session>, StoreError> {
        self.script
            .around(
                Footprint::reads_sessions(),
                self.inner.of_user(user, epoch, kind, after, limit),
            )
            .await
    }

    async fn rotate(&self, old: &TokenDigest, new: &Session) -> Result<bool, StoreError> {
        self.script
            .around(
                Footprint::writes_session(old).and(Footprint::writes_session(&new.digest)),
                self.inner.rotate(old, new),
            )
            .await
    }

    async fn shorten(
        &self,
        user: UserId,
        epoch: Epoch,
        until: Timestamp,
        limit: u32,
    ) -> Result<u32, StoreError> {
        self.script
            .around(Footprint::shortens(), self.inner.shorten(user, epoch, until, limit))
            .await
    }

    async fn spend(&self, nonce: &Nonce, until: Timestamp) -> Result<bool, StoreError> {
        self.script.around(Footprint::spends(nonce), self.inner.spend(nonce, until)).await
    }

    async fn sweep(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        self.script.around(Footprint::sweeps(), self.inner.sweep(before, limit)).await
    }

    fn remembers_spent(&self) -> Memory {
        self.inner.remembers_spent()
    }
}

/// One more than a thread lets others run before one call.
const MOST_YIELDS: u64 = 4;
