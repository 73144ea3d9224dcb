//! Values by key: what `Set`, `Map` and `Multimap` have in common.

use super::operator::CellChange;
use super::values::Values;
use super::visit::{Access, Visit};
use crate::{Element, Key};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Keyed<K, V> {
    pub(super) access: Access,
    /// By the key's encoding, so that all who read the same state see its keys in the same order.
    entries: BTreeMap<Bytes, Entry<K, V>>,
    /// Whether all keys that were committed are among the entries.
    listed: bool,
    /// Whether all that was committed must go.
    cleared: bool,
}

struct Entry<K, V> {
    key: K,
    values: Values<V>,
    /// Whether the runner says that this key has values.
    listed: bool,
}

impl<K: Key, V: Element> Entry<K, V> {
    /// Of a key that is not among the entries: if all that have values are, it has none.
    fn new(key: K, all_listed: bool) -> Self {
        Entry { key, values: if all_listed { Values::none() } else { Values::default() }, listed: false }
    }
}

impl<K: Key, V: Element> Keyed<K, V> {
    pub(super) fn new(name: &'static str, ttl: Option<Duration>) -> Self {
        Keyed { access: Access::new(name, ttl), entries: BTreeMap::new(), listed: false, cleared: false }
    }

    pub(super) fn enter(&mut self, visit: &Arc<Visit>) {
        self.access.enter(visit);
        (self.entries, self.listed, self.cleared) = (BTreeMap::new(), false, false);
    }

    /// The values of a key, to write.
    pub(super) fn write(&mut self, key: K) -> &mut Values<V> {
        let bytes = self.access.key(&key);
        &mut self.entries.entry(bytes).or_insert_with(|| Entry::new(key, self.listed)).values
    }

    /// The values of a key, read.
    pub(super) fn read(&mut self, key: &K) -> &Values<V> {
        let bytes = self.access.key(key);
        let Keyed { access, entries, listed, .. } = self;
        let entry = entries.entry(bytes.clone()).or_insert_with(|| Entry::new(key.clone(), *listed));
        entry.values.read(access, &bytes);
        &entry.values
    }

    /// The keys that have values.
    pub(super) fn keys(&mut self) -> impl Iterator<Item = &K> {
        // Values that live for ever need not be read to know that they are there.
        self.list(self.access.ttl.is_some());
        let now = self.access.now();
        let is_there = move |entry: &&Entry<K, V>| {
            entry.listed && entry.values.is_unread() || entry.values.iter(now).next().is_some()
        };
        self.entries.values().filter(is_there).map(|entry| &entry.key)
    }

    /// All keys and values.
    pub(super) fn iter(&mut self) -> impl Iterator<Item = (&K, &V)> {
        self.list(true);
        let now = self.access.now();
        self.entries.values().flat_map(move |entry| entry.values.iter(now).map(|value| (&entry.key, value)))
    }

    fn list(&mut self, with_values: bool) {
        if !self.listed {
            for (bytes, key) in self.access.keys() {
                self.entries.entry(bytes).or_insert_with(|| Entry::new(key, false)).listed = true;
            }
            self.listed = true;
        }
        if with_values {
            let Keyed { access, entries, .. } = self;
            entries.iter_mut().for_each(|(bytes, entry)| entry.values.read(access, bytes));
        }
    }

    pub(super) fn clear(&mut self) {
        let had_none = self.listed && self.entries.values().all(|entry| entry.values.had_none());
        self.cleared |= !had_none;
        // Nothing is left to list.
        self.listed = true;
        self.entries.clear();
    }

    pub(super) fn leave(&mut self) -> Vec<CellChange> {
        let mut changes = Vec::new();
        if self.cleared {
            changes.push(CellChange::Clear);
        }
        for (key, entry) in std::mem::take(&mut self.entries) {
            let clear = CellChange::ClearKey { key: key.clone() };
            entry.values.changes(&self.access, &key, clear, &mut changes);
        }
        changes
    }
}
