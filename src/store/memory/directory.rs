//! What is unique among users, who ends when, and what happened: the indexes beside the accounts.

use std::collections::{BTreeMap, HashMap};

use crate::model::{
    Account, DeviceKey, Event, EventCursor, Identity, IdentityKey, KeyId, KeyName, KeyRecord,
    Thumbprint, Timestamp, UserId,
};
use crate::store::memory::sorted::SortedSet;

/// The indexes over all users, as plain data.
#[derive(Debug, Default)]
pub(super) struct Directory {
    identities: HashMap<IdentityKey, UserId>,
    keys: HashMap<Thumbprint, KeyRecord>,
    kids: HashMap<KeyId, Thumbprint>,
    ends: SortedSet<(Timestamp, UserId)>,
    events: BTreeMap<EventCursor, Event>,
    last_event: EventCursor,
    has_users: bool,
}

impl Directory {
    /// Who has the identity with this key. Nobody is found by the anonymous one.
    pub(super) fn holder(&self, key: &IdentityKey) -> Option<UserId> {
        self.identities.get(key).copied()
    }

    /// The device key with this name, live or retired.
    pub(super) fn key(&self, name: KeyName<'_>) -> Option<&KeyRecord> {
        match name {
            KeyName::Thumbprint(thumbprint) => self.keys.get(thumbprint),
            KeyName::Kid(kid) => self.keys.get(self.kids.get(&KeyId::parse(kid)?)?),
        }
    }

    /// Whether either name of the key is another user's.
    pub(super) fn is_anothers(&self, key: &DeviceKey, user: UserId) -> bool {
        [KeyName::Thumbprint(&key.thumbprint), KeyName::Kid(key.kid.as_str())]
            .into_iter()
            .any(|name| self.key(name).is_some_and(|record| record.user != user))
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
        let retired = account.retired_keys.iter().map(|retired| &retired.key);
        for key in account.device_key().into_iter().chain(retired) {
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
        let live = account.device_key().map(|key| (key, None));
        let retired = account.retired_keys.iter().map(|one| (&one.key, Some(one.outcome)));
        for (key, outcome) in live.into_iter().chain(retired) {
            self.keys.insert(key.thumbprint, KeyRecord { user, key: key.clone(), outcome });
            self.kids.insert(key.kid.clone(), key.thumbprint);
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

    /// Appends an event.
    pub(super) fn append(&mut self, event: Event) {
        self.last_event = EventCursor(self.last_event.0.saturating_add(1));
        self.events.insert(self.last_event, event);
    }

    /// The events after `after`.
    pub(super) fn events(&self, after: EventCursor, limit: usize) -> Vec<(EventCursor, Event)> {
        let Some(first) = after.0.checked_add(1).map(EventCursor) else {
            return Vec::new();
        };
        let later = self.events.range(first..).take(limit);
        later.map(|(cursor, event)| (*cursor, event.clone())).collect()
    }

    /// Forgets the earliest events; says how many.
    pub(super) fn forget_events(&mut self, through: EventCursor, limit: u32) -> u32 {
        let mut forgotten = 0;
        while forgotten < limit
            && let Some(first) = self.events.first_entry()
            && *first.key() <= through
        {
            first.remove();
            forgotten += 1;
        }
        forgotten
    }

    /// Whether there never was a user.
    pub(super) fn is_empty(&self) -> bool {
        !self.has_users
    }
}
