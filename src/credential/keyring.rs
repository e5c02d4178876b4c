//! The keys of an installation: one in use for each purpose, and the retired ones while what they
//! made may still live.

mod file;
mod key;
mod record;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use key::{Chain, KeyLabel, KeySet};

use crate::credential::keyring::key::Key;
use crate::credential::secret::Prepare;
use crate::model::{Clock, Entropy, EntropyError, SystemClock, SystemEntropy, Timestamp};

/// The keys of an installation, in memory or in a file that several processes share.
///
/// A clone is the same keyring. Each key is good for one [`Purpose`].
///
/// Whoever changes the file ([`rotate`](Self::rotate)) replaces it whole. The others see the change
/// when they meet a key ID that they do not know, publish their keys ([`jwks`](crate::credential::jwt::jwks)),
/// [sweep](crate::Engine::sweep), or [`refresh`](Self::refresh).
#[derive(Clone)]
pub struct Keyring(Arc<Shared>);

struct Shared {
    keys: RwLock<KeySet>,
    /// As it was given, with its links.
    path: Option<PathBuf>,
    /// Held from reading the file until what it says is in `keys`: who has read an older file must
    /// not be the last to say what the keys are.
    file: Mutex<()>,
    rereads: Mutex<Rereads>,
}

/// When the file was read unasked.
#[derive(Debug, Default)]
struct Rereads {
    last: Option<Timestamp>,
    /// Since when the clock seems to be set back behind `last`.
    back_since: Option<Timestamp>,
}

impl Rereads {
    /// Whether the file may be read again, which it then is.
    ///
    /// One look-up at an earlier time than the last reading does not tell a clock that was set back,
    /// and must not start the interval again; that the earlier time goes on does.
    fn take(&mut self, now: Timestamp) -> bool {
        let since = match self.last {
            None => None,
            Some(last) if last <= now => {
                self.back_since = None;
                Some(last)
            }
            Some(_) => {
                let back_since = self.back_since.map_or(now, |since| since.min(now));
                self.back_since = Some(back_since);
                Some(back_since)
            }
        };
        if since.is_some_and(|since| now < since.plus(REREAD_INTERVAL)) {
            return false;
        }
        *self = Self { last: Some(now), back_since: None };
        true
    }
}

/// What a key is good for. A key of one purpose is never tried for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Seals [tickets](crate::credential::ticket).
    Ticket,
    /// Seals [access tokens](crate::credential::access_token).
    AccessToken,
    /// Signs [JWTs](crate::credential::jwt): the seed of an Ed25519 key.
    IdToken,
    /// Hashes names for look-ups that must not tell the names.
    Lookup,
}

/// A keyring cannot be opened or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// There is no key file.
    #[error("there is no key file")]
    Absent,
    /// Others than its owner may read or write the key file.
    #[error("the key file's mode is {mode:03o}; only its owner may have access (chmod 600)")]
    Exposed {
        /// The permission bits of the file.
        mode: u32,
    },
    /// The key file was written by a version of this crate that we know nothing of.
    #[error("the key file has version {0}, which this version of the crate does not know")]
    UnknownVersion(u32),
    /// The key file is not one.
    #[error("the key file cannot be read: it is not as we write it")]
    Malformed,
    /// There are more retired keys of a purpose than the limit, or one more would have to be kept.
    #[error("there are more retired keys than the limit; wait until some need not be kept")]
    TooManyKeys,
    /// No random bytes could be drawn.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The file system failed. It must be able to make hard links.
    #[error("the key file cannot be read or written")]
    Io(#[from] io::Error),
}

impl Keyring {
    /// Opens the keyring in the file at `path`, or makes one there.
    ///
    /// Two processes that do this at once agree on the keys, and the file outlives a power failure
    /// before its first key is used. Reads and writes on the calling thread.
    ///
    /// Links on the path are followed anew whenever the file is read or changed, so that one which is led
    /// elsewhere counts from the next reading on; what a change replaces is the file that they lead to. A path
    /// that is not absolute starts from the directory that the process is in at opening.
    ///
    /// # Errors
    ///
    /// [`KeyringError`]; [`KeyringError::Exposed`] if others than the owner may read the file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, KeyringError> {
        Self::open_with(path, SystemClock.now(), &SystemEntropy)
    }

    /// Opens the keyring in the file at `path`, or makes one there at `now` with keys out of
    /// `entropy`. See [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// [`KeyringError`].
    pub fn open_with(
        path: impl AsRef<Path>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, KeyringError> {
        let path = path.as_ref();
        match Self::open_existing(path) {
            Err(KeyringError::Absent) => {
                file::create(path, &KeySet::draw(entropy, now)?, entropy)?;
                Self::open_existing(path)
            }
            opened => opened,
        }
    }

    /// Opens the keyring in the file at `path`, which must be there.
    ///
    /// For an installation that has users already: new keys would end everything that was issued.
    ///
    /// # Errors
    ///
    /// [`KeyringError`]; [`KeyringError::Absent`] if there is no file.
    pub fn open_existing(path: impl AsRef<Path>) -> Result<Self, KeyringError> {
        let path = path.as_ref();
        let keys = file::read(path)?;
        file::sync_directory(&file::target(path)?)?;
        // The process may go elsewhere.
        Ok(Self::new(keys, Some(std::path::absolute(path)?)))
    }

    /// A keyring that lives as long as the process, with keys out of `entropy`.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if there are no random bytes to be had.
    pub fn ephemeral(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        Ok(Self::new(KeySet::draw(entropy, Timestamp::EPOCH)?, None))
    }

    /// Puts a new key in use for `purpose`. The one before counts until `keep_for` after `now`,
    /// which must be the longest life of anything that it made.
    ///
    /// With zero all keys of the purpose before the new one end at once, those too that earlier rotations
    /// have kept: whoever has stolen the file has them all. That takes no place, however many were kept.
    ///
    /// Another process goes on using the key before, and taking it for good, until it reads the file again,
    /// which it does at its next [sweep](crate::Engine::sweep) or [`refresh`](Self::refresh). So `keep_for`
    /// should have the time between two of them on top. After a theft every process should refresh: a sweep
    /// does not tell that the file could not be read.
    ///
    /// Reads and writes on the calling thread. Of two processes that rotate at once one waits for
    /// the other.
    ///
    /// # Errors
    ///
    /// [`KeyringError`]; the keyring is then as it was, unless the directory could not be synced.
    pub fn rotate(
        &self,
        purpose: Purpose,
        keep_for: Duration,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<(), KeyringError> {
        let Some(path) = &self.0.path else {
            let mut keys = self.0.keys.write().unwrap_or_else(PoisonError::into_inner);
            return rotate(&mut keys, purpose, now.plus(keep_for), now, entropy);
        };
        for _ in 0..MAX_TARGETS {
            let target = file::target(path)?;
            // The wait for another process is not one for those who read the file here.
            let _lock = file::lock(&target)?;
            let _file = self.0.lock_file();
            // During the wait a link may have been led elsewhere, and others here have the keys from there.
            if file::target(path)? != target {
                continue;
            }
            let mut keys = file::read(&target)?;
            rotate(&mut keys, purpose, now.plus(keep_for), now, entropy)?;
            file::replace(&target, &keys, entropy)?;
            *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
            return Ok(());
        }
        let told = "a link to the key file is led elsewhere again and again";
        Err(io::Error::new(io::ErrorKind::ResourceBusy, told).into())
    }

    /// Reads the file again, so that the keys of other processes are known here. Does nothing for a
    /// keyring without a file. Reads on the calling thread.
    ///
    /// # Errors
    ///
    /// [`KeyringError`]; the keys are then as they were.
    pub fn refresh(&self) -> Result<(), KeyringError> {
        if let Some(path) = &self.0.path {
            let _file = self.0.lock_file();
            let keys = file::read(path)?;
            *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        }
        Ok(())
    }

    /// A name for `bytes` that can be told to anybody and kept anywhere: who does not hold the key
    /// learns nothing from it, not even by guessing. `domain` says what the name is for; the same
    /// bytes have unrelated names in two domains.
    pub fn lookup_hash(&self, domain: &str, bytes: &[u8]) -> [u8; LOOKUP_HASH_LENGTH] {
        lookup_hash(&self.read().lookup.current.prepared, domain, bytes)
    }

    /// The names that `bytes` has had under the keys that count at `now`, the present one first.
    /// For looking up what was kept under [`lookup_hash`](Self::lookup_hash) before a rotation.
    pub fn lookup_hashes(
        &self,
        domain: &str,
        bytes: &[u8],
        now: Timestamp,
    ) -> Vec<[u8; LOOKUP_HASH_LENGTH]> {
        let keys = self.read();
        let retired = keys.lookup.retired.iter().filter(|(_, until)| now < *until);
        std::iter::once(&keys.lookup.current)
            .chain(retired.map(|(key, _)| key))
            .map(|key| lookup_hash(&key.prepared, domain, bytes))
            .collect()
    }

    /// The key in use in one chain, with its label.
    pub(crate) fn current<P: Clone>(&self, chain: impl Fn(&KeySet) -> &Chain<P>) -> (KeyLabel, P) {
        let keys = self.read();
        let current = &chain(&keys).current;
        (current.label, current.prepared.clone())
    }

    /// The key of one chain with this label, if it counts at `now`. Reads the file again if there is
    /// none, but at most once in [`REREAD_INTERVAL`], because labels are made up easily.
    pub(crate) fn find<P: Clone + Prepare>(
        &self,
        chain: impl Fn(&KeySet) -> &Chain<P>,
        label: KeyLabel,
        now: Timestamp,
    ) -> Option<P> {
        let find = || chain(&self.read()).find(label, now).map(|key| key.prepared.clone());
        find().or_else(|| if self.reread(now) { find() } else { None })
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, KeySet> {
        self.0.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn new(keys: KeySet, path: Option<PathBuf>) -> Self {
        let (file, rereads) = Default::default();
        Self(Arc::new(Shared { keys: RwLock::new(keys), path, file, rereads }))
    }

    /// Reads the file again, if there is one and it was not read for that within [`REREAD_INTERVAL`]; says
    /// whether it was.
    pub(crate) fn reread(&self, now: Timestamp) -> bool {
        if self.0.path.is_none() {
            return false;
        }
        if !self.0.rereads.lock().unwrap_or_else(PoisonError::into_inner).take(now) {
            return false;
        }
        // With a file that cannot be read, the keys that we have must do; `refresh` tells of it.
        self.refresh().is_ok()
    }
}

impl Shared {
    fn lock_file(&self) -> MutexGuard<'_, ()> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.path {
            Some(_) => "Keyring(file, [redacted])",
            None => "Keyring(ephemeral, [redacted])",
        })
    }
}

fn rotate(
    keys: &mut KeySet,
    purpose: Purpose,
    until: Timestamp,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<(), KeyringError> {
    fn turn<P: Prepare>(
        chain: &mut Chain<P>,
        until: Timestamp,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<(), KeyringError> {
        let kept = chain.retired.iter().filter(|(_, until)| now < *until).count();
        // With the most keys kept, those that were stolen must still have an end.
        if now < until && Chain::<P>::MAX_RETIRED <= kept {
            return Err(KeyringError::TooManyKeys);
        }
        chain.rotate(Key::draw(entropy, now)?, until, now);
        Ok(())
    }
    match purpose {
        Purpose::Ticket => turn(&mut keys.ticket, until, now, entropy),
        Purpose::AccessToken => turn(&mut keys.access_token, until, now, entropy),
        Purpose::IdToken => turn(&mut keys.id_token, until, now, entropy),
        Purpose::Lookup => turn(&mut keys.lookup, until, now, entropy),
    }
}

fn lookup_hash(
    key: &crate::credential::mac::MacKey,
    domain: &str,
    bytes: &[u8],
) -> [u8; LOOKUP_HASH_LENGTH] {
    let length = u64::try_from(domain.len()).unwrap_or(u64::MAX).to_be_bytes();
    let tag = key.clone().tag(LOOKUP_LABEL, &[&length, domain.as_bytes(), bytes]);
    let mut hash = [0; LOOKUP_HASH_LENGTH];
    hash.copy_from_slice(&tag[..LOOKUP_HASH_LENGTH]);
    hash
}

/// Bytes of a [`Keyring::lookup_hash`].
pub const LOOKUP_HASH_LENGTH: usize = 16;

/// At most once in this time a keyring reads its file again unasked.
pub const REREAD_INTERVAL: Duration = Duration::from_secs(1);

/// Most files that one rotation turns to, because a link was led elsewhere while it waited.
const MAX_TARGETS: u32 = 4;

const LOOKUP_LABEL: &[u8] = b"guestpass lookup v1\0";
