//! The committed state of a stateful step.
//!
//! Bundles read from snapshots; what they change comes here when they are committed.
//!
//! ```
//! use bytes::Bytes;
//! use ferrobeam_core::dofn::stateful::operator::{CellChange, StateChange};
//! use ferrobeam_core::windowing::Window;
//! use ferrobeam_runner_core::engine::States;
//!
//! # fn main() -> ferrobeam_core::Result<()> {
//! let (mut states, key) = (States::default(), Bytes::from("key"));
//! let before = states.reader(&key, Window::Global);
//! let change = CellChange::Append { key: Bytes::new(), value: Bytes::from("value") };
//! states.apply(&key, Window::Global, vec![StateChange { cell: "seen", change }]);
//!
//! assert_eq!(states.reader(&key, Window::Global).values("seen", b"")?, ["value"]);
//! assert!(before.values("seen", b"")?.is_empty());
//! # Ok(())
//! # }
//! ```

use bytes::Bytes;
use ferrobeam_core::Timestamp;
use ferrobeam_core::dofn::stateful::operator::{CellChange, StateChange, StateReader};
use ferrobeam_core::windowing::Window;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// The state of a stateful step, by key and window. What is empty takes no room.
#[derive(Clone, Debug, Default)]
pub struct States(BTreeMap<(Bytes, Window), Arc<Cells>>);

/// The state of one key and window: its cells by name, none of them empty.
#[derive(Clone, Debug, Default)]
struct Cells(BTreeMap<&'static str, Contents>);

/// What is in a cell. Each kind of cell uses one part only; a bag is a multimap with an empty key.
#[derive(Clone, Debug, Default)]
struct Contents {
    values: BTreeMap<Bytes, Vec<Bytes>>,
    list: BTreeMap<Timestamp, Vec<Bytes>>,
}

impl States {
    /// Takes a snapshot of the state of a key and window.
    ///
    /// It costs next to nothing. A change of what a snapshot still holds copies it, so drop it before its changes are
    /// applied.
    #[must_use]
    pub fn reader(&self, key: &Bytes, window: Window) -> Arc<dyn StateReader> {
        self.0.get(&(key.clone(), window)).cloned().unwrap_or_default()
    }

    /// Makes changes to the state of a key and window, in order.
    pub fn apply(&mut self, key: &Bytes, window: Window, changes: Vec<StateChange>) {
        if changes.is_empty() {
            return;
        }
        let at = (key.clone(), window);
        let cells = Arc::make_mut(self.0.entry(at.clone()).or_default());
        for StateChange { cell, change } in changes {
            cells.apply(cell, change);
        }
        if cells.0.is_empty() {
            self.0.remove(&at);
        }
    }

    /// Forgets the state of a key and window.
    pub fn remove(&mut self, key: &Bytes, window: Window) {
        self.0.remove(&(key.clone(), window));
    }

    /// Tells whether there is no state at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts the bytes of keys and of all that is in cells.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|((key, _), cells)| key.len() + cells.bytes()).sum()
    }

    /// Counts the pairs of key and window that have state.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl Cells {
    fn bytes(&self) -> usize {
        let lists = self.0.values().flat_map(|contents| contents.list.values());
        let values = self.0.values().flat_map(|contents| &contents.values);
        let keys = values.clone().map(|(key, _)| key.len()).sum::<usize>();
        keys + values.map(|(_, values)| values).chain(lists).flatten().map(Bytes::len).sum::<usize>()
    }

    fn apply(&mut self, cell: &'static str, change: CellChange) {
        let contents = self.0.entry(cell).or_default();
        match change {
            CellChange::Clear => *contents = Contents::default(),
            CellChange::Append { key, value } => contents.values.entry(key).or_default().push(value),
            CellChange::ClearKey { key } => {
                contents.values.remove(&key);
            }
            CellChange::Insert { at, value } => contents.list.entry(at).or_default().push(value),
            CellChange::ClearRange { range } => {
                let mut behind = contents.list.split_off(&range.start);
                contents.list.append(&mut behind.split_off(&range.end));
            }
        }
        if contents.values.is_empty() && contents.list.is_empty() {
            self.0.remove(cell);
        }
    }
}

impl StateReader for Cells {
    fn values(&self, cell: &str, key: &[u8]) -> ferrobeam_core::Result<Vec<Bytes>> {
        Ok(self.0.get(cell).and_then(|contents| contents.values.get(key)).cloned().unwrap_or_default())
    }

    fn keys(&self, cell: &str) -> ferrobeam_core::Result<Vec<Bytes>> {
        Ok(self.0.get(cell).into_iter().flat_map(|contents| contents.values.keys().cloned()).collect())
    }

    fn range(&self, cell: &str, range: Range<Timestamp>) -> ferrobeam_core::Result<Vec<(Timestamp, Bytes)>> {
        // Standing on its head, a range of a map panics.
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.0.get(cell).into_iter().flat_map(|contents| contents.list.range(range.clone()));
        Ok(found.flat_map(|(at, values)| values.iter().map(|value| (*at, value.clone()))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::option::weighted;
    use proptest::prelude::*;
    use proptest::sample::select;

    /// All that was ever changed, gone through again for every question.
    #[derive(Clone, Default)]
    struct Naive(Vec<(Bytes, Window, Option<StateChange>)>);

    /// The values of a key and window: where they are in a cell, and what they are, in the order in which they came.
    type Values = Vec<(&'static str, Result<Bytes, Timestamp>, Bytes)>;

    impl Naive {
        fn values(&self, key: &Bytes, window: Window) -> Values {
            let mut values = Values::new();
            for (_, _, change) in self.0.iter().filter(|(k, w, _)| (k, *w) == (key, window)) {
                let Some(StateChange { cell, change }) = change else {
                    values.clear();
                    continue;
                };
                match change.clone() {
                    CellChange::Append { key, value } => values.push((cell, Ok(key), value)),
                    CellChange::Insert { at, value } => values.push((cell, Err(at), value)),
                    CellChange::Clear => values.retain(|(name, ..)| name != cell),
                    CellChange::ClearKey { key } => {
                        values.retain(|(name, at, _)| name != cell || *at != Ok(key.clone()))
                    }
                    CellChange::ClearRange { range } => {
                        values.retain(|(name, at, _)| name != cell || !at.as_ref().is_err_and(|at| range.contains(at)))
                    }
                }
            }
            values
        }
    }

    fn check(reader: &dyn StateReader, all: &Values) -> Result<(), TestCaseError> {
        for cell in CELLS {
            let of_cell = || all.iter().filter(move |(name, ..)| *name == cell);
            let mut keys: Vec<_> = of_cell().filter_map(|(_, at, _)| at.clone().ok()).collect();
            keys.sort();
            keys.dedup();
            prop_assert_eq!(reader.keys(cell).unwrap(), keys);
            for key in KEYS {
                let values = of_cell().filter(|(_, at, _)| at.as_ref().is_ok_and(|at| at == key));
                let values: Vec<_> = values.map(|(.., value)| value.clone()).collect();
                prop_assert_eq!(reader.values(cell, key.as_bytes()).unwrap(), values);
            }
            for (start, end) in (0..5).flat_map(|start| (0..6).map(move |end| (time(start), time(end)))) {
                let list = of_cell().filter_map(|(_, at, value)| Some((at.clone().err()?, value.clone())));
                let mut list: Vec<_> = list.filter(|(at, _)| (start..end).contains(at)).collect();
                list.sort_by_key(|(at, _)| *at);
                prop_assert_eq!(reader.range(cell, start..end).unwrap(), list);
            }
        }
        Ok(())
    }

    const CELLS: [&str; 2] = ["a", "b"];
    const KEYS: [&str; 3] = ["", "x", "y"];
    const WINDOWS: [Window; 2] = [Window::Global, Window::interval(Timestamp::EPOCH, Timestamp::MAX)];

    fn time(n: i64) -> Timestamp {
        Timestamp::from_millis(n)
    }

    fn key() -> impl Strategy<Value = Bytes> {
        select(&KEYS).prop_map(Bytes::from)
    }

    fn change() -> impl Strategy<Value = StateChange> {
        let value = || (0..100_u8).prop_map(|n| Bytes::from(vec![n]));
        let change = prop_oneof![
            1 => Just(CellChange::Clear),
            4 => (key(), value()).prop_map(|(key, value)| CellChange::Append { key, value }),
            2 => key().prop_map(|key| CellChange::ClearKey { key }),
            4 => (0..5_i64, value()).prop_map(|(at, value)| CellChange::Insert { at: time(at), value }),
            2 => (0..5_i64, 0..6_i64).prop_map(|(a, b)| CellChange::ClearRange { range: time(a)..time(b) }),
        ];
        (select(&CELLS), change).prop_map(|(cell, change)| StateChange { cell, change })
    }

    /// All keys and windows.
    fn places() -> impl Iterator<Item = (Bytes, Window)> {
        KEYS.into_iter().flat_map(|key| WINDOWS.map(|window| (Bytes::from(key), window)))
    }

    proptest! {
        #[test]
        fn all_is_found_again_and_snapshots_stay(
            steps in vec((key(), select(&WINDOWS), weighted(0.9, vec(change(), 0..5))), 0..20),
            snapshot in 0..20_usize,
        ) {
            let (mut states, mut naive, mut before) = (States::default(), Naive::default(), Vec::new());
            for (number, (key, window, changes)) in steps.into_iter().enumerate() {
                if number == snapshot {
                    let read = |(key, window)| (states.reader(&key, window), naive.values(&key, window));
                    before = places().map(read).collect();
                }
                match &changes {
                    Some(changes) => states.apply(&key, window, changes.clone()),
                    None => states.remove(&key, window),
                }
                let changes = changes.map_or(vec![None], |changes| changes.into_iter().map(Some).collect());
                naive.0.extend(changes.into_iter().map(|change| (key.clone(), window, change)));
            }
            for (reader, values) in before {
                check(&*reader, &values)?;
            }
            let mut held = 0;
            for (key, window) in places() {
                let values = naive.values(&key, window);
                check(&*states.reader(&key, window), &values)?;
                held += usize::from(!values.is_empty());
            }
            prop_assert_eq!((states.len(), states.is_empty()), (held, held == 0));
        }
    }
}
