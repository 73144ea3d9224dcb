//! One value a key.

use super::keyed::Keyed;
use super::operator::CellChange;
use super::state::{CellForm, CellSpec, NewStateCell, StateCell};
use super::visit::Visit;
use crate::coder::spec_of;
use crate::{Element, Key};
use std::sync::Arc;
use std::time::Duration;

/// A cell of state that holds a value by key. Inserting and removing do not read what is there.
///
/// ```
/// use ferrobeam_core::prelude::*;
///
/// #[derive(State)]
/// # #[state(crate = "ferrobeam_core")]
/// struct Prices {
///     last: Map<String, f64>,
/// }
/// let mut state = Prices::new();
/// state.last.insert("tea".to_owned(), 2.5);
/// assert_eq!(state.last.get(&"tea".to_owned()), Some(&2.5));
/// assert_eq!(state.last.keys().count(), 1);
/// ```
pub struct Map<K, V>(Keyed<K, V>);

impl<K: Key, V: Element> Map<K, V> {
    /// The value of a key.
    pub fn get(&mut self, key: &K) -> Option<&V> {
        let now = self.0.access.now();
        self.0.read(key).iter(now).last()
    }

    /// Whether a key has a value.
    pub fn contains_key(&mut self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Puts a value in the place of the one that the key had.
    pub fn insert(&mut self, key: K, value: V) {
        let kept = self.0.access.keep(value);
        let values = self.0.write(key);
        values.clear();
        values.add(kept);
    }

    /// Removes a key with its value.
    pub fn remove(&mut self, key: &K) {
        self.0.write(key.clone()).clear();
    }

    /// The keys, in the order of their encodings; values are not read unless they have a time to live.
    pub fn keys(&mut self) -> impl Iterator<Item = &K> {
        self.0.keys()
    }

    /// All keys with their values, in the order of the keys' encodings.
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

impl<K: Key, V: Element> StateCell for Map<K, V> {
    fn name(&self) -> &'static str {
        self.0.access.name
    }

    fn spec(&self) -> CellSpec {
        self.0.access.spec(CellForm::Map(spec_of::<K>(), self.0.access.value_spec::<V>()))
    }

    fn enter(&mut self, visit: &Arc<Visit>) {
        self.0.enter(visit);
    }

    fn leave(&mut self) -> Vec<CellChange> {
        self.0.leave()
    }
}

impl<K: Key, V: Element> NewStateCell for Map<K, V> {
    fn named(name: &'static str, ttl: Option<Duration>) -> Self {
        Map(Keyed::new(name, ttl))
    }
}
