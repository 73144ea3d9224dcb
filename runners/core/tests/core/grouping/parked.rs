//! A grouping whose keys go to files against one that has all in memory.

#[path = "../../../src/files/testing.rs"]
mod testing;

use super::scripts::{Act, later, scripts, sorted, strategies};
use super::stage::{Input, Pane, Stage};
use ferrobeam_core::Timestamp;
use ferrobeam_core::batch::{Batch, MetaBuilder};
use ferrobeam_core::combiners::CombineFn;
use ferrobeam_core::dofn::erased::{AnyReceiver, Outputs, Parcel, Receiver};
use ferrobeam_core::graph::StepName;
use ferrobeam_core::grouping::{AnyGrouping, Grouping, SpillFile, SpillSpace, Spills};
use ferrobeam_core::windowing::{PaneInfo, WindowingStrategy};
use ferrobeam_runner_core::bundle::by_key::ByKey;
use ferrobeam_runner_core::engine::Now;
use proptest::prelude::*;
use std::sync::{Arc, Mutex};

/// A place for files; so much may come back at a time.
struct Space(usize);

impl SpillSpace for Space {
    fn create(&self) -> ferrobeam_core::Result<Arc<dyn SpillFile>> {
        testing::InMemory.create()
    }
    fn room(&self) -> usize {
        self.0
    }
}

/// Keeps all values.
#[derive(Clone)]
struct Texts;

impl CombineFn for Texts {
    type In = String;
    type Acc = Vec<String>;
    type Out = Vec<String>;

    fn create_accumulator(&self) -> Vec<String> {
        Vec::new()
    }
    fn add_input(&self, values: &mut Vec<String>, value: String) {
        values.push(value);
    }
    fn merge_accumulators(&self, into: &mut Vec<String>, mut from: Vec<String>) {
        into.append(&mut from);
    }
    fn extract_output(&self, values: Vec<String>) -> Vec<String> {
        values
    }
}

/// A number as a text, which a few times is so long that its cell goes to a file of its own.
fn text(value: i64) -> String {
    let width = if value % 7 == 3 { 5000 } else { 1 };
    format!("{value:width$}")
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Pane>>>);

impl Receiver<(u32, Vec<String>)> for Log {
    fn start_bundle(&mut self) -> ferrobeam_core::Result<()> {
        Ok(())
    }
    fn receive(&mut self, batch: Batch<(u32, Vec<String>)>) -> ferrobeam_core::Result<()> {
        for (row, (key, values)) in batch.values.into_iter().enumerate() {
            let mut values: Vec<i64> = values.iter().map(|value| value.trim().parse().unwrap()).collect();
            values.sort_unstable();
            let [window] = *batch.meta.windows.get(row).as_slice() else { panic!("a pane is in one window") };
            let (timestamp, info) = (*batch.meta.time.get(row), *batch.meta.pane.get(row));
            self.0.lock().unwrap().push(Pane { key, window, values, timestamp, info });
        }
        Ok(())
    }
    fn finish_bundle(&mut self) -> ferrobeam_core::Result<()> {
        Ok(())
    }
}

/// The grouping whose keys go to files.
struct Spilling {
    store: ByKey,
    step: StepName,
    log: Log,
    /// Whether keys go to files before one thing and the next.
    spills: Vec<bool>,
    things: usize,
}

impl Spilling {
    fn new(strategy: &WindowingStrategy, room: usize, spills: Vec<bool>) -> Self {
        let (log, step) = (Log::default(), StepName::here("Group"));
        let mut out = Outputs::main(vec![AnyReceiver::new(log.clone())]);
        let cells = Grouping::<u32, _>::new(Texts).cells(&step, &mut out).unwrap();
        let mut store = ByKey::new(cells, strategy.clone());
        store.limit(Arc::new(Space(room)));
        Spilling { store, step, log, spills, things: 0 }
    }

    fn may_spill(&mut self) {
        self.things += 1;
        if self.spills[self.things % self.spills.len()] {
            self.store.spill().unwrap();
        }
    }

    fn input(&mut self, inputs: &[Input], now: Now) {
        self.may_spill();
        let mut meta = MetaBuilder::default();
        inputs.iter().for_each(|input| meta.push(input.timestamp, &input.windows, PaneInfo::NO_FIRING));
        let values: Vec<_> = inputs.iter().map(|input| (input.key, text(input.value))).collect();
        self.store.add(&self.step, Parcel::new(Batch { values, meta: meta.finish() }), now).unwrap();
    }

    fn advance(&mut self, now: Now) {
        self.may_spill();
        while self.store.is_due(now) {
            // One command at a time, or what comes with one.
            self.store.advance_some(now, 1).unwrap();
            self.may_spill();
        }
    }

    fn take(&self) -> Vec<Pane> {
        std::mem::take(&mut *self.log.0.lock().unwrap())
    }
}

/// Nothing is held up, or due, before it is known.
fn is_before(known: Option<Timestamp>, is: Option<Timestamp>) -> bool {
    is.is_none_or(|is| known.is_some_and(|known| known <= is))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn keys_in_files_are_as_those_in_memory(
        strategy in strategies(),
        script in scripts(5),
        room in prop::sample::select(&[0, 2000, 1 << 20]),
        spills in prop::collection::vec(any::<bool>(), 1..20),
    ) {
        let (mut plain, mut spilling) = (Stage::new(strategy.clone()), Spilling::new(&strategy, room, spills));
        let zero = Timestamp::EPOCH;
        plain.advance(Now {
            input_watermark: zero,
            output_watermark: zero,
            processing_time: zero,
            synchronized_processing_time: zero,
        });
        spilling.advance(plain.now);
        let (end, mut given) = (Act::Advance(200, 200, 0), 0);
        for act in script.iter().chain([&end, &end]) {
            let before = plain.now;
            match act {
                Act::Input(elements) => {
                    let input = |(value, (key, distance)): (i64, &(u32, i64))| {
                        let timestamp = Timestamp::from_millis(before.input_watermark.millis() + distance);
                        Input { key: *key, value, timestamp, windows: plain.assign(timestamp) }
                    };
                    let inputs: Vec<_> = (given..).zip(elements).map(input).collect();
                    given += elements.len() as i64;
                    plain.input(&inputs);
                    spilling.input(&inputs, before);
                }
                Act::Advance(watermark, time, behind) => {
                    let now = later(before, *watermark, *time, *behind);
                    plain.advance(now);
                    spilling.advance(now);
                }
                Act::Move => spilling.store.spill().unwrap(),
            }
            prop_assert_eq!(sorted(spilling.take()), sorted(plain.take()), "after {:?} at {:?}", act, before);
            prop_assert!(is_before(spilling.store.hold(), plain.grouping.hold()), "after {:?}", act);
            let next = plain.grouping.next_time();
            let known = [spilling.store.next_processing_time(), spilling.store.next_synchronized_processing_time()];
            prop_assert!(is_before(known.into_iter().flatten().min(), next), "after {:?}", act);
        }
        if plain.grouping.is_empty() {
            prop_assert_eq!(spilling.store.hold(), None, "nothing is left that holds");
            spilling.store.spill().unwrap();
            prop_assert_eq!((spilling.store.held(), spilling.store.kept()), (0, 0));
        }
    }
}
