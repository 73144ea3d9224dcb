//! Random windowings and scripts: the engine against the interpreter of histories, and the laws of panes.

use super::naive::Naive;
use super::stage::{Input, Pane, Stage};
use ferrobeam_core::Timestamp;
use ferrobeam_core::batch::WindowSet;
use ferrobeam_core::prelude::{FixedWindows, GlobalWindows, Sessions, SlidingWindows, WindowFn};
use ferrobeam_core::time::millis;
use ferrobeam_core::windowing::trigger::{TimestampTransform, after_all, after_any, after_each, repeatedly};
use ferrobeam_core::windowing::{
    AccumulationMode, ClosingBehavior, CompleteWindowing, Merge, OnTimeBehavior, TimestampCombiner, Timing, Trigger,
    Window, Windowing, WindowingStrategy,
};
use ferrobeam_runner_core::engine::Now;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Any trigger, nested up to three deep.
fn triggers() -> impl Strategy<Value = Trigger> {
    let delay = (0u64..12).prop_map(|n| TimestampTransform::Delay(millis(n)));
    let align =
        (1u64..10, 0u64..10).prop_map(|(n, m)| TimestampTransform::AlignTo { period: millis(n), offset: millis(m) });
    let leaf = prop_oneof![
        Just(Trigger::Default),
        Just(Trigger::Always),
        Just(Trigger::Never),
        Just(Trigger::AfterSynchronizedProcessingTime),
        prop::collection::vec(prop_oneof![delay, align], 0..3).prop_map(Trigger::AfterProcessingTime),
        (1u32..5).prop_map(Trigger::AfterCount),
    ];
    leaf.prop_recursive(3, 10, 3, |part| {
        let parts = prop::collection::vec(part.clone(), 1..4);
        let optional = prop::option::of(part.clone().prop_map(Box::new));
        prop_oneof![
            2 => (optional.clone(), optional).prop_map(|(early, late)| Trigger::AfterWatermark { early, late }),
            1 => parts.clone().prop_map(after_each),
            1 => parts.clone().prop_map(after_all),
            1 => parts.prop_map(after_any),
            2 => part.clone().prop_map(repeatedly),
            1 => (part.clone(), part).prop_map(|(main, until)| main.or_finally(until)),
        ]
    })
}

/// Windows of one element each, until another one is in the same block of 20: then both become that block.
#[derive(Debug)]
struct Blocks;

fn block(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.millis() - at.millis().rem_euclid(20))
}

impl WindowFn for Blocks {
    fn assign(&self, at: Timestamp, _: Window) -> WindowSet {
        WindowSet::One(Window::interval(at, (at + millis(3)).min(block(at) + millis(20))))
    }
    fn is_merging(&self) -> bool {
        true
    }
    fn merge(&self, windows: &[Window]) -> Vec<Merge> {
        let mut blocks: BTreeMap<Timestamp, Vec<Window>> = BTreeMap::new();
        for window in windows {
            let Window::Interval { start, .. } = window else { panic!("{window}") };
            blocks.entry(block(*start)).or_default().push(*window);
        }
        let blocks = blocks.into_iter().filter(|(_, sources)| sources.len() > 1);
        blocks.map(|(at, sources)| Merge { result: Window::interval(at, at + millis(20)), sources }).collect()
    }
}

pub(super) fn strategies() -> impl Strategy<Value = WindowingStrategy> {
    let windows = prop_oneof![
        Just(FixedWindows::of(millis(10)).strategy().0),
        Just(SlidingWindows::of(millis(10)).every(millis(4)).strategy().0),
        Just(SlidingWindows::of(millis(3)).every(millis(7)).strategy().0),
        Just(Sessions::with_gap(millis(6)).strategy().0),
        Just(Sessions::with_gap(millis(15)).strategy().0),
        Just(Windowing::of(Blocks).strategy().0),
        Just(GlobalWindows::new().strategy().0),
    ];
    let lateness = prop::sample::select(vec![0, 0, 4, 20]);
    let combiners = [TimestampCombiner::EndOfWindow, TimestampCombiner::Earliest, TimestampCombiner::Latest];
    let choices = (prop::sample::select(combiners.to_vec()), any::<[bool; 3]>());
    (windows, triggers(), lateness, choices).prop_map(
        |(windows, trigger, lateness, (timestamp_combiner, [discarding, closing, on_time]))| WindowingStrategy {
            trigger,
            allowed_lateness: millis(lateness),
            timestamp_combiner,
            accumulation_mode: if discarding { AccumulationMode::Discarding } else { AccumulationMode::Accumulating },
            closing_behavior: if closing { ClosingBehavior::EmitAlways } else { ClosingBehavior::EmitIfNonempty },
            on_time_behavior: if on_time { OnTimeBehavior::FireAlways } else { OnTimeBehavior::FireIfNonempty },
            ..windows
        },
    )
}

#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Elements: a key, and a distance from the watermark.
    Input(Vec<(u32, i64)>),
    /// Watermark, processing time and synchronized processing time move on, the last one up to so much behind.
    Advance(i64, i64, i64),
    /// All state goes through bytes.
    Move,
}

/// Of so many keys.
pub(super) fn scripts(keys: u32) -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        5 => prop::collection::vec((0..keys, -25i64..20), 1..5).prop_map(Act::Input),
        2 => (1i64..12).prop_map(|by| Act::Advance(by, 0, 0)),
        2 => (1i64..12, 0i64..4).prop_map(|(by, behind)| Act::Advance(0, by, behind)),
        1 => (0i64..40, 0i64..40, 0i64..4).prop_map(|(w, p, behind)| Act::Advance(w, p, behind)),
        1 => Just(Act::Move),
    ];
    prop::collection::vec(act, 1..14)
}

/// The time of an [`Act::Advance`].
pub(super) fn later(before: Now, watermark: i64, time: i64, behind: i64) -> Now {
    let on = |at: Timestamp, by: i64| Timestamp::from_millis(at.millis() + by);
    let processing_time = on(before.processing_time, time);
    Now {
        input_watermark: on(before.input_watermark, watermark),
        processing_time,
        synchronized_processing_time: on(processing_time, -behind).max(before.synchronized_processing_time),
        ..before
    }
}

/// Everything that was done and came out.
struct Run {
    inputs: Vec<Input>,
    panes: Vec<Pane>,
}

pub(super) fn sorted(mut panes: Vec<Pane>) -> Vec<Pane> {
    panes.sort_by_key(|pane| (pane.key, pane.window, pane.info.index));
    panes
}

/// Runs a script on both, and then time until all windows are closed; compares them after each step.
fn compare(strategy: &WindowingStrategy, script: &[Act]) -> Result<Run, TestCaseError> {
    let (mut stage, mut naive) = (Stage::new(strategy.clone()), Naive::new(strategy.clone()));
    let zero = Timestamp::EPOCH;
    let start = Now {
        input_watermark: zero,
        output_watermark: zero,
        processing_time: zero,
        synchronized_processing_time: zero,
    };
    stage.advance(start);
    naive.now = start;
    let mut run = Run { inputs: Vec::new(), panes: Vec::new() };
    let end = [Act::Advance(150, 0, 0)];
    for act in script.iter().chain(&end) {
        let before = stage.now;
        match act {
            Act::Input(elements) => {
                let first = run.inputs.len();
                for (key, distance) in elements {
                    let timestamp = Timestamp::from_millis(stage.now.input_watermark.millis() + distance);
                    let (value, windows) = (run.inputs.len() as i64, stage.assign(timestamp));
                    run.inputs.push(Input { key: *key, value, timestamp, windows });
                }
                stage.input(&run.inputs[first..]);
                naive.input(&run.inputs[first..]);
            }
            Act::Advance(watermark, time, behind) => {
                let now = later(before, *watermark, *time, *behind);
                stage.advance(now);
                naive.advance(now);
            }
            Act::Move => stage.move_house(),
        }
        let panes = sorted(stage.take());
        prop_assert_eq!(&panes, &sorted(naive.take()), "after {:?} at {:?}", act, before);
        prop_assert_eq!(stage.grouping.hold(), naive.hold(), "the hold after {:?}", act);
        prop_assert_eq!(stage.now, naive.now);
        prop_assert_eq!(stage.dropped(), naive.dropped);
        for pane in &panes {
            let end = pane.window.max_timestamp();
            prop_assert!(pane.timestamp <= end, "{:?} is beyond its window", pane);
            prop_assert!(
                pane.timestamp >= before.output_watermark
                    || (pane.info.timing == Timing::Late && pane.timestamp == end),
                "{:?} is behind the output watermark {:?}",
                pane,
                before.output_watermark
            );
        }
        run.panes.extend(panes);
    }
    if strategy.windows != GlobalWindows::new().strategy().0.windows {
        prop_assert!(stage.ids().is_empty(), "closed windows leave nothing behind");
        prop_assert_eq!(stage.grouping.hold(), None);
        prop_assert_eq!(stage.grouping.next_event_time(), None);
        prop_assert_eq!(stage.grouping.next_processing_time(), None);
        prop_assert_eq!(stage.grouping.next_synchronized_processing_time(), None);
    }
    Ok(run)
}

/// The panes of each key and window, in order.
fn by_window(panes: &[Pane]) -> BTreeMap<(u32, Window), Vec<&Pane>> {
    let mut windows: BTreeMap<_, Vec<&Pane>> = BTreeMap::new();
    panes.iter().for_each(|pane| windows.entry((pane.key, pane.window)).or_default().push(pane));
    windows
}

fn strictly_more(a: &[i64], b: &[i64]) -> bool {
    let b: BTreeSet<_> = b.iter().collect();
    a.iter().all(|value| b.contains(value))
}

proptest! {
    #[test]
    fn the_engine_does_what_its_history_says(strategy in strategies(), script in scripts(2)) {
        let Run { inputs, panes } = compare(&strategy, &script)?;
        let merging = strategy.needs_merge();
        for ((key, window), panes) in by_window(&panes) {
            for pair in panes.windows(2) {
                let (a, b) = (&pair[0], &pair[1]);
                // A window that merges may come again under the same name.
                if merging && b.info.index == 0 {
                    continue;
                }
                prop_assert_eq!(b.info.index, a.info.index + 1, "panes of {:?}", (key, window));
                prop_assert!(!a.info.is_last && !b.info.is_first);
                prop_assert!(b.info.nonspeculative_index <= a.info.nonspeculative_index + 1);
                prop_assert!(!(a.info.timing != Timing::Early && b.info.timing == Timing::Early));
                if strategy.accumulation_mode == AccumulationMode::Accumulating {
                    prop_assert!(strictly_more(&a.values, &b.values), "{:?} shrinks to {:?}", a, b);
                }
            }
            let on_time = panes.iter().filter(|pane| pane.info.timing == Timing::OnTime).count();
            prop_assert!(on_time <= 1 || merging, "{:?}", panes);
            if !merging {
                prop_assert!(panes[0].info.is_first && panes[0].info.index == 0);
            }
        }
        if strategy.accumulation_mode == AccumulationMode::Discarding {
            let mut emitted: BTreeMap<i64, usize> = BTreeMap::new();
            panes.iter().flat_map(|pane| &pane.values).for_each(|value| *emitted.entry(*value).or_default() += 1);
            for input in &inputs {
                let found = emitted.get(&input.value).copied().unwrap_or(0);
                prop_assert!(found <= input.windows.as_slice().len(), "{:?} was emitted {} times", input, found);
            }
        }
    }

    /// Each element comes out once for each of its windows, but for those that were counted as dropped.
    #[test]
    fn discarding_loses_and_repeats_nothing(mut strategy in strategies(), script in scripts(2)) {
        strategy.accumulation_mode = AccumulationMode::Discarding;
        let mut stage = Stage::new(strategy.clone());
        stage.advance(Now { input_watermark: Timestamp::EPOCH, ..Now::START });
        let (mut given, mut n) = (0, 0);
        for act in &script {
            let now = stage.now;
            match act {
                Act::Input(elements) => {
                    for (key, distance) in elements {
                        let timestamp = Timestamp::from_millis(now.input_watermark.millis() + distance);
                        let windows = stage.assign(timestamp);
                        given += windows.as_slice().len() as u64;
                        n += 1;
                        stage.input(&[Input { key: *key, value: n, timestamp, windows }]);
                    }
                }
                Act::Advance(by, ..) => {
                    let input_watermark = Timestamp::from_millis(now.input_watermark.millis() + by);
                    stage.advance(Now { input_watermark, ..now });
                }
                Act::Move => stage.move_house(),
            }
        }
        stage.advance(Now { input_watermark: Timestamp::MAX, ..stage.now });
        let (panes, dropped) = (stage.take(), stage.dropped());
        let emitted: u64 = panes.iter().map(|pane| pane.values.len() as u64).sum();
        prop_assert_eq!(emitted + dropped.late + dropped.finished, given);
        prop_assert!(dropped.finished == 0 || strategy.trigger.may_lose_data(strategy.allowed_lateness));
        prop_assert!(stage.ids().is_empty());
        for panes in by_window(&panes).values() {
            let mut values: Vec<_> = panes.iter().flat_map(|pane| &pane.values).collect();
            let all = values.len();
            values.sort_unstable();
            values.dedup();
            prop_assert_eq!(values.len(), all, "something is in two panes of one window: {:?}", panes);
        }
    }
}
