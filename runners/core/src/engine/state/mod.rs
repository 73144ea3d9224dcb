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
//! assert!(states.reader(&key, Window::Global).is_none());
//! let change = CellChange::Append { key: Bytes::new(), value: Bytes::from("value") };
//! assert!(states.apply(&key, Window::Global, vec![StateChange { cell: "seen", change }])?);
//!
//! let seen = states.reader(&key, Window::Global).map(|state| state.values("seen", b"")).transpose()?;
//! assert_eq!(seen.unwrap_or_default(), ["value"]);
//! # Ok(())
//! # }
//! ```

mod cells;

use bytes::Bytes;
pub(super) use cells::{Cells, NumberedPieces};
use cells::{Snapshot, lock};
use ferrobeam_core::Result;
use ferrobeam_core::dofn::stateful::operator::{StateChange, StateReader};
use ferrobeam_core::grouping::{Piece, Pieces, SpillSpace};
use ferrobeam_core::windowing::Window;
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex};

/// The state of a stateful step, by key and window. What is empty takes no room.
#[derive(Clone, Default)]
pub struct States {
    /// Hashed always alike, so that a run repeats.
    held: HashMap<(Bytes, Window), Held, FixedState>,
    /// How many bytes values have in memory.
    bytes: usize,
    /// Where large cells go, if there is a limit.
    files: Option<Arc<Mutex<Pieces>>>,
    /// What large cells have in files, of which the rest is in files, too.
    away: NumberedPieces,
}

/// The state of a key and window.
#[derive(Clone)]
struct Held {
    /// In memory, but for what large ones have in files.
    cells: Arc<Cells>,
    /// Whether it was looked at since somebody asked for that.
    is_warm: bool,
}

/// What a place takes in memory beside its values, about.
const OF_PLACE: usize = 400;

/// What it takes to know where a piece is, about.
const OF_PIECE: usize = 64;

impl States {
    /// Takes a snapshot of the state of a key and window; none if there is no state.
    ///
    /// It costs next to nothing. A change of what a snapshot still holds copies it, so drop it before its changes are applied.
    pub fn reader(&mut self, key: &Bytes, window: Window) -> Option<Arc<dyn StateReader>> {
        let held = self.held.get_mut(&(key.clone(), window))?;
        held.is_warm = true;
        Some(Arc::new(Snapshot::new(held.cells.clone(), self.files.clone())))
    }

    /// What is read where there is no state.
    #[must_use]
    pub fn nothing() -> Arc<dyn StateReader> {
        Arc::new(Snapshot::new(Arc::default(), None))
    }

    /// Makes changes to the state of a key and window, in order; whether there is state after that.
    ///
    /// # Errors
    /// Those of files.
    pub fn apply(&mut self, key: &Bytes, window: Window, changes: Vec<StateChange>) -> Result<bool> {
        let States { held, bytes, files, .. } = self;
        let mut entry = match held.entry((key.clone(), window)) {
            Entry::Occupied(entry) => entry,
            Entry::Vacant(entry) => entry.insert_entry(Held { cells: Arc::default(), is_warm: true }),
        };
        entry.get_mut().is_warm = true;
        let cells = Arc::make_mut(&mut entry.get_mut().cells);
        for StateChange { cell, change } in changes {
            let (added, removed) = cells.apply(cell, change, files.as_deref())?;
            *bytes = (*bytes + added).saturating_sub(removed);
        }
        let (added, removed) = cells.settle(files.as_deref())?;
        *bytes = (*bytes + added).saturating_sub(removed);
        let is_empty = cells.is_empty();
        if is_empty {
            entry.remove();
        }
        Ok(!is_empty)
    }

    /// Forgets the state of a key and window.
    pub fn remove(&mut self, key: &Bytes, window: Window) {
        self.take(key, window);
    }

    /// Tells whether there is no state at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Counts the pairs of key and window that have state.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// About how much memory it takes.
    pub(super) fn memory(&self) -> usize {
        self.bytes + self.held.len() * OF_PLACE
    }

    /// Says where large cells go.
    pub(super) fn limit(&mut self, space: Arc<dyn SpillSpace>) {
        self.files = Some(Arc::new(Mutex::new(Pieces::new(space))));
    }

    /// Whether the state of a key and window was looked at since this was last asked.
    pub(super) fn cool(&mut self, key: &Bytes, window: Window) -> bool {
        self.held.get_mut(&(key.clone(), window)).is_some_and(|held| std::mem::take(&mut held.is_warm))
    }

    /// Writes the large cells of a key and window to files, one by one.
    pub(super) fn write_large(&mut self, key: &Bytes, window: Window) -> Result<()> {
        let States { held, bytes, files: Some(files), .. } = self else { return Ok(()) };
        let Some(Held { cells, .. }) = held.get_mut(&(key.clone(), window)) else { return Ok(()) };
        if cells.are_large() {
            let before = cells.bytes();
            Arc::make_mut(cells).write_large(&mut lock(files))?;
            *bytes = (*bytes + cells.bytes()).saturating_sub(before);
        }
        Ok(())
    }

    /// Ends the files that were written, and writes them anew if there is much in them that is of no use any more.
    pub(super) fn tidy(&mut self) -> Result<()> {
        let States { held, files: Some(files), away, .. } = self else { return Ok(()) };
        let pieces = &mut *lock(files);
        pieces.close()?;
        let here = || held.values().flat_map(|held| held.cells.pieces());
        if pieces.is_wasteful(|| here().chain(away.all()).map(Piece::bytes).sum()) {
            let with_pieces = held.values_mut().filter(|held| held.cells.pieces().next().is_some());
            let here = with_pieces.flat_map(|held| Arc::make_mut(&mut held.cells).pieces_mut());
            pieces.renew(here.chain(away.all_mut()).collect())?;
        }
        Ok(())
    }

    /// The pieces of what is [taken](Self::take) out, while it is in files.
    pub(super) fn away(&mut self) -> &mut NumberedPieces {
        &mut self.away
    }

    /// About how much memory it takes to know where large cells are of which the rest is in files, too.
    pub(super) fn memory_away(&self) -> usize {
        self.away.len() * OF_PIECE
    }

    /// Takes the state of a key and window out.
    pub(super) fn take(&mut self, key: &Bytes, window: Window) -> Option<Arc<Cells>> {
        let Held { cells, .. } = self.held.remove(&(key.clone(), window))?;
        self.bytes = self.bytes.saturating_sub(cells.bytes());
        Some(cells)
    }

    /// Puts back what was [taken](Self::take).
    pub(super) fn put(&mut self, key: &Bytes, window: Window, cells: Cells) {
        self.bytes += cells.bytes();
        self.held.insert((key.clone(), window), Held { cells: Arc::new(cells), is_warm: true });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::testing::InMemory;
    use ferrobeam_core::Timestamp;
    use ferrobeam_core::dofn::stateful::operator::CellChange;
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

    fn read(states: &mut States, key: &Bytes, window: Window) -> Arc<dyn StateReader> {
        states.reader(key, window).unwrap_or_else(States::nothing)
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
        // Some are large enough for files of their own.
        let value = || (0..100_u8).prop_map(|n| Bytes::from(vec![n; if n % 10 == 0 { 3000 } else { 1 }]));
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
            spills in vec(any::<bool>(), 20),
        ) {
            let (mut states, mut naive, mut before) = (States::default(), Naive::default(), Vec::new());
            states.limit(Arc::new(InMemory));
            for (number, (key, window, changes)) in steps.into_iter().enumerate() {
                if spills[number] {
                    for (key, window) in places() {
                        states.write_large(&key, window).unwrap();
                    }
                    states.tidy().unwrap();
                }
                if number == snapshot {
                    let pair = |(key, window)| (read(&mut states, &key, window), naive.values(&key, window));
                    before = places().map(pair).collect();
                }
                match &changes {
                    Some(changes) => {
                        let has_state = states.apply(&key, window, changes.clone()).unwrap();
                        prop_assert_eq!(has_state, states.reader(&key, window).is_some());
                    }
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
                check(&*read(&mut states, &key, window), &values)?;
                held += usize::from(!values.is_empty());
            }
            prop_assert_eq!((states.len(), states.is_empty()), (held, held == 0));
            places().for_each(|(key, window)| drop(states.take(&key, window)));
            prop_assert_eq!((states.len(), states.memory()), (0, 0), "what has come is what has gone");
        }
    }
}
