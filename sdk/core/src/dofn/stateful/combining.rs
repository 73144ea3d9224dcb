//! What values come to.

use super::operator::CellChange;
use super::state::{CellForm, CellSpec, NewStateCell, StateCell};
use super::values::Values;
use super::visit::{Access, Visit};
use crate::combiners::CombineFn;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// A cell of state that holds what a [`CombineFn`] makes of the values added to it: its accumulator. A time to live begins
/// anew with every value.
///
/// The function is `C`'s default; one that needs parameters is made by an attribute.
///
/// ```
/// use ferrobeam_core::combiners::{Natural, ByOrd, Sum, Top};
/// use ferrobeam_core::prelude::*;
///
/// #[derive(State)]
/// # #[state(crate = "ferrobeam_core")]
/// struct Sales {
///     total: Combining<Sum<u64>>,
///     #[state(combine = largest(2))]
///     best: Combining<Top<u64, Natural<ByOrd>>>,
/// }
/// let mut state = Sales::new();
/// for price in [3, 5, 4] {
///     state.total.add(price);
///     state.best.add(price);
/// }
/// assert_eq!(state.total.get(), Some(12));
/// assert_eq!(state.best.get(), Some(vec![5, 4]));
/// ```
pub struct Combining<C: CombineFn> {
    access: Access,
    combine: C,
    accumulators: Values<C::Acc>,
}

impl<C: CombineFn> Combining<C> {
    /// The cell with a function that was made for it.
    #[doc(hidden)]
    pub fn by(name: &'static str, ttl: Option<Duration>, combine: C) -> Self {
        Combining { access: Access::new(name, ttl), combine, accumulators: Values::default() }
    }

    /// Adds a value.
    pub fn add(&mut self, value: C::In) {
        self.accumulators.read(&self.access, &[]);
        let mut all = self.accumulators.take(self.access.now());
        let mut accumulator = all.next().unwrap_or_else(|| self.combine.create_accumulator());
        all.for_each(|other| self.combine.merge_accumulators(&mut accumulator, other));
        self.combine.add_input(&mut accumulator, value);
        self.accumulators.add(self.access.keep(accumulator));
    }

    /// What the values come to; of none it is the function's [`default_output`](CombineFn::default_output).
    pub fn get(&mut self) -> Option<C::Out> {
        self.accumulators.read(&self.access, &[]);
        let mut all = self.accumulators.iter(self.access.now()).cloned();
        let Some(mut accumulator) = all.next() else { return self.combine.default_output() };
        all.for_each(|other| self.combine.merge_accumulators(&mut accumulator, other));
        Some(self.combine.extract_output(accumulator))
    }

    /// Whether no value was added.
    pub fn is_empty(&mut self) -> bool {
        self.accumulators.read(&self.access, &[]);
        self.accumulators.iter(self.access.now()).next().is_none()
    }

    /// Removes all values; nothing is read for it.
    pub fn clear(&mut self) {
        self.accumulators.clear();
    }
}

impl<C: CombineFn> StateCell for Combining<C> {
    fn name(&self) -> &'static str {
        self.access.name
    }

    fn spec(&self) -> CellSpec {
        self.access.spec(CellForm::Combining(self.access.value_spec::<C::Acc>()))
    }

    fn enter(&mut self, visit: &Arc<Visit>) {
        self.access.enter(visit);
        self.accumulators = Values::default();
    }

    fn leave(&mut self) -> Vec<CellChange> {
        let mut changes = Vec::new();
        std::mem::take(&mut self.accumulators).changes(&self.access, &Bytes::new(), CellChange::Clear, &mut changes);
        changes
    }
}

impl<C: CombineFn + Default> NewStateCell for Combining<C> {
    fn named(name: &'static str, ttl: Option<Duration>) -> Self {
        Combining::by(name, ttl, C::default())
    }
}
