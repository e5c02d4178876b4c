//! A user as it is kept: small for a guest, because most users are guests.

use crate::model::{
    Account, Epoch, Identity, IdentityKind, KeyName, KeyRecord, Standing, Timestamp, User, UserId,
    Version,
};
use crate::store::memory::shard::Row;

/// A user with everything that belongs to it.
#[derive(Debug)]
pub(super) enum UserRow {
    /// Nothing but a guest.
    Guest(Guest),
    /// Anybody else.
    Other(Box<Account>),
}

/// An anonymous user with an end, and so without a device key: all that there is to know about one,
/// in one cache line.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Guest {
    id: UserId,
    version: Version,
    epoch: Epoch,
    is_disabled: bool,
    created_at: Timestamp,
    ends_at: Timestamp,
    /// Of its identity.
    anonymous_since: Timestamp,
}

impl UserRow {
    /// The root record.
    pub(super) fn user(&self) -> User {
        match self {
            Self::Guest(guest) => guest.user(),
            Self::Other(account) => account.user.clone(),
        }
    }

    /// The user with everything that belongs to it.
    pub(super) fn account(&self) -> Account {
        match self {
            Self::Guest(guest) => guest.account(),
            Self::Other(account) => (**account).clone(),
        }
    }

    /// The device key of the user with this name, live or retired.
    pub(super) fn key(&self, name: KeyName<'_>) -> Option<KeyRecord> {
        let account = match self {
            Self::Guest(_) => return None,
            Self::Other(account) => account,
        };
        let live = account.device_key().map(|key| (key, None));
        let retired = account.retired_keys.iter().map(|one| (&one.key, Some(one.outcome)));
        // A key that is both is not to sign anybody in.
        let mut keys = retired.chain(live);
        let (key, outcome) = keys.find(|(key, _)| match name {
            KeyName::Thumbprint(thumbprint) => key.thumbprint == *thumbprint,
            KeyName::Kid(kid) => key.kid.as_str() == kid,
        })?;
        Some(KeyRecord { user: account.user.id, key: key.clone(), outcome })
    }
}

impl From<Account> for UserRow {
    fn from(mut account: Account) -> Self {
        if let Some(guest) = Guest::of(&account) {
            return Self::Guest(guest);
        }
        // It is kept for long, and most users have one identity and nothing else.
        account.identities.shrink_to_fit();
        account.authenticators.shrink_to_fit();
        account.retired_keys.shrink_to_fit();
        Self::Other(Box::new(account))
    }
}

impl Row for UserRow {
    type Key = UserId;

    fn key(&self) -> &UserId {
        match self {
            Self::Guest(guest) => &guest.id,
            Self::Other(account) => &account.user.id,
        }
    }
}

impl Guest {
    /// The account as a guest, if it is nothing more.
    fn of(account: &Account) -> Option<Self> {
        let Account { user, identities, authenticators, retired_keys } = account;
        let [identity] = identities.as_slice() else { return None };
        let &User {
            id,
            version,
            epoch,
            standing: Standing::Anonymous,
            is_disabled,
            is_verified: false,
            can_reauthenticate: false,
            created_at,
            ends_at: Some(ends_at),
        } = user
        else {
            return None;
        };
        let &Identity {
            kind: IdentityKind::Anonymous { key: None },
            created_at: anonymous_since,
            proven_at: None,
        } = identity
        else {
            return None;
        };
        (authenticators.is_empty() && retired_keys.is_empty()).then_some(Self {
            id,
            version,
            epoch,
            is_disabled,
            created_at,
            ends_at,
            anonymous_since,
        })
    }

    fn user(&self) -> User {
        let &Self { id, version, epoch, is_disabled, created_at, ends_at, anonymous_since: _ } =
            self;
        User {
            id,
            version,
            epoch,
            standing: Standing::Anonymous,
            is_disabled,
            is_verified: false,
            can_reauthenticate: false,
            created_at,
            ends_at: Some(ends_at),
        }
    }

    fn account(&self) -> Account {
        let identity = Identity {
            kind: IdentityKind::Anonymous { key: None },
            created_at: self.anonymous_since,
            proven_at: None,
        };
        Account {
            user: self.user(),
            identities: vec![identity],
            authenticators: Vec::new(),
            retired_keys: Vec::new(),
        }
    }
}

/// An empty slot and the other variant take no more than a guest.
const _: () = assert!(size_of::<Option<UserRow>>() == 64);
#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LoginId, LoginIdType};

    fn guest() -> Account {
        let kind = IdentityKind::Anonymous { key: None };
        let created_at = Timestamp::from_millis(5);
        Account {
            user: User {
                id: UserId::from_bytes([1; 16]),
                version: Version(7),
                epoch: Epoch::from_bytes([2; 8]),
                standing: Standing::Anonymous,
                is_disabled: true,
                is_verified: false,
                can_reauthenticate: false,
                created_at: Timestamp::from_millis(3),
                ends_at: Some(Timestamp::from_millis(4)),
            },
            identities: vec![Identity { kind, created_at, proven_at: None }],
            authenticators: Vec::new(),
            retired_keys: Vec::new(),
        }
    }

    /// Whatever a commit may have left, also what no rule would.
    #[test]
    fn an_account_reads_back_as_it_was_and_only_a_mere_guest_is_kept_as_one() {
        let row = UserRow::from(guest());
        assert!(matches!(row, UserRow::Guest(_)));
        assert_eq!((row.account(), row.user()), (guest(), guest().user));

        let changed = |change: fn(&mut Account)| {
            let mut account = guest();
            change(&mut account);
            account
        };
        let others = [
            changed(|account| account.user.ends_at = None),
            changed(|account| account.user.is_verified = true),
            changed(|account| account.user.can_reauthenticate = true),
            changed(|account| account.user.standing = Standing::Collected),
            changed(|account| account.identities.clear()),
            changed(|account| account.identities.push(account.identities[0].clone())),
            changed(|account| account.identities[0].proven_at = Some(Timestamp::EPOCH)),
            changed(|account| {
                let (key, given) = ("ada".to_owned(), "Ada".to_owned());
                let login_id = LoginId::from_stored(LoginIdType::Username, key, given);
                account.identities[0].kind = IdentityKind::LoginId(login_id);
            }),
        ];
        for other in others {
            let row = UserRow::from(other.clone());
            assert!(matches!(row, UserRow::Other(_)), "{other:?}");
            assert_eq!((row.account(), row.user()), (other.clone(), other.user));
        }
    }
}
