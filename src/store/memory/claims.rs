//! Whether a commit takes something that is not its user's to take.

use crate::model::{Account, Commit, DeviceKey, IdentityKey, IdentityKind, UserId, Write};
use crate::store::CommitError;
use crate::store::memory::directory::Directory;

/// Follows the writes in their order, and refuses the first that needs what is another user's.
///
/// # Errors
///
/// [`CommitError::Held`].
pub(super) fn check(
    directory: &Directory,
    before: Option<&Account>,
    commit: &Commit,
) -> Result<(), CommitError> {
    let mut keys = Keys::of(commit.user, before);
    for write in &commit.writes {
        #[cfg(canary)]
        if crate::canary::Canary::IdentityTakenOver.sings() {
            continue;
        }
        let is_free = match write {
            Write::PutUser(user) => user.id == commit.user,
            Write::PutIdentity(identity) => match &identity.kind {
                IdentityKind::Anonymous { key } => keys.put_live(directory, key.as_ref()),
                IdentityKind::LoginId(_) | IdentityKind::OAuth { .. } => {
                    directory.holder(&identity.key()).is_none_or(|holder| holder == commit.user)
                }
            },
            Write::DropIdentity(IdentityKey::Anonymous) => keys.put_live(directory, None),
            Write::RetireKey(retired) => keys.retire(directory, &retired.key),
            Write::DropIdentity(IdentityKey::LoginId { .. } | IdentityKey::OAuth { .. })
            | Write::PutAuthenticator(_)
            | Write::DropAuthenticator(_) => true,
        };
        if !is_free {
            return Err(CommitError::Held);
        }
    }
    Ok(())
}

/// The device keys of the one user, as they change with the writes.
struct Keys<'a> {
    user: UserId,
    live: Option<&'a DeviceKey>,
    retired: Vec<&'a DeviceKey>,
}

impl<'a> Keys<'a> {
    fn of(user: UserId, before: Option<&'a Account>) -> Self {
        Self {
            user,
            live: before.and_then(Account::device_key),
            retired: before
                .map(|account| account.retired_keys.iter().map(|retired| &retired.key).collect())
                .unwrap_or_default(),
        }
    }

    /// A key that ever was anybody's, also this user's own retired one, signs nobody in.
    fn put_live(&mut self, directory: &Directory, key: Option<&'a DeviceKey>) -> bool {
        self.live = key;
        key.is_none_or(|key| {
            let was_retired =
                |old: &&DeviceKey| old.thumbprint == key.thumbprint || old.kid == key.kid;
            !self.retired.iter().any(was_retired) && !directory.is_anothers(key, self.user)
        })
    }

    fn retire(&mut self, directory: &Directory, key: &'a DeviceKey) -> bool {
        self.retired.retain(|old| old.thumbprint != key.thumbprint);
        let mut others = self.retired.iter().copied().chain(self.live);
        let is_alias = others.any(|own| own.kid == key.kid && own.thumbprint != key.thumbprint);
        self.retired.push(key);
        !is_alias && !directory.is_anothers(key, self.user)
    }
}
