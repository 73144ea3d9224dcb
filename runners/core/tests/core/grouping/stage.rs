//! One grouping: the driver and a real store, as a runner puts them together.

use ferrobeam_core::batch::{Batch, MetaBuilder, WindowSet};
use ferrobeam_core::combiners::CombineFn;
use ferrobeam_core::dofn::erased::{AnyReceiver, Outputs, Parcel, Receiver};
use ferrobeam_core::graph::StepName;
use ferrobeam_core::grouping::{AnyGrouping, Cells, Command, Grouping as Typed, KeyId, Rows};
use ferrobeam_core::windowing::{PaneInfo, Window, WindowingStrategy};
use ferrobeam_core::{Result, Timestamp};
use ferrobeam_runner_core::engine::{Dropped, Grouping, Now, Row};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pane {
    pub(crate) key: u32,
    pub(crate) window: Window,
    /// Sorted.
    pub(crate) values: Vec<i64>,
    pub(crate) timestamp: Timestamp,
    pub(crate) info: PaneInfo,
}

/// Keeps all values.
#[derive(Clone)]
struct Collect;

impl CombineFn for Collect {
    type In = i64;
    type Acc = Vec<i64>;
    type Out = Vec<i64>;

    fn create_accumulator(&self) -> Vec<i64> {
        Vec::new()
    }
    fn add_input(&self, values: &mut Vec<i64>, value: i64) {
        values.push(value);
    }
    fn merge_accumulators(&self, into: &mut Vec<i64>, mut from: Vec<i64>) {
        into.append(&mut from);
    }
    fn extract_output(&self, values: Vec<i64>) -> Vec<i64> {
        values
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Pane>>>);

impl Receiver<(u32, Vec<i64>)> for Log {
    fn start_bundle(&mut self) -> Result<()> {
        Ok(())
    }
    fn receive(&mut self, batch: Batch<(u32, Vec<i64>)>) -> Result<()> {
        for (row, (key, mut values)) in batch.values.into_iter().enumerate() {
            values.sort_unstable();
            let [window] = *batch.meta.windows.get(row).as_slice() else { panic!("a pane is in one window") };
            let (timestamp, info) = (*batch.meta.time.get(row), *batch.meta.pane.get(row));
            self.0.lock().unwrap().push(Pane { key, window, values, timestamp, info });
        }
        Ok(())
    }
    fn finish_bundle(&mut self) -> Result<()> {
        Ok(())
    }
}

/// An element on its way in.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) key: u32,
    pub(crate) value: i64,
    pub(crate) timestamp: Timestamp,
    pub(crate) windows: WindowSet,
}

pub(crate) struct Stage {
    strategy: WindowingStrategy,
    pub(crate) grouping: Grouping,
    cells: Box<dyn Cells>,
    log: Log,
    pub(crate) now: Now,
    /// The numbers of keys that are known.
    ids: BTreeMap<u32, KeyId>,
    dropped: Dropped,
}

impl Stage {
    pub(crate) fn new(strategy: WindowingStrategy) -> Self {
        let log = Log::default();
        let mut out = Outputs::main(vec![AnyReceiver::new(log.clone())]);
        let cells = Typed::<u32, _>::new(Collect).cells(&StepName::here("Group"), &mut out).unwrap();
        let grouping = Grouping::new(strategy.clone());
        let (now, ids, dropped) = (Now::START, BTreeMap::new(), Dropped::default());
        Stage { strategy, grouping, cells, log, now, ids, dropped }
    }

    pub(crate) fn strategy(&self) -> &WindowingStrategy {
        &self.strategy
    }

    /// The windows of an element.
    pub(crate) fn assign(&self, at: Timestamp) -> WindowSet {
        self.strategy.windows.assign(at, Window::Global).unwrap()
    }

    pub(crate) fn input(&mut self, inputs: &[Input]) {
        let mut meta = MetaBuilder::default();
        inputs.iter().for_each(|input| meta.push(input.timestamp, &input.windows, PaneInfo::NO_FIRING));
        let values = inputs.iter().map(|input| (input.key, input.value)).collect();
        let mut ids = Vec::new();
        let rows = self.cells.intern(Parcel::new(Batch { values, meta: meta.finish() }), &mut ids).unwrap();
        self.ids.extend(inputs.iter().map(|input| input.key).zip(ids.iter().copied()));
        let row = |(input, key): (&'_ Input, KeyId)| (key, input.timestamp, input.windows.clone());
        let given: Vec<_> = inputs.iter().zip(ids).map(row).collect();
        let given = given.iter().map(|(key, timestamp, windows)| Row {
            key: *key,
            timestamp: *timestamp,
            windows: windows.as_slice(),
        });
        let mut commands = Vec::new();
        self.grouping.add(given, self.now, &mut commands).unwrap();
        self.apply(rows, &commands);
    }

    pub(crate) fn advance(&mut self, now: Now) {
        self.now = now;
        let mut commands = Vec::new();
        self.grouping.advance(now, &mut commands);
        self.apply(Rows::NONE, &commands);
    }

    fn apply(&mut self, rows: Rows, commands: &[Command]) {
        self.cells.apply(rows, commands).unwrap();
        for command in commands {
            if let Command::Forget { key } = command {
                self.ids.retain(|_, id| id != key);
            }
        }
        // Behind the commands, as a runner does.
        let free = self.grouping.hold().map_or(self.now.input_watermark, |hold| hold.min(self.now.input_watermark));
        self.now.output_watermark = self.now.output_watermark.max(free);
    }

    /// Moves everything to another driver and another store, by way of bytes.
    pub(crate) fn move_house(&mut self) {
        let mut house = Stage::new(self.strategy.clone());
        house.advance(self.now);
        for key in self.ids.values() {
            let (mut policy, mut mechanism) = (Vec::new(), Vec::new());
            self.grouping.save(*key, &mut policy).unwrap();
            let cells: Vec<_> = self.grouping.open_windows(*key).iter().map(|(_, cell)| *cell).collect();
            self.cells.save(*key, &cells, &mut mechanism).unwrap();

            let (mut policy, mut mechanism) = (policy.as_slice(), mechanism.as_slice());
            let saved = house.grouping.read(&mut policy).unwrap();
            let cells = house.grouping.reserve(saved.cells());
            let key = house.cells.load(&mut mechanism, &cells).unwrap();
            house.grouping.restore(key, saved, &cells);
            assert!(policy.is_empty() && mechanism.is_empty());
        }
        let (old, new) = (self.grouping.dropped(), self.dropped);
        self.dropped = Dropped { late: old.late + new.late, finished: old.finished + new.finished };
        (self.grouping, self.cells) = (house.grouping, house.cells);
        let before = std::mem::take(&mut *self.log.0.lock().unwrap());
        self.log = house.log;
        *self.log.0.lock().unwrap() = before;
        self.ids = self.ids.keys().map(|key| (*key, 0)).collect();
        self.refresh_ids();
    }

    /// Keys have other numbers in another store: asks for them with rows that are never added.
    fn refresh_ids(&mut self) {
        let values: Vec<(u32, i64)> = self.ids.keys().map(|key| (*key, 0)).collect();
        let mut ids = Vec::new();
        let meta = ferrobeam_core::batch::Meta::at(Timestamp::EPOCH);
        self.cells.intern(Parcel::new(Batch { values, meta }), &mut ids).unwrap();
        self.ids.values_mut().zip(ids).for_each(|(known, id)| *known = id);
    }

    pub(crate) fn take(&mut self) -> Vec<Pane> {
        std::mem::take(&mut *self.log.0.lock().unwrap())
    }

    pub(crate) fn dropped(&self) -> Dropped {
        let new = self.grouping.dropped();
        Dropped { late: self.dropped.late + new.late, finished: self.dropped.finished + new.finished }
    }

    /// The numbers of keys that the store knows.
    pub(crate) fn ids(&self) -> &BTreeMap<u32, KeyId> {
        &self.ids
    }
}
