//! Keys.

use super::keyed::Keyed;
use super::operator::CellChange;
use super::state::{CellForm, CellSpec, NewStateCell, StateCell};
use super::visit::Visit;
use crate::Key;
use crate::coder::spec_of;
use std::sync::Arc;
use std::time::Duration;

/// A cell of state that holds a set. Inserting and removing do not read what is there.
///
/// ```
/// use ferrobeam_core::prelude::*;
///
/// #[derive(State)]
/// # #[state(crate = "ferrobeam_core")]
/// struct Visited {
///     pages: Set<String>,
/// }
/// let mut state = Visited::new();
/// state.pages.insert("/".to_owned());
/// assert!(state.pages.contains(&"/".to_owned()) && !state.pages.contains(&"/about".to_owned()));
/// ```
pub struct Set<K>(Keyed<K, ()>);

impl<K: Key> Set<K> {
    /// Puts a key into the set; a time to live begins anew.
    pub fn insert(&mut self, key: K) {
        let kept = self.0.access.keep(());
        let values = self.0.write(key);
        values.clear();
        values.add(kept);
    }

    /// Whether a key is in the set.
    pub fn contains(&mut self, key: &K) -> bool {
        let now = self.0.access.now();
        self.0.read(key).iter(now).next().is_some()
    }

    /// Takes a key out of the set.
    pub fn remove(&mut self, key: &K) {
        self.0.write(key.clone()).clear();
    }

    /// The keys, in the order of their encodings.
    pub fn iter(&mut self) -> impl Iterator<Item = &K> {
        self.0.keys()
    }

    /// Whether the set is empty.
    pub fn is_empty(&mut self) -> bool {
        self.0.keys().next().is_none()
    }

    /// Takes all keys out; nothing is read for it.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<K: Key> StateCell for Set<K> {
    fn name(&self) -> &'static str {
        self.0.access.name
    }

    fn spec(&self) -> CellSpec {
        let access = &self.0.access;
        access.spec(CellForm::Set(spec_of::<K>(), access.value_spec::<()>()))
    }

    fn enter(&mut self, visit: &Arc<Visit>) {
        self.0.enter(visit);
    }

    fn leave(&mut self) -> Vec<CellChange> {
        self.0.leave()
    }
}

impl<K: Key> NewStateCell for Set<K> {
    fn named(name: &'static str, ttl: Option<Duration>) -> Self {
        Set(Keyed::new(name, ttl))
    }
}
