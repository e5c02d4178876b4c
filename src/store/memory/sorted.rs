//! What is kept in order.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

/// An ordered set of small values, in blocks: a B-tree whose leaves are large, and full where values
/// come in their order, as time-ordered identifiers do.
///
/// In a [`BTreeSet`](std::collections::BTreeSet) they leave every leaf half empty. Where values come at
/// random a block is two thirds full. Whatever the order, adding and removing take a search in the tree
/// of blocks and a move within one block, so growing never takes long.
#[derive(Debug)]
pub(super) struct SortedSet<T> {
    /// Each block under a value that is not after its first, and after the last of the block before.
    /// None is empty.
    blocks: BTreeMap<T, Vec<T>>,
}

impl<T: Copy + Ord> SortedSet<T> {
    /// The first value.
    pub(super) fn first(&self) -> Option<T> {
        self.blocks.first_key_value()?.1.first().copied()
    }

    /// All values, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = T> {
        self.blocks.values().flatten().copied()
    }

    /// The values from `first` on, in order.
    pub(super) fn from(&self, first: T) -> impl Iterator<Item = T> {
        let start = self.blocks.range(..=first).next_back().map_or(first, |(start, _)| *start);
        let mut blocks = self.blocks.range(start..).map(|(_, block)| block);
        let head = blocks.next().map(Vec::as_slice).unwrap_or_default();
        let head = &head[head.partition_point(|value| *value < first)..];
        head.iter().chain(blocks.flatten()).copied()
    }

    /// Adds a value, unless it is there.
    pub(super) fn insert(&mut self, value: T) {
        if let Some(first) = self.blocks.first_entry()
            && value < *first.key()
        {
            let block = first.remove();
            self.blocks.insert(value, block);
        }
        let Some((start, block)) = self.blocks.range_mut(..=value).next_back() else {
            self.blocks.insert(value, block_with(value));
            return;
        };
        let Err(at) = block.binary_search(&value) else { return };
        if block.len() < BLOCK {
            block.insert(at, value);
        } else {
            let start = *start;
            self.split(start, at, value);
        }
    }

    /// Removes a value, if it is there.
    pub(super) fn remove(&mut self, value: T) {
        let Some((start, block)) = self.blocks.range_mut(..=value).next_back() else { return };
        let Ok(at) = block.binary_search(&value) else { return };
        block.remove(at);
        let (start, left) = (*start, block.len());
        if left == 0 {
            self.blocks.remove(&start);
        } else if left < FEW {
            self.join(start);
        }
    }

    /// Makes two blocks of a full one, and adds a value that belongs into it at `at`.
    fn split(&mut self, start: T, at: usize, value: T) {
        let is_last = self.blocks.last_key_value().is_some_and(|(last, _)| *last == start);
        // At the end the next value is likely to come behind this one, and what is before it stays full.
        let middle = if is_last { at } else { BLOCK / 2 };
        let Some(block) = self.blocks.get_mut(&start) else { return };
        let mut second = Vec::with_capacity(BLOCK);
        second.extend(block.drain(middle..));
        if at <= middle && middle < BLOCK {
            block.insert(at, value);
        } else {
            second.insert(at - middle, value);
        }
        if let Some(first) = second.first() {
            self.blocks.insert(*first, second);
        }
    }

    /// Puts a block that has become small together with a neighbour, if both fit into one.
    fn join(&mut self, start: T) {
        let before = self.blocks.range(..start).next_back().map(|(before, _)| (*before, start));
        let after = self.blocks.range((Excluded(start), Unbounded)).next();
        let after = after.map(|(after, _)| (start, *after));
        for (first, second) in before.into_iter().chain(after) {
            let length = |start| self.blocks.get(start).map_or(0, Vec::len);
            if length(&first) + length(&second) <= BLOCK
                && let Some(second) = self.blocks.remove(&second)
                && let Some(first) = self.blocks.get_mut(&first)
            {
                first.extend(second);
                return;
            }
        }
    }
}

fn block_with<T>(value: T) -> Vec<T> {
    let mut block = Vec::with_capacity(BLOCK);
    block.push(value);
    block
}

impl<T> Default for SortedSet<T> {
    fn default() -> Self {
        Self { blocks: BTreeMap::new() }
    }
}

/// Most values of a block: some kilobytes, which are moved in less time than a search takes.
const BLOCK: usize = 128;
/// A block with fewer is joined with a neighbour.
const FEW: usize = BLOCK / 4;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Values that are added in their order, at random, in reverse, and removed at random: so many that
    /// blocks are split and joined.
    fn changes() -> impl Strategy<Value = Vec<(bool, u16)>> {
        let many = 0..4 * u16::try_from(BLOCK).unwrap();
        let some = |adds: bool| {
            let random = proptest::collection::vec(many.clone(), 0..3 * BLOCK);
            let run = (many.clone(), many.clone()).prop_map(|(from, to)| (from..to).collect());
            let back = run.clone().prop_map(|run: Vec<u16>| run.into_iter().rev().collect());
            let values = prop_oneof![random, run, back];
            values.prop_map(move |values| values.into_iter().map(|value| (adds, value)).collect())
        };
        let some: [BoxedStrategy<Vec<_>>; 2] = [some(true).boxed(), some(false).boxed()];
        let [adding, removing] = some;
        let changes = proptest::collection::vec(prop_oneof![adding, removing], 0..6);
        changes.prop_map(|changes| changes.concat())
    }

    proptest! {
        #[test]
        fn it_is_a_set_in_order(changes in changes(), first in 0..600_u16) {
            let (mut ours, mut model) = (SortedSet::default(), BTreeSet::new());
            for (adds, value) in changes {
                if adds {
                    ours.insert(value);
                    model.insert(value);
                } else {
                    ours.remove(value);
                    model.remove(&value);
                }
            }
            prop_assert!(ours.iter().eq(model.iter().copied()));
            prop_assert!(ours.from(first).eq(model.range(first..).copied()));
            for (start, block) in &ours.blocks {
                prop_assert!((1..=BLOCK).contains(&block.len()));
                prop_assert!(*start <= block[0]);
            }
        }
    }

    #[test]
    fn what_comes_in_its_order_leaves_full_blocks() {
        let mut set = SortedSet::default();
        (0..10_000).for_each(|value| set.insert(value));
        assert_eq!(set.blocks.len(), 10_000_usize.div_ceil(BLOCK));
    }

    #[test]
    fn what_loses_most_of_its_values_has_few_blocks() {
        let mut set = SortedSet::default();
        (0..10_000).for_each(|value| set.insert(value));
        for value in (0..10_000).filter(|value| value % 100 != 0) {
            set.remove(value);
        }
        assert_eq!(set.iter().count(), 100);
        assert!(set.blocks.len() <= 100 / FEW + 1, "{} blocks", set.blocks.len());
    }
}
