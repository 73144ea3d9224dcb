//! Values that come back from a file in the order in which they came, and are to be beside those of the same key.
//!
//! Added to a list of its key at once, each value would miss the cache, twice: in a table of all keys, and at the end of a list. So
//! rows first go to heaps by some bits of their hashes, one after the other; the keys of one heap and the ends of their lists
//! fit into a cache. Lists are made as long as they must be, for their keys are counted before. This is the partitioning of
//! radix joins (Boncz, Manegold and Kersten, *Database architecture optimized for the new bottleneck: memory access*, 1999).

use super::part::{LEVELS, PARTS, place};
use crate::Key;
use crate::grouping::hash;
use hashbrown::HashTable;

/// Rows of the keys of a part.
pub(super) struct Heaps<K, V> {
    heaps: Vec<Heap<K, V>>,
    level: u32,
}

struct Heap<K, V> {
    /// Keys, and how many of the values are each one's.
    keys: Vec<(K, usize)>,
    values: Vec<V>,
}

impl<K: Key, V> Heaps<K, V> {
    /// For so many rows, of keys that were parted so often.
    pub(super) fn new(level: u32, rows: usize) -> Self {
        // Somewhat more than the mean, for they are not all of one size.
        let each = rows / PARTS + rows / PARTS / 8;
        let heap = |_| Heap { keys: Vec::with_capacity(each), values: Vec::with_capacity(each) };
        Heaps { heaps: (0..PARTS).map(heap).collect(), level: level.min(LEVELS - 1) }
    }

    /// How many bytes a row takes, in a heap and then in a list.
    pub(super) fn row() -> usize {
        size_of::<(K, usize)>() + 2 * size_of::<V>()
    }

    /// Adds values of a key.
    ///
    /// # Errors
    /// Those of the values.
    #[inline]
    pub(super) fn put<E>(&mut self, key: K, values: impl Iterator<Item = Result<V, E>>) -> Result<(), E> {
        let heap = &mut self.heaps[place(hash(&key), self.level)];
        let before = heap.values.len();
        for value in values {
            heap.values.push(value?);
        }
        heap.keys.push((key, heap.values.len() - before));
        Ok(())
    }

    /// Gives each key with all of its values, in the order in which they came.
    pub(super) fn gather(self, mut each: impl FnMut(K, Vec<V>)) {
        for Heap { keys, values } in self.heaps {
            let (mut known, mut counts) = (HashTable::<(K, usize)>::new(), Vec::new());
            let mut numbers = Vec::with_capacity(keys.len());
            for (key, count) in keys {
                let entry = known.entry(hash(&key), |(other, _)| *other == key, |(other, _)| hash(other));
                let number = entry.or_insert_with(|| (key, counts.len())).get().1;
                if number == counts.len() {
                    counts.push(0);
                }
                counts[number] += count;
                numbers.push((number, count));
            }
            let mut lists: Vec<Vec<V>> = counts.into_iter().map(Vec::with_capacity).collect();
            let mut values = values.into_iter();
            for (number, count) in numbers {
                lists[number].extend(values.by_ref().take(count));
            }
            for (key, number) in known {
                each(key, std::mem::take(&mut lists[number]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::convert::Infallible;

    proptest! {
        #[test]
        fn each_key_has_its_values_in_order(
            rows in proptest::collection::vec((0u16..50, proptest::collection::vec(any::<u32>(), 0..4)), 0..300),
            level in 0..=LEVELS,
        ) {
            let mut heaps = Heaps::new(level, rows.len());
            let mut expected = HashMap::<u16, Vec<u32>>::new();
            for (key, values) in &rows {
                heaps.put(*key, values.iter().copied().map(Ok::<u32, Infallible>)).unwrap();
                expected.entry(*key).or_default().extend(values);
            }
            let mut found = HashMap::new();
            heaps.gather(|key, values| assert!(found.insert(key, values).is_none()));
            prop_assert_eq!(found, expected);
        }
    }
}
