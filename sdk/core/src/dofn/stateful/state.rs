//! What a stateful step keeps: a struct of cells.

use super::operator::{CellChange, CellFacts, CellKind, StateChange};
use super::visit::{Access, Visit};
use crate::coder::{CoderSpec, spec_of};
use crate::{Element, Timestamp};
use ferrobeam_model::urns;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// The state of a key and window: a struct of cells, made by `#[derive(State)]`; `()` is none.
///
/// Cells are [`Value`](super::Value), [`Bag`](super::Bag), [`Set`](super::Set), [`Map`](super::Map),
/// [`Multimap`](super::Multimap), [`OrderedList`](super::OrderedList) and [`Combining`](super::Combining). Each is read
/// when user code first looks at it, and only what changed is written. State that cannot be read or decoded seems empty
/// to the callback, which then fails whatever it returns: nothing of a failed bundle counts.
///
/// ```
/// use ferrobeam_core::prelude::*;
///
/// #[derive(State)]
/// # #[state(crate = "ferrobeam_core")]
/// struct Seen {
///     count: Value<u64>,
///     tags: Set<String>,
///     #[state(ttl = "1h")]
///     recent: Bag<String>,
/// }
///
/// let mut seen = Seen::new();
/// seen.count.set(2);
/// seen.tags.insert("a".to_owned());
/// assert_eq!((seen.count.get(), seen.tags.contains(&"a".to_owned())), (Some(&2), true));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the state of a step",
    label = "not a `State`",
    note = "write `#[derive(State)]` on a struct of cells such as `Value<u64>`; a step without state has `()`"
)]
pub trait State: Send + 'static {
    /// Cells that hold nothing, as before the first element of a key and window.
    fn new() -> Self;

    /// Shows every cell, in order.
    fn cells(&mut self, see: &mut dyn FnMut(&mut dyn StateCell));
}

/// No state.
impl State for () {
    fn new() {}

    fn cells(&mut self, _: &mut dyn FnMut(&mut dyn StateCell)) {}
}

/// A cell of state.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a cell of state",
    label = "not a cell",
    note = "cells are `Value<T>`, `Bag<T>`, `Set<K>`, `Map<K, V>`, `Multimap<K, V>`, `OrderedList<T>`, `Combining<C>`, \
            of elements and keys"
)]
pub trait StateCell: Send {
    /// Its name.
    fn name(&self) -> &'static str;

    /// What the graph knows of it.
    fn spec(&self) -> CellSpec;

    /// Goes to a key and window and forgets where it was.
    fn enter(&mut self, visit: &Arc<Visit>);

    /// Forgets its content, and says what has changed in it.
    fn leave(&mut self) -> Vec<CellChange>;
}

/// A cell that needs nothing but a name. `Combining<C>` is one if `C` has a default; otherwise its attribute
/// `#[state(combine = ..)]` makes the function.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a cell of state",
    label = "not a cell",
    note = "cells are `Value<T>`, `Bag<T>`, `Set<K>`, `Map<K, V>`, `Multimap<K, V>`, `OrderedList<T>`, `Combining<C>`, \
            of elements and keys",
    note = "a `Combining<C>` whose `C` has no default needs `#[state(combine = ..)]`"
)]
pub trait NewStateCell: StateCell {
    /// Makes the cell. With a time to live, what was written so long ago, in processing time, counts no more.
    fn named(name: &'static str, ttl: Option<Duration>) -> Self;
}

/// A cell in the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellSpec {
    /// Its name.
    pub name: &'static str,
    /// What is stored.
    pub form: CellForm,
    /// How long what is written counts, in processing time.
    pub ttl: Option<Duration>,
}

/// What a cell stores, by Beam's kinds of state, with the coders of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CellForm {
    /// One value.
    Value(CoderSpec),
    /// Values.
    Bag(CoderSpec),
    /// An accumulator.
    Combining(CoderSpec),
    /// Keys, and what stands beside one.
    Set(CoderSpec, CoderSpec),
    /// A value by key.
    Map(CoderSpec, CoderSpec),
    /// Values by key.
    Multimap(CoderSpec, CoderSpec),
    /// Values by timestamp.
    OrderedList(CoderSpec),
}

impl CellSpec {
    /// What runners must know of it.
    pub fn facts(&self) -> CellFacts {
        let (kind, form) = match self.form {
            CellForm::Value(_) => (CellKind::Bag, "value"),
            CellForm::Bag(_) => (CellKind::Bag, "bag"),
            CellForm::Combining(_) => (CellKind::Bag, "combining"),
            CellForm::Set(..) => (CellKind::Multimap, "set"),
            CellForm::Map(..) => (CellKind::Multimap, "map"),
            CellForm::Multimap(..) => (CellKind::Multimap, "multimap"),
            CellForm::OrderedList(_) => (CellKind::OrderedList, "ordered list"),
        };
        CellFacts { name: self.name, kind, form, ttl: self.ttl }
    }
}

impl Access {
    /// The cell in the graph, which stores this.
    pub(super) fn spec(&self, form: CellForm) -> CellSpec {
        CellSpec { name: self.name, form, ttl: self.ttl }
    }

    /// The coder of stored values: with a time to live they are pairs of the time until which they count and the value.
    pub(super) fn value_spec<T: Element>(&self) -> CoderSpec {
        let value = spec_of::<T>();
        match self.ttl {
            None => value,
            Some(_) => CoderSpec::of(Cow::Borrowed(urns::coders::KV), vec![spec_of::<Timestamp>(), value]),
        }
    }
}

/// The cells of a type of state.
pub(crate) fn specs<S: State>() -> Vec<CellSpec> {
    let mut specs = Vec::new();
    S::new().cells(&mut |cell| specs.push(cell.spec()));
    specs
}

/// Takes all cells to a key and window.
pub(super) fn enter(state: &mut impl State, visit: &Arc<Visit>) {
    state.cells(&mut |cell| cell.enter(visit));
}

/// What has changed in all cells.
pub(super) fn leave(state: &mut impl State) -> Vec<StateChange> {
    let mut changes = Vec::new();
    state.cells(&mut |cell| {
        let name = cell.name();
        changes.extend(cell.leave().into_iter().map(|change| StateChange { cell: name, change }));
    });
    changes
}
