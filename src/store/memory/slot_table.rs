//! Where rows are, by the hashes of their keys.

use crate::store::memory::rows::{SLOT_BITS, Slot};

/// A hash table of slots in one array, with linear probing (Knuth, The Art of Computer Programming,
/// volume 3, section 6.4, algorithms L and R).
///
/// An entry is four bytes: the slot, and in the bits that this leaves a tag of the hash, so that of
/// sixty-four rows with other keys one is looked at. Tags and slots in arrays of their own would be two
/// reads of memory, the second of which waits for the first, and a look-up does little else than to wait.
///
/// It knows neither rows nor keys. Where it has to move a slot it asks for its hash.
#[derive(Debug, Default)]
pub(super) struct SlotTable {
    /// None, or a power of two, of which at least a quarter is empty.
    entries: Vec<Entry>,
    len: usize,
}

/// A slot with a tag, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry(u32);

impl Entry {
    /// No slot's, because [`MAX_SLOTS`](super::rows::MAX_SLOTS) leaves the last number out.
    const EMPTY: Self = Self(u32::MAX);

    fn new(hash: u32, slot: Slot) -> Self {
        Self((slot.0 << TAG_BITS) | tag(hash))
    }

    fn slot(self) -> Option<Slot> {
        (self != Self::EMPTY).then_some(Slot(self.0 >> TAG_BITS))
    }

    fn tag(self) -> u32 {
        self.0 % (1 << TAG_BITS)
    }
}

impl SlotTable {
    /// The slot with this hash that is the one.
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(Slot) -> bool) -> Option<Slot> {
        self.entries[self.position(hash, is_it)?].slot()
    }

    /// Adds a slot that is not there.
    pub(super) fn insert(&mut self, hash: u32, slot: Slot, hash_of: impl Fn(Slot) -> u32) {
        if self.entries.len() / 4 * 3 <= self.len {
            self.grow(hash_of);
        }
        self.place(hash, slot);
        self.len += 1;
    }

    /// Takes a slot out.
    pub(super) fn remove(&mut self, hash: u32, slot: Slot, hash_of: impl Fn(Slot) -> u32) {
        let Some(mut gap) = self.position(hash, |other| other == slot) else { return };
        // No entry may be empty between a slot and its home. So whatever had to go past the gap moves
        // into it, and leaves a gap where it was.
        let mut at = self.after(gap);
        while let Some(slot) = self.entries[at].slot() {
            let home = self.home(hash_of(slot));
            if self.distance(gap, at) <= self.distance(home, at) {
                self.entries[gap] = self.entries[at];
                gap = at;
            }
            at = self.after(at);
        }
        self.entries[gap] = Entry::EMPTY;
        self.len -= 1;
    }

    fn position(&self, hash: u32, is_it: impl Fn(Slot) -> bool) -> Option<usize> {
        let mut at = self.home(hash);
        while let Some(slot) = self.entries.get(at)?.slot() {
            if self.entries[at].tag() == tag(hash) && is_it(slot) {
                return Some(at);
            }
            at = self.after(at);
        }
        None
    }

    /// There must be an entry that is empty.
    fn place(&mut self, hash: u32, slot: Slot) {
        let mut at = self.home(hash);
        while self.entries[at] != Entry::EMPTY {
            at = self.after(at);
        }
        self.entries[at] = Entry::new(hash, slot);
    }

    fn grow(&mut self, hash_of: impl Fn(Slot) -> u32) {
        let len = (self.entries.len() * 2).max(FEWEST);
        let before = std::mem::replace(&mut self.entries, vec![Entry::EMPTY; len]);
        for slot in before.into_iter().filter_map(Entry::slot) {
            self.place(hash_of(slot), slot);
        }
    }

    /// The entry where a slot with this hash is looked for first.
    fn home(&self, hash: u32) -> usize {
        self.wrap(hash as usize)
    }

    fn after(&self, at: usize) -> usize {
        self.wrap(at + 1)
    }

    /// How many entries `to` is after `from`.
    fn distance(&self, from: usize, to: usize) -> usize {
        self.wrap(to.wrapping_sub(from))
    }

    fn wrap(&self, at: usize) -> usize {
        at & self.entries.len().wrapping_sub(1)
    }
}

/// The highest bits, because the lowest are what tells the home.
fn tag(hash: u32) -> u32 {
    hash >> (u32::BITS - TAG_BITS)
}

/// What an entry has left beside the slot.
const TAG_BITS: u32 = u32::BITS - SLOT_BITS;
/// Entries of a table that has any.
const FEWEST: usize = 8;

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::store::memory::rows::MAX_SLOTS;

    /// One of eight homes, the last ones of every table, and of two tags.
    fn hash_of(slot: Slot) -> u32 {
        let homes = u32::MAX << 3;
        (homes | (slot.0 % 8)) ^ ((slot.0 / 8 % 2) << 31)
    }

    proptest! {
        #[test]
        fn a_slot_is_found_from_when_it_is_added_until_it_is_removed(
            changes in proptest::collection::vec(0..40_u32, 0..120),
        ) {
            let (mut table, mut model) = (SlotTable::default(), BTreeMap::new());
            for number in changes {
                let slot = Slot(number);
                if model.remove(&number).is_some() {
                    table.remove(hash_of(slot), slot, hash_of);
                } else {
                    table.insert(hash_of(slot), slot, hash_of);
                    model.insert(number, slot);
                }
                for number in 0..40 {
                    let found = table.find(hash_of(Slot(number)), |slot| slot.0 == number);
                    prop_assert_eq!(found, model.get(&number).copied());
                }
                let kept = table.entries.iter().filter(|entry| **entry != Entry::EMPTY).count();
                prop_assert_eq!((table.len, kept), (model.len(), model.len()));
                prop_assert!(kept <= table.entries.len() / 4 * 3);
            }
        }
    }

    #[test]
    fn the_last_slot_is_none_that_is_empty() {
        let mut table = SlotTable::default();
        let last = Slot(MAX_SLOTS - 1);
        table.insert(u32::MAX, last, |_| u32::MAX);
        assert_eq!(table.find(u32::MAX, |slot| slot == last), Some(last));
    }

    #[test]
    fn it_takes_at_most_eleven_bytes_a_slot_and_looks_at_few_others() {
        // Without a pattern, so that many have the home of another.
        let spread = |slot: Slot| {
            let bits = (slot.0 ^ (slot.0 >> 16)).wrapping_mul(0x85eb_ca6b);
            let bits = (bits ^ (bits >> 13)).wrapping_mul(0xc2b2_ae35);
            bits ^ (bits >> 16)
        };
        let mut table = SlotTable::default();
        for number in 0..100_000 {
            table.insert(spread(Slot(number)), Slot(number), spread);
            let bytes = table.entries.len() * size_of::<Entry>();
            assert!(table.len < FEWEST || bytes <= 11 * table.len, "{bytes} for {}", table.len);
        }
        let looked_at = Cell::new(0);
        for number in 0..100_000 {
            let is_it = |slot: Slot| {
                looked_at.set(looked_at.get() + 1);
                slot.0 == number
            };
            assert_eq!(table.find(spread(Slot(number)), is_it), Some(Slot(number)));
        }
        assert!(looked_at.get() < 105_000, "{} rows looked at", looked_at.get());
    }
}
