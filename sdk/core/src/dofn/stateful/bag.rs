//! Values in no order.

use super::operator::CellChange;
use super::state::{CellForm, CellSpec, NewStateCell, StateCell};
use super::values::Values;
use super::visit::{Access, Visit};
use crate::Element;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// A cell of state that holds any number of values, in no particular order. Adding does not read what is there.
///
/// ```
/// use ferrobeam_core::prelude::*;
///
/// #[derive(State)]
/// # #[state(crate = "ferrobeam_core")]
/// struct Waiting {
///     orders: Bag<u64>,
/// }
/// let mut state = Waiting::new();
/// state.orders.add(3);
/// state.orders.add(5);
/// assert_eq!(state.orders.iter().sum::<u64>(), 8);
/// ```
pub struct Bag<T> {
    access: Access,
    values: Values<T>,
}

impl<T: Element> Bag<T> {
    /// Adds a value.
    pub fn add(&mut self, value: T) {
        self.values.add(self.access.keep(value));
    }

    /// The values.
    pub fn iter(&mut self) -> impl Iterator<Item = &T> {
        self.values.read(&self.access, &[]);
        self.values.iter(self.access.now())
    }

    /// Whether there is no value.
    pub fn is_empty(&mut self) -> bool {
        self.iter().next().is_none()
    }

    /// Removes all values and returns them.
    pub fn take(&mut self) -> Vec<T> {
        self.values.read(&self.access, &[]);
        self.values.take(self.access.now()).collect()
    }

    /// Removes all values; nothing is read for it.
    pub fn clear(&mut self) {
        self.values.clear();
    }
}

impl<T: Element> StateCell for Bag<T> {
    fn name(&self) -> &'static str {
        self.access.name
    }

    fn spec(&self) -> CellSpec {
        self.access.spec(CellForm::Bag(self.access.value_spec::<T>()))
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

impl<T: Element> NewStateCell for Bag<T> {
    fn named(name: &'static str, ttl: Option<Duration>) -> Self {
        Bag { access: Access::new(name, ttl), values: Values::default() }
    }
}
