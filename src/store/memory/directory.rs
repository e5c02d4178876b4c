//! What is unique among users, who ends when, and what happened: the indexes beside the accounts.

use std::collections::HashMap;

use crate::model::{
    Account, DeviceKey, Identity, IdentityKey, KeyId, KeyName, Thumbprint, Timestamp, UserId,
};
use crate::store::memory::event_log::EventLog;
use crate::store::memory::sorted::SortedSet;

/// The indexes over all users, as plain data.
#[derive(Debug, Default)]
pub(super) struct Directory {
    identities: HashMap<IdentityKey, UserId>,
    keys: HashMap<Thumbprint, UserId>,
    kids: HashMap<KeyId, UserId>,
    ends: SortedSet<(Timestamp, UserId)>,
    pub(super) events: EventLog,
    has_users: bool,
}

impl Directory {
    /// Who has the identity with this key. Nobody is found by the anonymous one.
    pub(super) fn holder(&self, key: &IdentityKey) -> Option<UserId> {
        self.identities.get(key).copied()
    }

    /// Whose device key has this name, live or retired.
    pub(super) fn key_holder(&self, name: KeyName<'_>) -> Option<UserId> {
        match name {
            KeyName::Thumbprint(thumbprint) => self.keys.get(thumbprint).copied(),
            KeyName::Kid(kid) => self.kids.get(&KeyId::parse(kid)?).copied(),
        }
    }

    /// Whether either name of the key is another user's.
    pub(super) fn is_anothers(&self, key: &DeviceKey, user: UserId) -> bool {
        [self.keys.get(&key.thumbprint), self.kids.get(&key.kid)]
            .into_iter()
            .flatten()
            .any(|holder| *holder != user)
    }

    /// Puts what is unique about `after` in the place of what was unique about `before`.
    pub(super) fn replace(&mut self, before: Option<&Account>, after: &Account) {
        if let Some(before) = before {
            self.remove(before);
        }
        self.add(after);
    }

    fn remove(&mut self, account: &Account) {
        for identity in &account.identities {
            self.identities.remove(&identity.key());
        }
        for key in keys(account) {
            self.keys.remove(&key.thumbprint);
            self.kids.remove(&key.kid);
        }
        if let Some(ends_at) = account.user.ends_at {
            self.ends.remove((ends_at, account.user.id));
        }
    }

    fn add(&mut self, account: &Account) {
        let user = account.user.id;
        let unique = account.identities.iter().map(Identity::key);
        for key in unique.filter(|key| *key != IdentityKey::Anonymous) {
            self.identities.insert(key, user);
        }
        for key in keys(account) {
            self.keys.insert(key.thumbprint, user);
            self.kids.insert(key.kid.clone(), user);
        }
        if let Some(ends_at) = account.user.ends_at {
            self.ends.insert((ends_at, user));
        }
        self.has_users = true;
    }

    /// Who has ended by `before`, earliest first.
    pub(super) fn ended(&self, before: Timestamp, limit: usize) -> Vec<UserId> {
        let ended = self.ends.iter().take_while(|(ends_at, _)| *ends_at <= before);
        ended.take(limit).map(|(_, user)| user).collect()
    }

    /// Whether there never was a user.
    pub(super) fn is_empty(&self) -> bool {
        !self.has_users
    }
}

/// The device keys of a user, live and retired.
fn keys(account: &Account) -> impl Iterator<Item = &DeviceKey> {
    let retired = account.retired_keys.iter().map(|retired| &retired.key);
    account.device_key().into_iter().chain(retired)
}
