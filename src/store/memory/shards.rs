//! Rows in shards, so that readers on several threads seldom meet.

use std::fmt;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::store::memory::rows::{SLOT_BITS, Slot};
use crate::store::memory::shard::{Row, Shard, ShardKey};

/// Rows that are spread over [`SHARDS`] locks.
///
/// A shard whose table grows keeps its readers waiting for as long as it takes to place its own rows
/// again: with a million rows in all, less than a millisecond.
pub(super) struct Shards<R> {
    shards: [Apart<RwLock<Shard<R>>>; SHARDS],
}

/// Keeps a lock in cache lines of its own: readers of one shard write to its lock, and must not take
/// that of its neighbour away from another core.
#[derive(Default)]
#[repr(align(128))]
struct Apart<T>(T);

/// Where a row is among all shards, in a quarter of the bytes of the shortest key.
///
/// It is another row's once its own was removed, so only what is changed together with the rows may
/// hold one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u32);

impl Place {
    /// Before every other.
    pub(super) const FIRST: Self = Self(0);

    /// The place of a row with this key in this slot of its shard.
    pub(super) fn of(key: &impl ShardKey, slot: Slot) -> Self {
        // The slot first: rows that came one after the other are near to each other in the order of places.
        Self((slot.0 << SHARD_BITS) | (u32::from(key.shard()) % (1 << SHARD_BITS)))
    }

    pub(super) fn slot(self) -> Slot {
        Slot(self.0 >> SHARD_BITS)
    }

    fn shard(self) -> usize {
        self.0 as usize % SHARDS
    }
}

impl<R: Row> Shards<R> {
    /// The shard that has the row with this key if there is one.
    ///
    /// A poisoned lock is taken as it is: whoever writes has checked everything before, so a panic
    /// leaves nothing half written.
    pub(super) fn read(&self, key: &R::Key) -> RwLockReadGuard<'_, Shard<R>> {
        self.shards[usize::from(key.shard()) % SHARDS]
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, to be changed.
    pub(super) fn write(&self, key: &R::Key) -> RwLockWriteGuard<'_, Shard<R>> {
        self.shards[usize::from(key.shard()) % SHARDS]
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What `read` makes of the row in a place.
    pub(super) fn at<T>(&self, place: Place, read: impl FnOnce(&R) -> T) -> Option<T> {
        let shard = self.shards[place.shard()].0.read().unwrap_or_else(PoisonError::into_inner);
        shard.at(place.slot()).map(read)
    }

    /// The shard that a place is in, to be changed.
    pub(super) fn write_at(&self, place: Place) -> RwLockWriteGuard<'_, Shard<R>> {
        self.shards[place.shard()].0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R> Default for Shards<R> {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| Apart::default()) }
    }
}

impl<R> fmt::Debug for Shards<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shards").finish_non_exhaustive()
    }
}

/// What a place has left beside the slot.
const SHARD_BITS: u32 = u32::BITS - SLOT_BITS;
const SHARDS: usize = 1 << SHARD_BITS;
