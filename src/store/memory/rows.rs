//! Rows of one kind, each in a slot of its own until it is removed.

/// A slab in segments: growing moves no row, and leaves at most one segment unused.
///
/// A slot that was freed is taken again before a new one is made, the last one first. Memory that was
/// needed once is kept for the rows to come.
#[derive(Debug)]
pub(super) struct Rows<R> {
    segments: Vec<Vec<Option<R>>>,
    /// Slots that were ever taken.
    slots: u32,
    free: Vec<Slot>,
}

/// Where a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(pub(super) u32);

impl Slot {
    fn position(self) -> (usize, usize) {
        let number = self.0 as usize;
        (number / SEGMENT, number % SEGMENT)
    }
}

impl<R> Rows<R> {
    /// Whether there is no slot for another row.
    pub(super) fn is_full(&self) -> bool {
        self.free.is_empty() && self.slots == MAX_SLOTS
    }

    /// The row in a slot; `None` if it was removed.
    pub(super) fn get(&self, slot: Slot) -> Option<&R> {
        let (segment, offset) = slot.position();
        self.segments.get(segment)?.get(offset)?.as_ref()
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut R> {
        self.kept_at(slot)?.as_mut()
    }

    /// Keeps a row, for which there must be a slot.
    pub(super) fn insert(&mut self, row: R) -> Slot {
        if let Some(slot) = self.free.pop() {
            if let Some(kept) = self.kept_at(slot) {
                *kept = Some(row);
            }
            return slot;
        }
        debug_assert!(!self.is_full(), "whoever inserts has asked before");
        let slot = Slot(self.slots);
        let (segment, _) = slot.position();
        if segment == self.segments.len() {
            self.segments.push(Vec::with_capacity(SEGMENT));
        }
        self.segments[segment].push(Some(row));
        self.slots += 1;
        slot
    }

    /// Takes a row out, and frees its slot.
    pub(super) fn remove(&mut self, slot: Slot) -> Option<R> {
        let removed = self.kept_at(slot)?.take();
        if removed.is_some() {
            self.free.push(slot);
        }
        removed
    }

    fn kept_at(&mut self, slot: Slot) -> Option<&mut Option<R>> {
        let (segment, offset) = slot.position();
        self.segments.get_mut(segment)?.get_mut(offset)
    }
}

impl<R> Default for Rows<R> {
    fn default() -> Self {
        Self { segments: Vec::new(), slots: 0, free: Vec::new() }
    }
}

/// Bits of a slot's number.
pub(super) const SLOT_BITS: u32 = 26;
/// Most rows that are kept at a time: sixty-seven million in each shard. One less than there are numbers,
/// so that a table has one for no slot.
pub(super) const MAX_SLOTS: u32 = (1 << SLOT_BITS) - 1;
/// Rows that memory is asked for at a time. The fewer segments, the more of the list of them stays near to
/// the processor; and what is asked for is not touched before there are rows in it.
const SEGMENT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_slot_is_taken_again_before_a_new_one_is_made() {
        let mut rows = Rows::default();
        let slots: Vec<Slot> = (0..1000).map(|row| rows.insert(row)).collect();
        assert_eq!(rows.remove(slots[7]), Some(7));
        assert_eq!(rows.remove(slots[500]), Some(500));
        assert_eq!(rows.remove(slots[7]), None);
        assert_eq!(rows.get(slots[7]), None);
        assert_eq!((rows.insert(1000), rows.insert(1001)), (slots[500], slots[7]));
        assert_eq!(rows.slots, 1000);
        assert_eq!((rows.get(slots[500]), rows.get(slots[7])), (Some(&1000), Some(&1001)));
        assert_eq!(rows.insert(1002), Slot(1000));
        assert_eq!(rows.get(slots[999]), Some(&999));
    }

    #[test]
    fn an_unknown_slot_has_no_row() {
        let mut rows = Rows::default();
        assert_eq!(rows.get(Slot(0)), None);
        assert_eq!(rows.get_mut(Slot(u32::MAX)), None);
        rows.insert(1);
        assert_eq!(rows.get(Slot(1)), None);
        assert_eq!(rows.remove(Slot(1)), None);
    }

    #[test]
    fn it_is_full_when_every_slot_is_taken() {
        let mut rows = Rows::default();
        rows.insert(1);
        rows.slots = MAX_SLOTS;
        assert!(rows.is_full());
        rows.remove(Slot(0));
        assert!(!rows.is_full());
    }
}
