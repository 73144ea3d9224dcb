//! The key-major store: for windows that merge, for triggers, for everything that [`Panes`](super::Panes) is too simple for.
//!
//! The store gives each key a number and owns accumulators in numbered cells. Which windows a key has, which cell belongs
//! to which of them and when one fires is for the runner to know; it says so in [`Command`]s.

use super::spill::{CellFiles, CollectsOf, Fired, SpillSpace, Spills};
use super::{Command, Contents, Show, at_key, hash};
use crate::Key;
use crate::batch::{Batch, Meta, MetaBuilder, WindowSet};
use crate::coder::{self, Coder, CoderError};
use crate::combiners::CombineFn;
use crate::dofn::erased::{MAIN, Next, Outputs, Parcel};
use crate::dofn::guard::guard;
use crate::error::{BoxError, Error, Result};
use crate::graph::StepName;
use hashbrown::HashTable;
use std::sync::Arc;

/// The number of a key, as long as the store knows it. A number of a forgotten key is given again.
pub type KeyId = u32;

/// The number of an accumulator.
pub type Cell = u32;

/// Key-major store of one grouping.
pub trait Cells: Spills + Send {
    /// Gives every row's key its number, and keeps the values until [`apply`](Cells::apply).
    ///
    /// # Errors
    /// [`Error::Wire`] if the parcel holds no pairs of this grouping.
    fn intern(&mut self, parcel: Parcel, ids: &mut Vec<KeyId>) -> Result<Rows>;

    /// Begins a bundle downstream, for all that fires until [`finish_bundle`](Cells::finish_bundle).
    ///
    /// # Errors
    /// User code's, of the steps behind.
    fn start_bundle(&mut self) -> Result<()>;

    /// Ends the bundle downstream.
    ///
    /// # Errors
    /// User code's, of the steps behind.
    fn finish_bundle(&mut self) -> Result<()>;

    /// Does as it is told, in this order; what fires goes downstream, as one bundle if none has begun. Rows that no command
    /// adds are dropped.
    ///
    /// # Errors
    /// User code's, also of the steps behind.
    fn apply(&mut self, rows: Rows, commands: &[Command]) -> Result<()>;

    /// About how many bytes some cells own, if there is a limit of memory; none if something of them is in files.
    fn size(&self, cells: &[Cell]) -> Option<usize>;

    /// Writes what some cells have in memory to files.
    ///
    /// # Errors
    /// As [`spill`](Spills::spill).
    fn spill_some(&mut self, cells: &[Cell]) -> Result<()>;

    /// Appends a key and the contents of some cells, for [`load`](Cells::load).
    ///
    /// # Errors
    /// [`Error::Coder`] if something has no encoding, or is in files.
    fn save(&self, key: KeyId, cells: &[Cell], out: &mut Vec<u8>) -> Result<()>;

    /// Reads a key, gives it its number, and fills as many cells as were saved.
    ///
    /// # Errors
    /// [`Error::Coder`] if the bytes are not of this grouping.
    fn load(&mut self, input: &mut &[u8], cells: &[Cell]) -> Result<KeyId>;
}

/// Values whose keys are interned, waiting for their cells.
#[derive(Default)]
pub struct Rows(Option<Parcel>);

impl Rows {
    /// No rows: for commands that come of time alone.
    pub const NONE: Rows = Rows(None);

    /// The metadata of the rows.
    #[must_use]
    pub fn meta(&self) -> Option<&Meta> {
        self.0.as_ref().map(|parcel| &parcel.meta)
    }
}

pub(super) fn cells<K: Key, C: CombineFn>(
    step: &StepName,
    combine: C,
    collects: Option<CollectsOf<C>>,
    show: Show<K>,
    out: &mut Outputs,
) -> Result<Box<dyn Cells>> {
    let next = out.take(MAIN)?;
    Ok(Box::new(Slab::<K, C> {
        step: step.clone(),
        combine,
        collects,
        show,
        ids: HashTable::new(),
        keys: Vec::new(),
        free: Vec::new(),
        cells: Vec::new(),
        is_open: false,
        next,
        files: None,
    }))
}

struct Slab<K: Key, C: CombineFn> {
    step: StepName,
    combine: C,
    collects: Option<CollectsOf<C>>,
    show: Show<K>,
    /// The numbers, found by their keys' hash.
    ids: HashTable<KeyId>,
    keys: Vec<Option<K>>,
    free: Vec<KeyId>,
    cells: Vec<Option<C::Acc>>,
    /// Whether a bundle has begun downstream.
    is_open: bool,
    next: Next<(K, C::Out)>,
    /// What there is if there is a limit.
    files: Option<Box<CellFiles<C>>>,
}

impl<K: Key, C: CombineFn> Slab<K, C> {
    fn id(&mut self, key: K) -> KeyId {
        let Slab { ids, keys, free, .. } = self;
        let (hashed, known) = (hash(&key), |id: &KeyId| keys[*id as usize].as_ref() == Some(&key));
        if let Some(id) = ids.find(hashed, known) {
            return *id;
        }
        let id = free.pop().unwrap_or_else(|| {
            keys.push(None);
            (keys.len() - 1) as KeyId
        });
        keys[id as usize] = Some(key);
        ids.insert_unique(hashed, id, |id| keys[*id as usize].as_ref().map_or(0, hash));
        id
    }

    fn forget(&mut self, id: KeyId) {
        let Some(key) = self.keys.get_mut(id as usize).and_then(Option::take) else { return };
        if let Ok(entry) = self.ids.find_entry(hash(&key), |known| *known == id) {
            entry.remove();
        }
        self.free.push(id);
    }

    fn cell(&mut self, cell: Cell) -> &mut Option<C::Acc> {
        let at = cell as usize;
        if at >= self.cells.len() {
            self.cells.resize_with(at + 1, || None);
        }
        &mut self.cells[at]
    }

    /// Takes what a cell has in memory.
    fn take(&mut self, cell: Cell) -> Option<C::Acc> {
        let taken = self.cell(cell).take();
        if let (Some(files), Some(_)) = (&mut self.files, &taken) {
            files.gone(cell);
        }
        taken
    }

    /// The output of all that a cell has.
    fn output(&mut self, cell: Cell, contents: Contents) -> Result<C::Out, BoxError> {
        let keeps = contents == Contents::Keep;
        self.cell(cell);
        let brings = self.files.as_ref().is_some_and(|files| files.brings(cell));
        let accumulator = match (&mut self.files, &mut self.cells[cell as usize]) {
            (Some(files), here) if brings => match files.fire(cell, here, keeps)? {
                Fired::File(output) => return Ok(output),
                Fired::Here(accumulator) => accumulator,
            },
            (files, Some(accumulator)) if keeps => {
                files.iter_mut().for_each(|files| files.kept(cell));
                return Ok(self.combine.peek_output(accumulator));
            }
            _ => self.take(cell),
        };
        Ok(self.combine.extract_output(accumulator.unwrap_or_else(|| self.combine.create_accumulator())))
    }

    /// Does one command; a pane goes to `out`.
    fn step(
        &mut self,
        command: &Command,
        values: &mut [Option<C::In>],
        out: &mut Panes<K, C::Out>,
    ) -> Result<(), BoxError> {
        match command {
            Command::Add { row, cell, last } => {
                let value = &mut values[*row as usize];
                if let Some(value) = if *last { value.take() } else { value.clone() } {
                    self.cell(*cell);
                    let Slab { combine, cells, files, .. } = self;
                    let accumulator = cells[*cell as usize].get_or_insert_with(|| combine.create_accumulator());
                    combine.add_input(accumulator, value);
                    if let Some(files) = files {
                        files.added(*cell);
                    }
                }
            }
            Command::Merge { from, into } => {
                if let Some(files) = &mut self.files {
                    files.merge(*from, *into);
                }
                if let Some(accumulator) = self.cell(*from).take() {
                    match self.cell(*into).take() {
                        Some(mut both) => {
                            self.combine.merge_accumulators(&mut both, accumulator);
                            *self.cell(*into) = Some(both);
                        }
                        None => *self.cell(*into) = Some(accumulator),
                    }
                }
            }
            Command::Fire { key, cell, contents, pane } => {
                let Some(key) = self.keys.get(*key as usize).cloned().flatten() else { return Ok(()) };
                // Where a panic finds the key.
                out.firing = Some(key);
                let extracted = self.output(*cell, *contents)?;
                out.values.extend(out.firing.take().map(|key| (key, extracted)));
                out.meta.push(pane.timestamp, &WindowSet::One(pane.window), pane.pane);
            }
            Command::Clear { cell } => {
                *self.cell(*cell) = None;
                self.files.iter_mut().for_each(|files| files.clear(*cell));
            }
            Command::Forget { key } => self.forget(*key),
        }
        Ok(())
    }

    fn coder_error(&self, source: CoderError) -> Error {
        Error::Coder { step: self.step.clone(), element: None, source }
    }

    fn encode(&self, key: KeyId, cells: &[Cell], out: &mut Vec<u8>) -> Result<(), CoderError> {
        let key = self.keys.get(key as usize).and_then(Option::as_ref);
        let key = key.ok_or_else(|| CoderError::refused(String::from("the number of a forgotten key")))?;
        coder::of::<K>().encode(key, out)?;
        let accumulators = coder::of::<C::Acc>();
        for cell in cells {
            if self.files.as_ref().is_some_and(|files| files.has(*cell)) {
                return Err(CoderError::refused(String::from("a cell that is in a file")));
            }
            match self.cells.get(*cell as usize).and_then(Option::as_ref) {
                None => out.push(0),
                Some(accumulator) => {
                    out.push(1);
                    accumulators.encode(accumulator, out)?;
                }
            }
        }
        Ok(())
    }

    fn decode(&mut self, input: &mut &[u8], cells: &[Cell]) -> Result<KeyId, CoderError> {
        let key = coder::of::<K>().decode(input)?;
        let accumulators = coder::of::<C::Acc>();
        for cell in cells {
            let [present] = coder::wire::take_array(input, "a cell of a grouping")?;
            let before = input.len();
            let accumulator = if present == 0 { None } else { Some(accumulators.decode(input)?) };
            if let (Some(files), Some(accumulator)) = (&mut self.files, &accumulator) {
                files.loaded(*cell, accumulator, before - input.len());
            }
            *self.cell(*cell) = accumulator;
        }
        Ok(self.id(key))
    }
}

/// Panes on their way downstream.
struct Panes<K, T> {
    values: Vec<(K, T)>,
    /// The key whose pane is being made.
    firing: Option<K>,
    meta: MetaBuilder,
}

impl<K: Key, C: CombineFn> Spills for Slab<K, C> {
    fn limit(&mut self, space: Arc<dyn SpillSpace>) {
        self.files = Some(Box::new(CellFiles::new(self.combine.clone(), self.collects, space)));
    }

    fn held(&self) -> usize {
        self.files.as_ref().map_or(0, |files| files.held())
    }

    fn spill(&mut self) -> Result<()> {
        self.spill_some(&(0..self.cells.len() as Cell).collect::<Vec<_>>())
    }
}

impl<K: Key, C: CombineFn> Cells for Slab<K, C> {
    fn intern(&mut self, parcel: Parcel, ids: &mut Vec<KeyId>) -> Result<Rows> {
        let Batch { values, meta } = parcel.open::<(K, C::In)>()?;
        ids.reserve(values.len());
        let mut rows = Vec::with_capacity(values.len());
        if let (Some(files), Some(first)) = (&mut self.files, values.first()) {
            files.sample(first);
        }
        for (key, value) in values {
            ids.push(self.id(key));
            rows.push(value);
        }
        Ok(Rows(Some(Parcel::new(Batch { values: rows, meta }))))
    }

    fn start_bundle(&mut self) -> Result<()> {
        self.is_open = true;
        self.next.start_bundle()
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.is_open = false;
        self.next.finish_bundle()
    }

    fn apply(&mut self, rows: Rows, commands: &[Command]) -> Result<()> {
        let values = rows.0.map(Parcel::open::<C::In>).transpose()?.map(|batch| batch.values).unwrap_or_default();
        let mut values: Vec<_> = values.into_iter().map(Some).collect();
        self.files.iter_mut().for_each(|files| files.begin_flight());
        let (mut left, mut started, step) = (commands.iter(), self.is_open, self.step.clone());
        loop {
            let mut out = Panes { values: Vec::new(), firing: None, meta: MetaBuilder::default() };
            let done = guard(&step, || {
                for command in left.by_ref() {
                    self.step(command, &mut values, &mut out)?;
                    let is_large = self.files.as_ref().is_some_and(|files| files.is_batch());
                    if out.values.len() == Batch::<K>::ROWS || is_large {
                        break;
                    }
                }
                Ok(())
            });
            done.map_err(|error| at_key(error, out.firing.as_ref(), self.show))?;
            self.files.iter_mut().for_each(|files| files.begin_batch());
            if out.values.is_empty() && left.len() == 0 {
                return if started && !self.is_open { self.next.finish_bundle() } else { Ok(()) };
            }
            if !std::mem::replace(&mut started, true) {
                self.next.start_bundle()?;
            }
            self.next.receive(Batch { values: out.values, meta: out.meta.finish() })?;
        }
    }

    fn size(&self, cells: &[Cell]) -> Option<usize> {
        let Some(files) = &self.files else { return Some(0) };
        cells.iter().map(|cell| (!files.has(*cell)).then(|| files.size(*cell))).sum()
    }

    fn spill_some(&mut self, some: &[Cell]) -> Result<()> {
        let Slab { step, files, cells, .. } = self;
        files.as_mut().map_or(Ok(()), |files| guard(step, || files.spill(cells, some)))
    }

    fn save(&self, key: KeyId, cells: &[Cell], out: &mut Vec<u8>) -> Result<()> {
        self.encode(key, cells, out).map_err(|source| self.coder_error(source))
    }

    fn load(&mut self, input: &mut &[u8], cells: &[Cell]) -> Result<KeyId> {
        self.decode(input, cells).map_err(|source| self.coder_error(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dofn::erased::{AnyReceiver, Receiver};
    use crate::grouping::spill::testing::Memory;
    use crate::grouping::{AnyGrouping, Firing, Grouping};
    use crate::time::Timestamp;
    use crate::transforms::group_by_key::{Grouped, ToGrouped};
    use crate::windowing::{PaneInfo, Window};
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::marker::PhantomData;
    use std::sync::Mutex;

    type Out = (String, Grouped<u64>);

    /// A key, its sorted values, the index of the pane.
    type Seen = (String, Vec<u64>, u64);

    /// What came out, and in how many bundles.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<(Vec<Seen>, usize)>>);

    impl Receiver<Out> for Log {
        fn start_bundle(&mut self) -> Result<()> {
            Ok(())
        }
        fn receive(&mut self, batch: Batch<Out>) -> Result<()> {
            for (row, (key, values)) in batch.values.into_iter().enumerate() {
                let mut values: Vec<u64> = values.iter().collect();
                values.sort_unstable();
                self.0.lock().unwrap().0.push((key, values, batch.meta.pane.get(row).index));
            }
            Ok(())
        }
        fn finish_bundle(&mut self) -> Result<()> {
            self.0.lock().unwrap().1 += 1;
            Ok(())
        }
    }

    fn store() -> (Box<dyn Cells>, Log) {
        store_of(&Grouping::new(ToGrouped::<u64>(PhantomData)))
    }

    fn store_of(grouping: &Grouping<String, ToGrouped<u64>>) -> (Box<dyn Cells>, Log) {
        let log = Log::default();
        let mut out = Outputs::main(vec![AnyReceiver::new(log.clone())]);
        let cells = grouping.cells(&StepName::here("Group"), &mut out).unwrap();
        (cells, log)
    }

    /// A store that spills to files of which so much is read back at a time, and that knows that it collects, or does not.
    fn limited(room: usize, collects: bool) -> (Box<dyn Cells>, Log) {
        let combine = ToGrouped(PhantomData);
        let (mut cells, log) = store_of(&match collects {
            true => Grouping::plain(combine, ToGrouped::COLLECTS),
            false => Grouping::new(combine),
        });
        cells.limit(Arc::new(Memory::with_room(room)));
        (cells, log)
    }

    fn rows(store: &mut dyn Cells, values: &[(&str, u64)]) -> (Rows, Vec<KeyId>) {
        let values = values.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect();
        let mut ids = Vec::new();
        let rows = store.intern(Parcel::new(Batch { values, meta: Meta::at(Timestamp::EPOCH) }), &mut ids).unwrap();
        (rows, ids)
    }

    fn fire(key: KeyId, cell: Cell, contents: Contents, index: u64) -> Command {
        let pane = PaneInfo { index, ..PaneInfo::NO_FIRING };
        let pane = Box::new(Firing { window: Window::Global, timestamp: Timestamp::EPOCH, pane });
        Command::Fire { key, cell, contents, pane }
    }

    #[test]
    fn numbers_stay_until_their_key_is_forgotten() {
        let (mut store, log) = store();
        let (_, ids) = rows(&mut *store, &[("a", 1), ("b", 2), ("a", 3)]);
        assert_eq!((ids[0], ids[0] != ids[1]), (ids[2], true));
        store.apply(Rows::NONE, &[Command::Forget { key: ids[0] }, fire(ids[0], 0, Contents::Take, 0)]).unwrap();
        assert_eq!(log.0.lock().unwrap().0, [], "a forgotten key emits nothing");
        let (_, again) = rows(&mut *store, &[("b", 4), ("c", 5), ("a", 6)]);
        assert_eq!((again[0], again[1]), (ids[1], ids[0]));
        assert!(again[2] != ids[0] && again[2] != ids[1]);
    }

    #[test]
    fn an_empty_cell_fires_nothing_combined() {
        let (mut store, log) = store();
        let (rows, ids) = rows(&mut *store, &[("a", 1)]);
        store.apply(rows, &[fire(ids[0], 7, Contents::Keep, 3)]).unwrap();
        assert_eq!(*log.0.lock().unwrap(), (vec![("a".to_owned(), vec![], 3)], 1));
    }

    #[test]
    fn what_fires_in_a_bundle_does_not_end_it() {
        let (mut store, log) = store();
        let (_, ids) = rows(&mut *store, &[("a", 1)]);
        store.start_bundle().unwrap();
        store.apply(Rows::NONE, &[fire(ids[0], 0, Contents::Keep, 0)]).unwrap();
        store.apply(Rows::NONE, &[fire(ids[0], 0, Contents::Keep, 1)]).unwrap();
        let panes_and_bundles = || {
            let log = log.0.lock().unwrap();
            (log.0.len(), log.1)
        };
        assert_eq!(panes_and_bundles(), (2, 0));
        store.finish_bundle().unwrap();
        assert_eq!(panes_and_bundles(), (2, 1));
    }

    #[test]
    fn many_panes_are_one_bundle() {
        let (mut store, log) = store();
        let (_, ids) = rows(&mut *store, &[("a", 1)]);
        let commands: Vec<_> = (0..3000).map(|index| fire(ids[0], 0, Contents::Keep, index)).collect();
        store.apply(Rows::NONE, &commands).unwrap();
        let log = log.0.lock().unwrap();
        assert_eq!((log.0.len(), log.1), (3000, 1));
        assert!(log.0.iter().enumerate().all(|(i, pane)| pane.2 == i as u64), "in order");
    }

    #[test]
    fn what_comes_behind_a_large_cell_that_is_cleared_is_done() {
        let (mut store, log) = limited(1 << 20, false);
        let (rows, ids) = rows(&mut *store, &[("a", 1); 100_000]);
        let adds: Vec<_> = (0..100_000).map(|row| Command::Add { row, cell: 0, last: true }).collect();
        store.apply(rows, &adds).unwrap();
        assert!(store.held() > 1 << 20);
        store.apply(Rows::NONE, &[Command::Clear { cell: 0 }, fire(ids[0], 1, Contents::Take, 0)]).unwrap();
        assert_eq!((log.0.lock().unwrap().0.len(), store.held()), (1, 0));
    }

    #[derive(Clone, Debug)]
    enum Act {
        Add(u32, bool),
        Merge(u32, u32),
        Fire(u32, bool),
        Clear(u32),
        /// Everything moves into a new store.
        Move,
        /// All goes to a file, if there is a limit.
        Spill,
    }

    proptest! {
        /// Against a map from cells to values.
        #[test]
        fn cells_hold_what_was_put_into_them(
            acts in prop::collection::vec(prop_oneof![
                (0u32..5, any::<bool>()).prop_map(|(cell, twice)| Act::Add(cell, twice)),
                (0u32..5, 0u32..5).prop_map(|(from, into)| Act::Merge(from, into)),
                (0u32..5, any::<bool>()).prop_map(|(cell, keep)| Act::Fire(cell, keep)),
                (0u32..5).prop_map(Act::Clear),
                Just(Act::Move),
                Just(Act::Spill),
            ], 0..40),
            limit in prop::option::of((prop_oneof![Just(8_usize), Just(1 << 20)], any::<bool>())),
        ) {
            let (mut store, mut log) = limit.map_or_else(store, |(room, collects)| limited(room, collects));
            let mut model: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
            let (mut expected, mut found) = (Vec::new(), Vec::new());
            for (n, act) in acts.iter().enumerate() {
                let n = n as u64;
                let (rows, ids) = rows(&mut *store, &[("key", n)]);
                let commands = match *act {
                    Act::Add(cell, twice) => {
                        model.entry(cell).or_default().push(n);
                        let mut commands = vec![Command::Add { row: 0, cell, last: true }];
                        if twice {
                            model.entry(5).or_default().push(n);
                            commands.insert(0, Command::Add { row: 0, cell: 5, last: false });
                        }
                        commands
                    }
                    Act::Merge(from, into) if from != into => {
                        let moved = model.remove(&from).unwrap_or_default();
                        model.entry(into).or_default().extend(moved);
                        vec![Command::Merge { from, into }]
                    }
                    Act::Merge(..) => vec![],
                    Act::Fire(cell, keep) => {
                        let mut values = model.get(&cell).cloned().unwrap_or_default();
                        values.sort_unstable();
                        expected.push(("key".to_owned(), values, n));
                        if !keep {
                            model.remove(&cell);
                        }
                        vec![fire(ids[0], cell, if keep { Contents::Keep } else { Contents::Take }, n)]
                    }
                    Act::Clear(cell) => {
                        model.remove(&cell);
                        vec![Command::Clear { cell }]
                    }
                    Act::Move | Act::Spill => vec![],
                };
                store.apply(rows, &commands)?;
                if matches!(act, Act::Spill) {
                    store.spill()?;
                    prop_assert!(store.held() == 0 || limit.is_some_and(|(_, collects)| !collects));
                }
                if matches!(act, Act::Move) && store.size(&[0, 1, 2, 3, 4, 5]).is_some() {
                    let mut bytes = Vec::new();
                    store.save(ids[0], &[0, 1, 2, 3, 4, 5], &mut bytes)?;
                    found.append(&mut log.0.lock().unwrap().0);
                    let mut input = bytes.as_slice();
                    (store, log) = limit.map_or_else(self::store, |(room, collects)| limited(room, collects));
                    store.load(&mut input, &[0, 1, 2, 3, 4, 5])?;
                    prop_assert_eq!(input, b"");
                }
            }
            found.append(&mut log.0.lock().unwrap().0);
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn foreign_bytes_and_keys_are_refused() {
        let (mut store, _) = store();
        let refused = store.load(&mut b"\x03ab".as_slice(), &[0]).unwrap_err().to_string();
        assert!(refused.starts_with("`Group` (") && refused.contains("the input ends inside"), "{refused}");
        assert!(store.save(9, &[], &mut Vec::new()).unwrap_err().to_string().contains("a forgotten key"));
    }
}
