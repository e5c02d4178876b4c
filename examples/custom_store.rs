//! Writing a store of one's own, and certifying it.
//!
//! A user store has one hard task: landing a commit whole or not at all, and only if what it expects
//! still holds. This one keeps its users in a few maps behind one lock. To land a commit it changes a
//! copy of the maps and puts the copy in the place of the original when everything went well, which is
//! slow and impossible to get wrong. A database does the same with a transaction.
//!
//! Beside it, [`Pair`] puts any session store; here, the one in memory that comes with the crate.
//!
//! `cargo run --example custom_store` tries every law and prints it;
//! `cargo test --example custom_store` makes a test of each.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use guestpass::model::{
    Account, Commit, DeviceKey, Event, EventCursor, Expect, IdentityKey, IdentityKind, KeyName,
    KeyRecord, Timestamp, User, UserId, Write,
};
use guestpass::store::conformance::{USER_STORE_LAWS, block_on};
use guestpass::store::memory::MemorySessions;
use guestpass::store::{
    Backend, CommitError, Landing, Lookup, MAX_PORTION, Pair, StoreError, UserStore,
};

/// Users in maps behind one lock.
#[derive(Debug, Default)]
struct MapUsers {
    maps: Mutex<Maps>,
}

#[derive(Clone, Debug, Default)]
struct Maps {
    accounts: BTreeMap<UserId, Account>,
    events: BTreeMap<EventCursor, Event>,
    /// Kept beside the events, so that no cursor is given twice when they are forgotten.
    last_event: EventCursor,
}

impl Maps {
    /// Lands a commit here, or fails having changed anything at all: the caller throws this away.
    fn land(&mut self, commit: &Commit) -> Result<(), CommitError> {
        let before = self.accounts.get(&commit.user).cloned();

        // First what must still be true. A store that overlooks one of these is a hole.
        let holds = match (commit.expect, &before) {
            (Expect::Absent, None) => true,
            (Expect::At(version), Some(account)) => account.user.version == version,
            (Expect::Epoch(epoch), Some(account)) => account.user.epoch == epoch,
            (Expect::Absent, Some(_)) | (Expect::At(_) | Expect::Epoch(_), None) => false,
        };
        if !holds {
            return Err(CommitError::Stale);
        }
        if let Some((other, epoch)) = commit.also
            && self.accounts.get(&other).is_none_or(|other| other.user.epoch != epoch)
        {
            return Err(CommitError::Stale);
        }

        // Then the writes, one by one, so that a key that an earlier write frees is free for a later.
        let mut account = before;
        for (index, write) in commit.writes.iter().enumerate() {
            if !self.may_write(commit.user, account.as_ref(), write) {
                return Err(CommitError::Held);
            }
            // `Account::after` says what a write does. The first one of a sign-up needs its root
            // record, so that is taken from wherever the commit has it.
            let writes = match (&account, index) {
                (None, 0) => opening(&commit.writes).ok_or(CommitError::Stale)?,
                _ => vec![write.clone()],
            };
            let expect = account.as_ref().map_or(Expect::Absent, |it| Expect::At(it.user.version));
            let step = Commit { expect, also: None, writes, ..commit.clone() };
            account = Account::after(account.as_ref(), &step);
        }

        // One version for the whole commit, however many writes it had.
        let mut account = account.ok_or(CommitError::Stale)?;
        let old = self.accounts.get(&commit.user).map(|old| old.user.version);
        account.user.version = match old {
            None => guestpass::model::Version::FIRST,
            Some(version) if commit.writes.is_empty() => version,
            Some(version) => version.next(),
        };
        self.accounts.insert(commit.user, account);
        for event in &commit.events {
            self.last_event = EventCursor(self.last_event.0 + 1);
            self.events.insert(self.last_event, event.clone());
        }
        Ok(())
    }

    /// Whether nothing that the write needs is another user's.
    fn may_write(&self, user: UserId, own: Option<&Account>, write: &Write) -> bool {
        match write {
            Write::PutUser(record) => record.id == user,
            Write::PutIdentity(identity) => match &identity.kind {
                IdentityKind::Anonymous { key: None } => true,
                IdentityKind::Anonymous { key: Some(key) } => {
                    // A key that was ever retired, also this user's own, signs nobody in again.
                    let mut retired = own.iter().flat_map(|own| &own.retired_keys);
                    !retired.any(|old| clashes(&old.key, key)) && self.is_free(user, key)
                }
                IdentityKind::LoginId(_) | IdentityKind::OAuth { .. } => {
                    let key = identity.key();
                    !self.others(user).any(|other| other.has_identity(&key))
                }
            },
            Write::RetireKey(retired) => {
                let key = &retired.key;
                let own = own.iter().flat_map(|own| keys(own).map(|(own, _)| own));
                // Its own other key must not have the same `kid`; the key itself may.
                let mut same_kid = own.filter(|own| own.kid == key.kid);
                same_kid.all(|own| own.thumbprint == key.thumbprint) && self.is_free(user, key)
            }
            // Drops concern what the user has, and authenticators are kept with their user.
            Write::DropIdentity(_) | Write::PutAuthenticator(_) | Write::DropAuthenticator(_) => {
                true
            }
        }
    }

    fn is_free(&self, user: UserId, key: &DeviceKey) -> bool {
        !self.others(user).flat_map(keys).any(|(taken, _)| clashes(taken, key))
    }

    fn others(&self, user: UserId) -> impl Iterator<Item = &Account> {
        self.accounts.values().filter(move |account| account.user.id != user)
    }
}

/// The first write of a sign-up together with the root record.
fn opening(writes: &[Write]) -> Option<Vec<Write>> {
    let record = writes.iter().find(|write| matches!(write, Write::PutUser(_)))?;
    let first = writes.first().filter(|first| *first != record);
    Some([Some(record), first].into_iter().flatten().cloned().collect())
}

/// The device keys of a user, live and retired.
fn keys(account: &Account) -> impl Iterator<Item = (&DeviceKey, KeyRecord)> {
    let user = account.user.id;
    let live = account.device_key().map(|key| (key, None));
    let retired = account.retired_keys.iter().map(|retired| (&retired.key, Some(retired.outcome)));
    live.into_iter()
        .chain(retired)
        .map(move |(key, outcome)| (key, KeyRecord { user, key: key.clone(), outcome }))
}

/// Whether two keys share one of their names.
fn clashes(one: &DeviceKey, other: &DeviceKey) -> bool {
    one.thumbprint == other.thumbprint || one.kid == other.kid
}

impl MapUsers {
    fn maps(&self) -> MutexGuard<'_, Maps> {
        self.maps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl UserStore for MapUsers {
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.maps().accounts.get(&id).map(|account| account.user.clone()))
    }

    async fn load(&self, by: Lookup<'_>) -> Result<Option<Account>, StoreError> {
        let maps = self.maps();
        Ok(match by {
            Lookup::User(id) => maps.accounts.get(&id).cloned(),
            // Everybody may have the anonymous identity, so nobody is found by it.
            Lookup::Identity(IdentityKey::Anonymous) => None,
            Lookup::Identity(key) => {
                maps.accounts.values().find(|account| account.has_identity(key)).cloned()
            }
        })
    }

    async fn key(&self, name: KeyName<'_>) -> Result<Option<KeyRecord>, StoreError> {
        let is_named = |key: &DeviceKey| match name {
            KeyName::Thumbprint(thumbprint) => key.thumbprint == *thumbprint,
            KeyName::Kid(kid) => key.kid.as_str() == kid,
        };
        let maps = self.maps();
        let mut all = maps.accounts.values().flat_map(keys);
        Ok(all.find(|(key, _)| is_named(key)).map(|(_, record)| record))
    }

    async fn commit(&self, commit: &Commit) -> Result<(), CommitError> {
        let mut maps = self.maps();
        let mut copy = maps.clone();
        copy.land(commit)?;
        *maps = copy;
        Ok(())
    }

    async fn ended(&self, before: Timestamp, limit: u32) -> Result<Vec<UserId>, StoreError> {
        let maps = self.maps();
        let ends = maps.accounts.values().map(|account| (account.user.ends_at, account.user.id));
        let mut ended: Vec<_> = ends
            .filter_map(|(ends_at, id)| Some((ends_at?, id)))
            .filter(|(ends_at, _)| *ends_at <= before)
            .collect();
        ended.sort_unstable();
        Ok(ended.into_iter().take(portion(limit)).map(|(_, id)| id).collect())
    }

    async fn events(
        &self,
        after: EventCursor,
        limit: u32,
    ) -> Result<Vec<(EventCursor, Event)>, StoreError> {
        let maps = self.maps();
        let later = maps.events.iter().filter(|(cursor, _)| after < **cursor);
        Ok(later.take(portion(limit)).map(|(cursor, event)| (*cursor, event.clone())).collect())
    }

    async fn forget_events(&self, through: EventCursor, limit: u32) -> Result<u32, StoreError> {
        let mut maps = self.maps();
        let earliest = maps.events.keys().copied().take_while(|cursor| *cursor <= through);
        let earliest: Vec<_> = earliest.take(portion(limit)).collect();
        for cursor in &earliest {
            maps.events.remove(cursor);
        }
        Ok(u32::try_from(earliest.len()).unwrap_or(u32::MAX))
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        // Users are never removed; what is over keeps its root record.
        Ok(self.maps().accounts.is_empty())
    }
}

/// A store may do less at a time than it is asked for, and should.
fn portion(limit: u32) -> usize {
    usize::try_from(limit.min(MAX_PORTION)).unwrap_or(usize::MAX)
}

fn main() -> Result<(), Box<dyn Error>> {
    for law in USER_STORE_LAWS {
        // A law that is broken panics and says why.
        block_on((law.hold)(&MapUsers::default()));
        println!("holds: {}", law.name.replace('_', " "));
    }

    // Certified, it is half of a backend.
    let backend = Pair::new(MapUsers::default(), MemorySessions::new());
    block_on(backend.land(&Landing::default()))?;
    println!(
        "{} laws hold; empty: {}",
        USER_STORE_LAWS.len(),
        block_on(backend.users().is_empty())?
    );
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unused_async, reason = "the macros take a maker that may wait")]
mod laws {
    use super::*;

    mod of_users {
        use super::*;

        async fn fresh() -> Box<MapUsers> {
            Box::default()
        }

        guestpass::user_store_laws! { make: fresh, block_on: block_on }
    }

    /// The pair of this store and another, as the engine uses it.
    mod of_the_pair {
        use super::*;

        async fn fresh() -> Box<Pair<MapUsers, MemorySessions>> {
            Box::new(Pair::new(MapUsers::default(), MemorySessions::new()))
        }

        guestpass::backend_laws! { make: fresh, block_on: block_on }
    }
}
