//! How much memory values take, by a sample of them.

use crate::coder;
use crate::{Element, Key};
use std::mem::needs_drop;

/// What an allocation costs beside what is in it.
const ALLOCATION: usize = 24;

/// The mean sizes of encoded keys and values.
#[derive(Default)]
pub(in crate::grouping) struct Meter {
    samples: usize,
    keys: usize,
    values: usize,
    scratch: Vec<u8>,
}

impl Meter {
    /// Looks at one pair of many.
    pub(super) fn sample<K: Key, V: Element>(&mut self, (key, value): &(K, V)) {
        // A type without a destructor owns nothing, and its size is known.
        if !needs_drop::<K>() && !needs_drop::<V>() {
            return;
        }
        self.samples += 1;
        self.keys += coder::estimate(key, &mut self.scratch);
        self.values += coder::estimate(value, &mut self.scratch);
    }

    /// Looks at one value of many that have no key.
    pub(in crate::grouping) fn sample_value<V: Element>(&mut self, value: &V) {
        if needs_drop::<V>() {
            self.samples += 1;
            self.values += coder::estimate(value, &mut self.scratch);
        }
    }

    /// What a key owns beside itself.
    pub(super) fn of_key<K>(&self) -> usize {
        owned::<K>(self.keys / self.samples.max(1))
    }

    /// What a value takes in a list, with what it owns.
    pub(in crate::grouping) fn in_list<V>(&self) -> usize {
        in_lists::<V>(1) + self.of_value::<V>()
    }

    /// What an accumulator of such values owns whose encoding is so long: as much for each byte as a value in a list, for it may
    /// be a set of them, of short texts maybe. What is another thing mostly takes no more than its encoding.
    pub(super) fn of_accumulator<A, V>(&self, encoded: usize) -> usize {
        const LEAST: usize = 4;
        const MOST: usize = 8;
        let value = (self.values / self.samples.max(1)).max(1);
        let factor = if self.samples == 0 { LEAST } else { (self.in_list::<V>() / value).clamp(LEAST, MOST) };
        if needs_drop::<A>() { encoded * factor + ALLOCATION } else { 0 }
    }

    /// What a value owns beside itself.
    pub(in crate::grouping) fn of_value<V>(&self) -> usize {
        owned::<V>(self.values / self.samples.max(1))
    }
}

/// What a value owns whose encoding is so long.
pub(in crate::grouping) fn owned<T>(encoded: usize) -> usize {
    if needs_drop::<T>() { encoded + encoded / 4 + ALLOCATION } else { 0 }
}

/// What so many values take in lists, which grow by doubling, beside what they own.
pub(super) fn in_lists<V>(count: usize) -> usize {
    (count * size_of::<V>() * 3).div_ceil(2)
}
