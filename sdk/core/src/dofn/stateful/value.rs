//! One value.

use super::operator::CellChange;
use super::state::{CellForm, CellSpec, NewStateCell, StateCell};
use super::values::Values;
use super::visit::{Access, Visit};
use crate::Element;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// A cell of state that holds one value, or none.
///
/// ```
/// use ferrobeam_core::prelude::*;
///
/// #[derive(State)]
/// # #[state(crate = "ferrobeam_core")]
/// struct Counted {
///     count: Value<u64>,
/// }
/// let mut state = Counted::new();
/// let n = state.count.get().copied().unwrap_or_default();
/// state.count.set(n + 1);
/// assert_eq!(state.count.take(), Some(1));
/// assert_eq!(state.count.get(), None);
/// ```
pub struct Value<T> {
    access: Access,
    values: Values<T>,
}

impl<T: Element> Value<T> {
    /// The value.
    pub fn get(&mut self) -> Option<&T> {
        self.values.read(&self.access, &[]);
        self.values.iter(self.access.now()).last()
    }

    /// Puts a value in the place of the one before; nothing is read for it.
    pub fn set(&mut self, value: T) {
        self.values.clear();
        self.values.add(self.access.keep(value));
    }

    /// Removes the value and returns it.
    pub fn take(&mut self) -> Option<T> {
        self.values.read(&self.access, &[]);
        self.values.take(self.access.now()).last()
    }

    /// Removes the value; nothing is read for it.
    pub fn clear(&mut self) {
        self.values.clear();
    }
}

impl<T: Element> StateCell for Value<T> {
    fn name(&self) -> &'static str {
        self.access.name
    }

    fn spec(&self) -> CellSpec {
        self.access.spec(CellForm::Value(self.access.value_spec::<T>()))
    }

    fn enter(&mut self, visit: &Arc<Visit>) {
        self.access.enter(visit);
        self.values = Values::default();
    }

    fn leave(&mut self) -> Vec<CellChange> {
        let mut changes = Vec::new();
        std::mem::take(&mut self.values).changes(&self.access, &Bytes::new(), CellChange::Clear, &mut changes);
        changes
    }
}

impl<T: Element> NewStateCell for Value<T> {
    fn named(name: &'static str, ttl: Option<Duration>) -> Self {
        Value { access: Access::new(name, ttl), values: Values::default() }
    }
}
