//! A map in shards, so that readers on several threads seldom meet.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::model::{TokenDigest, UserId};

/// One shard.
pub(super) type Shard<K, V> = HashMap<K, V, BuildHasherDefault<TailHasher>>;

/// A map whose entries are spread over [`SHARDS`] locks.
pub(super) struct Shards<K, V> {
    shards: [Apart<RwLock<Shard<K, V>>>; SHARDS],
}

/// Keeps a lock in cache lines of its own: readers of one shard write to its lock, and must not take
/// that of its neighbour away from another core.
#[derive(Default)]
#[repr(align(128))]
struct Apart<T>(T);

impl<K: ShardKey, V> Shards<K, V> {
    /// The shard that has `key` if the map has it.
    ///
    /// A poisoned lock is taken as it is: whoever writes has checked everything before, so a panic
    /// leaves nothing half written.
    pub(super) fn read(&self, key: &K) -> RwLockReadGuard<'_, Shard<K, V>> {
        self.shards[key.shard() % SHARDS].0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, to be changed.
    pub(super) fn write(&self, key: &K) -> RwLockWriteGuard<'_, Shard<K, V>> {
        self.shards[key.shard() % SHARDS].0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| Apart::default()) }
    }
}

impl<K, V> fmt::Debug for Shards<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shards").finish_non_exhaustive()
    }
}

/// A key whose bytes are random enough to be its own hash.
pub(super) trait ShardKey: Eq + Hash {
    /// A number made of other bytes than those that [`TailHasher`] takes.
    fn shard(&self) -> usize;
}

impl ShardKey for TokenDigest {
    fn shard(&self) -> usize {
        self.as_bytes()[0].into()
    }
}

impl ShardKey for UserId {
    /// The bytes before are the time, which neighbours share.
    fn shard(&self) -> usize {
        self.as_bytes()[6].into()
    }
}

/// Takes the last eight bytes of a key for its hash.
///
/// Only for keys that this process has drawn or digested itself: nobody else can choose which of
/// them are kept, so nobody can make them collide.
#[derive(Default)]
pub(super) struct TailHasher(u64);

impl Hasher for TailHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(tail) = bytes.last_chunk() {
            // The map takes the highest bits as well as the lowest.
            self.0 = u64::from_be_bytes(*tail).wrapping_mul(SPREAD);
        }
    }

    /// The length of a key; all have the same.
    fn write_usize(&mut self, _length: usize) {}
}

const SHARDS: usize = 64;

/// An odd number without pattern: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn hash(key: impl Hash) -> u64 {
        let mut hasher = TailHasher::default();
        key.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn keys_that_differ_are_apart() {
        let digests = (0..=u8::MAX).map(|byte| TokenDigest::from_bytes([byte; 32]));
        let users = (0..=u8::MAX).map(|byte| UserId::from_bytes([byte; 16]));
        let hashes: HashSet<u64> = digests.clone().map(hash).collect();
        let shards: HashSet<usize> = digests.map(|digest| digest.shard()).collect();
        assert_eq!((hashes.len(), shards.len()), (256, 256));
        let hashes: HashSet<u64> = users.clone().map(hash).collect();
        let shards: HashSet<usize> = users.map(|user| user.shard()).collect();
        assert_eq!((hashes.len(), shards.len()), (256, 256));
    }
}
