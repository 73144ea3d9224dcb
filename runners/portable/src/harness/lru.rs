//! What is kept up to so many bytes: what nobody has used for longest goes first.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// Values by key, with how many bytes each takes.
#[derive(Debug)]
pub(super) struct Lru<K, V> {
    values: HashMap<K, Entry<V>>,
    by_use: BTreeMap<u64, K>,
    uses: u64,
    size: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    size: usize,
    used: u64,
}

impl<K, V> Default for Lru<K, V> {
    fn default() -> Self {
        Lru { values: HashMap::new(), by_use: BTreeMap::new(), uses: 0, size: 0 }
    }
}

impl<K: Clone + Eq + Hash, V> Lru<K, V> {
    /// How many bytes all values take.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Uses a value.
    pub(super) fn get(&mut self, key: &K) -> Option<&V> {
        let Entry { value, used, .. } = self.values.get_mut(key)?;
        self.by_use.remove(used);
        self.uses += 1;
        *used = self.uses;
        self.by_use.insert(self.uses, key.clone());
        Some(value)
    }

    /// Puts a value of so many bytes in the place of the one that the key had.
    pub(super) fn put(&mut self, key: K, value: V, size: usize) {
        self.remove(&key);
        self.uses += 1;
        self.size += size;
        self.by_use.insert(self.uses, key.clone());
        self.values.insert(key, Entry { value, size, used: self.uses });
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let Entry { value, size, used } = self.values.remove(key)?;
        self.by_use.remove(&used);
        self.size -= size;
        Some(value)
    }

    /// Removes the value that was not used for longest.
    pub(super) fn pop(&mut self) -> Option<V> {
        let (_, key) = self.by_use.first_key_value()?;
        let key = key.clone();
        self.remove(&key)
    }
}
