//! Any number of values a key.

use super::keyed::Keyed;
use super::operator::CellChange;
use super::state::{CellForm, CellSpec, NewStateCell, StateCell};
use super::visit::Visit;
use crate::coder::spec_of;
use crate::{Element, Key};
use std::sync::Arc;
use std::time::Duration;

/// A cell of state that holds any number of values by key. Inserting and removing do not read what is there.
///
/// ```
/// use ferrobeam_core::prelude::*;
///
/// #[derive(State)]
/// # #[state(crate = "ferrobeam_core")]
/// struct Waiting {
///     orders: Multimap<String, u64>,
/// }
/// let mut state = Waiting::new();
/// state.orders.insert("tea".to_owned(), 3);
/// state.orders.insert("tea".to_owned(), 3);
/// assert_eq!(state.orders.get(&"tea".to_owned()).sum::<u64>(), 6);
/// ```
pub struct Multimap<K, V>(Keyed<K, V>);

impl<K: Key, V: Element> Multimap<K, V> {
    /// The values of a key, in no particular order.
    pub fn get(&mut self, key: &K) -> impl Iterator<Item = &V> {
        let now = self.0.access.now();
        self.0.read(key).iter(now)
    }

    /// Whether a key has values.
    pub fn contains_key(&mut self, key: &K) -> bool {
        self.get(key).next().is_some()
    }

    /// Adds a value to those of a key.
    pub fn insert(&mut self, key: K, value: V) {
        let kept = self.0.access.keep(value);
        self.0.write(key).add(kept);
    }

    /// Removes a key with its values.
    pub fn remove(&mut self, key: &K) {
        self.0.write(key.clone()).clear();
    }

    /// The keys that have values, in the order of their encodings; values are not read unless they have a time to live.
    pub fn keys(&mut self) -> impl Iterator<Item = &K> {
        self.0.keys()
    }

    /// All values with their keys, in the order of the keys' encodings.
    pub fn iter(&mut self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter()
    }

    /// Whether there is no key.
    pub fn is_empty(&mut self) -> bool {
        self.0.keys().next().is_none()
    }

    /// Removes all keys; nothing is read for it.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<K: Key, V: Element> StateCell for Multimap<K, V> {
    fn name(&self) -> &'static str {
        self.0.access.name
    }

    fn spec(&self) -> CellSpec {
        self.0.access.spec(CellForm::Multimap(spec_of::<K>(), self.0.access.value_spec::<V>()))
    }

    fn enter(&mut self, visit: &Arc<Visit>) {
        self.0.enter(visit);
    }

    fn leave(&mut self) -> Vec<CellChange> {
        self.0.leave()
    }
}

impl<K: Key, V: Element> NewStateCell for Multimap<K, V> {
    fn named(name: &'static str, ttl: Option<Duration>) -> Self {
        Multimap(Keyed::new(name, ttl))
    }
}
