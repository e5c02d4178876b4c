//! A user with everything that belongs to it.

use crate::model::authenticator::{Authenticator, AuthenticatorKind, PasswordHash};
use crate::model::commit::{Commit, Expect, Outcome, RetiredKey, Write};
use crate::model::device_key::DeviceKey;
use crate::model::identity::{Identity, IdentityKey, IdentityKind};
use crate::model::user::{Standing, User, Version};

/// One user with its identities and authenticators, as they stood at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The root record.
    pub user: User,
    /// Its identities, in the order of their keys.
    pub identities: Vec<Identity>,
    /// Its authenticators, in the order of their IDs.
    pub authenticators: Vec<Authenticator>,
    /// Device keys that it had and that sign nobody in any more, in the order of their thumbprints.
    pub retired_keys: Vec<RetiredKey>,
}

impl Account {
    /// Most identities of one user.
    pub const MAX_IDENTITIES: usize = 16;
    /// Most authenticators of one user.
    pub const MAX_AUTHENTICATORS: usize = 16;
    /// Most retired device keys of one user.
    pub const MAX_RETIRED_KEYS: usize = 16;

    /// The device key that signs the user in, if there is one.
    pub fn device_key(&self) -> Option<&DeviceKey> {
        self.identities.iter().find_map(|identity| match &identity.kind {
            IdentityKind::Anonymous { key } => key.as_ref(),
            IdentityKind::LoginId(_) | IdentityKind::OAuth { .. } => None,
        })
    }

    /// The password authenticator with its hash, if there is one.
    pub fn password(&self) -> Option<(&Authenticator, &PasswordHash)> {
        self.authenticators
            .iter()
            .map(|authenticator| match &authenticator.kind {
                AuthenticatorKind::Password(hash) => (authenticator, hash),
            })
            .next()
    }

    /// Whether the user has the identity with this key.
    pub fn has_identity(&self, key: &IdentityKey) -> bool {
        self.identities.iter().any(|identity| identity.key() == *key)
    }

    /// Says what about the account cannot be.
    ///
    /// # Errors
    ///
    /// The broken invariant, as a sentence without particulars.
    pub fn check(&self) -> Result<(), &'static str> {
        self.check_standing()?;
        self.check_copies()?;
        if Self::MAX_IDENTITIES < self.identities.len()
            || Self::MAX_AUTHENTICATORS < self.authenticators.len()
            || Self::MAX_RETIRED_KEYS < self.retired_keys.len()
        {
            return Err("a user has more identities, authenticators or keys than the limit");
        }
        Ok(())
    }

    fn check_standing(&self) -> Result<(), &'static str> {
        let anonymous =
            self.identities.iter().filter(|one| one.key() == IdentityKey::Anonymous).count();
        let retired = |outcome| self.retired_keys.iter().all(|key| key.outcome == outcome);
        let keys_agree = match self.user.standing {
            Standing::Anonymous => {
                if self.identities.len() != 1 || anonymous != 1 {
                    return Err("an anonymous user has exactly one identity, the anonymous one");
                }
                if !self.authenticators.is_empty() {
                    return Err("an anonymous user has no authenticator");
                }
                if self.user.ends_at.is_some() == self.device_key().is_some() {
                    return Err("an anonymous user has either a device key or an end");
                }
                self.retired_keys.is_empty()
            }
            Standing::Regular => {
                if self.identities.is_empty() || anonymous != 0 {
                    return Err("a regular user has an identity, and none is anonymous");
                }
                retired(Outcome::Promoted)
            }
            Standing::Merged { into } => {
                if into == self.user.id {
                    return Err("a user is not merged into itself");
                }
                self.check_bare()?;
                retired(Outcome::Merged)
            }
            Standing::Deleted => {
                self.check_bare()?;
                retired(Outcome::Deleted)
            }
            Standing::Collected => {
                self.check_bare()?;
                self.retired_keys.is_empty()
            }
        };
        if !keys_agree {
            return Err("a retired key tells another outcome than the user's standing");
        }
        if self.user.standing != Standing::Anonymous && self.user.ends_at.is_some() {
            return Err("only an anonymous user has an end");
        }
        Ok(())
    }

    fn check_bare(&self) -> Result<(), &'static str> {
        if !self.identities.is_empty() || !self.authenticators.is_empty() {
            return Err("a user that is over has neither identities nor authenticators");
        }
        Ok(())
    }

    fn check_copies(&self) -> Result<(), &'static str> {
        if self.user.is_verified != self.is_verified() {
            return Err("the root record and the identities disagree on whether it is verified");
        }
        if self.user.can_reauthenticate == self.authenticators.is_empty() {
            return Err("the root record and the authenticators disagree");
        }
        Ok(())
    }

    /// Whether control over one of the identities was proven.
    fn is_verified(&self) -> bool {
        self.identities.iter().any(|identity| match identity.kind {
            IdentityKind::Anonymous { .. } => false,
            IdentityKind::LoginId(_) | IdentityKind::OAuth { .. } => identity.proven_at.is_some(),
        })
    }

    /// The account as it stands once `commit` has landed on it, or on nothing if it signs a user up.
    ///
    /// `None` if the commit cannot land here: another user's, at another version or epoch, or one that
    /// signs a user up without a root record.
    pub fn after(before: Option<&Self>, commit: &Commit) -> Option<Self> {
        let renames =
            |write: &Write| matches!(write, Write::PutUser(user) if user.id != commit.user);
        if commit.writes.iter().any(renames) {
            return None;
        }
        let mut account = match (before, commit.expect) {
            (None, Expect::Absent) => Self::opened_by(commit)?,
            (Some(account), Expect::At(version)) if account.user.version == version => {
                account.clone()
            }
            (Some(account), Expect::Epoch(epoch)) if account.user.epoch == epoch => account.clone(),
            (None | Some(_), Expect::Absent | Expect::At(_) | Expect::Epoch(_)) => return None,
        };
        if account.user.id != commit.user {
            return None;
        }
        let version = match before {
            None => Version::FIRST,
            Some(_) if commit.writes.is_empty() => account.user.version,
            Some(_) => account.user.version.next(),
        };
        for write in &commit.writes {
            account.apply(write);
        }
        account.user.version = version;
        account.identities.sort_by_key(Identity::key);
        account.authenticators.sort_by_key(|authenticator| authenticator.id);
        account.retired_keys.sort_by_key(|retired| retired.key.thumbprint);
        Some(account)
    }

    fn opened_by(commit: &Commit) -> Option<Self> {
        let user = commit.writes.iter().find_map(|write| match write {
            Write::PutUser(user) => Some(user.clone()),
            Write::PutIdentity(_)
            | Write::DropIdentity(_)
            | Write::PutAuthenticator(_)
            | Write::DropAuthenticator(_)
            | Write::RetireKey(_) => None,
        })?;
        let is_identity = |write: &&Write| matches!(write, Write::PutIdentity(_));
        Some(Self {
            user,
            // As large as it will be: most users have one, and a store may keep it for long.
            identities: Vec::with_capacity(commit.writes.iter().filter(is_identity).count()),
            authenticators: Vec::new(),
            retired_keys: Vec::new(),
        })
    }

    fn apply(&mut self, write: &Write) {
        match write {
            Write::PutUser(user) => self.user = user.clone(),
            Write::PutIdentity(identity) => {
                let key = identity.key();
                self.identities.retain(|other| other.key() != key);
                self.identities.push(identity.clone());
            }
            Write::DropIdentity(key) => self.identities.retain(|other| other.key() != *key),
            Write::PutAuthenticator(authenticator) => {
                self.authenticators.retain(|other| other.id != authenticator.id);
                self.authenticators.push(authenticator.clone());
            }
            Write::DropAuthenticator(id) => self.authenticators.retain(|other| other.id != *id),
            Write::RetireKey(retired) => {
                self.retired_keys.retain(|other| other.key.thumbprint != retired.key.thumbprint);
                self.retired_keys.push(retired.clone());
            }
        }
    }
}
