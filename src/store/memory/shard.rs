//! Rows that are found by their key.

use crate::model::{TokenDigest, UserId};
use crate::store::memory::rows::{Rows, Slot};
use crate::store::memory::slot_table::SlotTable;

/// The table is at times less than half full. What is lost so is a few bytes a row, where a table of the
/// rows themselves would lose as much as they take.
#[derive(Debug)]
pub(super) struct Shard<R> {
    table: SlotTable,
    rows: Rows<R>,
}

/// What a shard keeps.
pub(super) trait Row {
    /// What it is found by; it never changes.
    type Key: ShardKey;

    /// The key of this row.
    fn key(&self) -> &Self::Key;
}

/// A key whose bytes are random enough to be its own hash.
///
/// Only for keys that this process has drawn or digested itself: nobody else can choose which of them
/// are kept, so nobody can make them collide.
pub(super) trait ShardKey: Eq {
    /// A byte that the hash is not made of.
    fn shard(&self) -> u8;

    /// The hash within a shard.
    fn hash(&self) -> u32;
}

impl<R: Row> Shard<R> {
    /// Where the row with this key is.
    pub(super) fn find(&self, key: &R::Key) -> Option<Slot> {
        self.table.find(key.hash(), |slot| self.at(slot).is_some_and(|row| row.key() == key))
    }

    /// The row with this key.
    pub(super) fn get(&self, key: &R::Key) -> Option<&R> {
        self.find(key).and_then(|slot| self.at(slot))
    }

    /// The same with its slot, to be changed; its key stays as it is.
    pub(super) fn find_mut(&mut self, key: &R::Key) -> Option<(Slot, &mut R)> {
        let slot = self.find(key)?;
        Some((slot, self.rows.get_mut(slot)?))
    }

    /// The row in a slot.
    pub(super) fn at(&self, slot: Slot) -> Option<&R> {
        self.rows.get(slot)
    }

    /// The same, to be changed; its key stays as it is.
    pub(super) fn at_mut(&mut self, slot: Slot) -> Option<&mut R> {
        self.rows.get_mut(slot)
    }

    /// Whether there is no room for another row.
    pub(super) fn is_full(&self) -> bool {
        self.rows.is_full()
    }

    /// Adds a row with a new key.
    pub(super) fn insert(&mut self, row: R) -> Slot {
        let hash = row.key().hash();
        let slot = self.rows.insert(row);
        self.table.insert(hash, slot, hash_in(&self.rows));
        slot
    }

    /// Puts a row in the place of the one with its key, or adds it.
    pub(super) fn put(&mut self, row: R) {
        match self.find_mut(row.key()) {
            Some((_, kept)) => *kept = row,
            None => {
                self.insert(row);
            }
        }
    }

    /// Takes the row out of a slot.
    pub(super) fn remove(&mut self, slot: Slot) -> Option<R> {
        let row = self.rows.remove(slot)?;
        self.table.remove(row.key().hash(), slot, hash_in(&self.rows));
        Some(row)
    }
}

impl<R> Default for Shard<R> {
    fn default() -> Self {
        Self { table: SlotTable::default(), rows: Rows::default() }
    }
}

impl ShardKey for TokenDigest {
    fn shard(&self) -> u8 {
        self.as_bytes()[0]
    }

    fn hash(&self) -> u32 {
        hash_of_tail(self.as_bytes())
    }
}

impl ShardKey for UserId {
    /// The bytes before are the time, which neighbours share.
    fn shard(&self) -> u8 {
        self.as_bytes()[6]
    }

    fn hash(&self) -> u32 {
        hash_of_tail(self.as_bytes())
    }
}

/// The hashes of what is in the slots.
fn hash_in<R: Row>(rows: &Rows<R>) -> impl Fn(Slot) -> u32 {
    |slot| rows.get(slot).map_or(0, |row| row.key().hash())
}

fn hash_of_tail(bytes: &[u8]) -> u32 {
    let tail = bytes.last_chunk().copied().unwrap_or_default();
    // The higher half, to which all bytes of the tail contribute.
    (u64::from_be_bytes(tail).wrapping_mul(SPREAD) >> 32) as u32
}

/// An odd number without pattern: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[derive(Debug, PartialEq)]
    struct Named(TokenDigest);

    impl Row for Named {
        type Key = TokenDigest;

        fn key(&self) -> &TokenDigest {
            &self.0
        }
    }

    /// Every fourth has the hash of the one before.
    fn named(number: u16) -> Named {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        bytes[24..26].copy_from_slice(&(number - u16::from(number % 4 == 3)).to_be_bytes());
        Named(TokenDigest::from_bytes(bytes))
    }

    #[test]
    fn rows_are_found_while_others_come_and_go() {
        let mut shard = Shard::default();
        for number in 0..2000 {
            shard.insert(named(number));
            if number % 3 == 0 {
                let slot = shard.find(&named(number / 2).0);
                let removed = slot.and_then(|slot| shard.remove(slot));
                assert_eq!(removed, slot.map(|_| named(number / 2)));
            }
        }
        let removed: Vec<u16> = (0..2000).filter(|n| n % 3 == 0).map(|n| n / 2).collect();
        for number in 0..2000 {
            let expected = (!removed.contains(&number)).then(|| named(number));
            assert_eq!(shard.get(&named(number).0), expected.as_ref(), "{number}");
        }
        assert_eq!(shard.get(&named(2000).0), None);
    }

    #[test]
    fn keys_that_differ_are_apart() {
        let digests = (0..=u8::MAX).map(|byte| TokenDigest::from_bytes([byte; 32]));
        let users = (0..=u8::MAX).map(|byte| UserId::from_bytes([byte; 16]));
        let hashes: HashSet<u32> = digests.clone().map(|digest| digest.hash()).collect();
        let shards: HashSet<u8> = digests.map(|digest| digest.shard()).collect();
        assert_eq!((hashes.len(), shards.len()), (256, 256));
        let hashes: HashSet<u32> = users.clone().map(|user| user.hash()).collect();
        let shards: HashSet<u8> = users.map(|user| user.shard()).collect();
        assert_eq!((hashes.len(), shards.len()), (256, 256));
    }
}
