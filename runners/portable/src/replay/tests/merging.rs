//! Groupings that merge windows in place of the engine.

use super::engine;
use crate::engine::Engine::Flink;
use crate::job::environment::external;
use crate::job::lower::lower;
use crate::merging::ENDS;
use crate::replay::{Engine, Stage, at};
use bytes::Bytes;
use ferrobeam_core::coder::{CoderSpec, Metadata, TimerData, TimerSetting, WindowedValue, spec_of};
use ferrobeam_core::prelude::*;
use ferrobeam_core::windowing::{CustomWindows, Merge, PaneInfo, Timing, merge_overlapping};
use ferrobeam_model::urns::coders;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;

const GAP: i64 = 10;

/// Sessions, under a name that no engine knows.
#[derive(Debug)]
struct Own;

impl WindowFn for Own {
    fn assign(&self, at: Timestamp, _: Window) -> WindowSet {
        window(at.millis(), at.millis() + GAP).into()
    }

    fn is_merging(&self) -> bool {
        true
    }

    fn merge(&self, windows: &[Window]) -> Vec<Merge> {
        merge_overlapping(windows)
    }
}

fn window(start: i64, end: i64) -> Window {
    Window::interval(Timestamp::from_millis(start), Timestamp::from_millis(end))
}

/// A grouping in the two stages that engines make of it.
struct Played {
    engine: Engine,
    carry: Stage,
    group: Stage,
    step: String,
    /// The timers that are set, by key and tag: time and output timestamp.
    timers: BTreeMap<(String, String), (i64, i64)>,
    bundles: usize,
}

type Grouped = WindowedValue<(String, Vec<u64>)>;

fn played(windows: Windowing<CustomWindows>) -> Played {
    let engine = engine(|root| {
        let pairs = root.create([(String::new(), 0u64)]).named("Create");
        pairs.window(windows).named("Window").group_by_key().named("Group").discard();
    });
    let lowered = lower(engine.graph(), Flink, external("localhost:1")).unwrap().components.unwrap();
    let part = |name: &str| lowered.transforms.values().find(|part| part.unique_name == name).unwrap().clone();
    let carried = CoderSpec::of(coders::KV, vec![spec_of::<String>(), CoderSpec::leaf(coders::BYTES)]);
    let own = |step: &str| engine.graph().transform_of(step).unwrap().outputs["out"].clone();

    let (mut carry, mut transform) = (Stage::new(&engine, "carry"), part("Group/Carry"));
    transform.inputs.insert("in".to_owned(), carry.collection(&own("Window")).unwrap());
    transform.outputs.insert("out".to_owned(), carry.collection_like(&own("Create"), &carried).unwrap());
    carry.transform(transform);
    let (mut group, mut transform) = (Stage::new(&engine, "group"), part("Group/Group"));
    transform.inputs.insert("in".to_owned(), group.collection_like(&own("Create"), &carried).unwrap());
    transform.outputs.insert("out".to_owned(), group.collection(&own("Group")).unwrap());
    let step = group.transform(transform);
    let (carry, group) = (carry.close().unwrap(), group.close().unwrap());
    Played { engine, carry, group, step, timers: BTreeMap::new(), bundles: 0 }
}

impl Played {
    fn id(&mut self) -> String {
        self.bundles += 1;
        format!("bundle {}", self.bundles)
    }

    /// Brings elements of keys to the grouping, each in its window.
    fn add(&mut self, rows: &[(&str, i64)]) -> Vec<Grouped> {
        let id = self.id();
        let rows = rows.iter().map(|(key, time)| {
            let mut row = at(*time, ((*key).to_owned(), time.cast_unsigned()));
            row.metadata.windows = vec![window(*time, time + GAP)];
            row
        });
        let rows = self.carry.sources[0].encode(&rows.collect::<Vec<_>>()).unwrap();
        self.engine.run(&id, &self.carry, rows).unwrap();
        let carried = self.engine.output(&id, &self.carry.sinks[0]).unwrap();
        self.bundle(carried, &[])
    }

    /// Lets the watermark pass all timers before a time, one bundle for each time.
    fn advance(&mut self, to: i64) -> Vec<Grouped> {
        let mut out = Vec::new();
        while let Some(first) = self.timers.values().map(|(fire, _)| *fire).min().filter(|first| *first < to) {
            let due = self.timers.extract_if(.., |_, (fire, _)| *fire == first);
            let timer = |((key, tag), (fire, hold)): ((String, String), (i64, i64))| TimerData {
                key,
                tag,
                windows: vec![Window::Global],
                setting: Some(TimerSetting {
                    fire: Timestamp::from_millis(fire),
                    hold: Timestamp::from_millis(hold),
                    pane: PaneInfo::NO_FIRING,
                }),
            };
            let due: Vec<_> = due.map(timer).collect();
            out.extend(self.bundle(Bytes::new(), &due));
        }
        out
    }

    fn bundle(&mut self, elements: Bytes, due: &[TimerData<String>]) -> Vec<Grouped> {
        let id = self.id();
        let source = &self.group.sources[0];
        self.engine.begin(&id, &self.group);
        self.engine.data(&id, source, elements, true);
        self.engine.fire(&id, &self.step, ENDS, source.encode_timers(due).unwrap(), true);
        self.engine.done(&id).unwrap();
        let set = self.engine.timers(&id, &self.step, ENDS).unwrap();
        for timer in source.decode_timers::<String>(&set).unwrap() {
            let setting = timer.setting.unwrap();
            assert!(setting.hold <= setting.fire, "Flink takes no other");
            self.timers.insert((timer.key, timer.tag), (setting.fire.millis(), setting.hold.millis()));
        }
        let sink = &self.group.sinks[0];
        let mut rows: Vec<Grouped> = sink.decode(&self.engine.output(&id, sink).unwrap()).unwrap();
        rows.iter_mut().for_each(|row| row.value.1.sort_unstable());
        rows
    }

    /// Where the watermark behind the grouping stays.
    fn hold(&self) -> Option<i64> {
        self.timers.values().map(|(_, hold)| *hold).min()
    }
}

fn group(key: &str, values: &[u64], window: Window, timestamp: i64) -> Grouped {
    let pane = PaneInfo { timing: Timing::OnTime, ..PaneInfo::NO_FIRING };
    let metadata = Metadata { timestamp: Timestamp::from_millis(timestamp), windows: vec![window], pane };
    WindowedValue { value: (key.to_owned(), values.to_vec()), metadata }
}

#[test]
fn windows_merge_until_a_timer_is_due() {
    let mut played = played(Windowing::of(Own));
    assert_eq!(played.add(&[("a", 0), ("a", 8), ("b", 1)]), []);
    assert_eq!(played.add(&[("a", 30), ("a", 4)]), []);
    assert_eq!(played.advance(11), [group("b", &[1], window(1, 11), 10)], "of `a` one ends at 10, but has merged");
    assert_eq!(played.add(&[("a", 17)]), []);
    assert_eq!(played.advance(27), [group("a", &[0, 4, 8, 17], window(0, 27), 26)]);
    assert_eq!(played.advance(1000), [group("a", &[30], window(30, 40), 39)]);
    assert_eq!(played.timers, BTreeMap::new());
    assert!(played.engine.states().is_empty(), "nothing is left of a key without windows");
}

#[test]
fn the_watermark_waits_for_the_time_of_a_pane() {
    let mut played = played(Windowing::of(Own).timestamp_combiner(TimestampCombiner::Earliest));
    played.add(&[("a", 3), ("a", 9)]);
    assert_eq!(played.hold(), Some(3));
    assert_eq!(played.advance(13), []);
    assert_eq!(played.hold(), Some(3), "though the timer of the first element has fired");
    played.add(&[("a", 15)]);
    assert_eq!(played.advance(19), []);
    assert_eq!(played.advance(25), [group("a", &[3, 9, 15], window(3, 25), 3)]);
    assert_eq!(played.hold(), None);
}

#[test]
fn a_late_element_is_dropped_while_its_key_has_windows() {
    let mut played = played(Windowing::of(Own));
    played.add(&[("a", 0), ("a", 50)]);
    assert_eq!(played.advance(12), [group("a", &[0], window(0, 10), 9)]);
    played.add(&[("a", 0)]);
    assert_eq!(played.advance(12), []);
    assert_eq!(played.advance(1000), [group("a", &[50], window(50, 60), 59)]);
}

/// Elements in the order of time in bundles of any length, and the watermark right behind them.
#[test]
fn groups_are_as_a_model_says() {
    let rows = proptest::collection::vec((0usize..2, 0i64..120, any::<bool>()), 1..25);
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let result = runner.run(&rows, |mut rows| {
        rows.sort_by_key(|(_, time, _)| *time);
        let (mut played, mut found, mut bundle) = (played(Windowing::of(Own)), Vec::new(), Vec::new());
        for (key, time, ends) in &rows {
            bundle.push((["a", "b"][*key], *time));
            if *ends {
                found.extend(played.advance(bundle[0].1));
                found.extend(played.add(&std::mem::take(&mut bundle)));
            }
        }
        found.extend(played.add(&bundle));
        found.extend(played.advance(i64::MAX));

        let mut expected: Vec<Grouped> = Vec::new();
        for key in 0..2 {
            let mut open: Option<(i64, Vec<u64>)> = None;
            let times = rows.iter().filter(|row| row.0 == key).map(|row| Some(row.1)).chain([None]);
            for time in times {
                let ends = open.as_ref().is_some_and(|(_, all)| {
                    let last = all.last().copied().unwrap_or_default().cast_signed();
                    time.is_none_or(|time| time >= last + GAP)
                });
                if let Some((start, all)) = open.take_if(|_| ends) {
                    let end = all.last().copied().unwrap_or_default().cast_signed() + GAP;
                    expected.push(group(["a", "b"][key], &all, window(start, end), end - 1));
                }
                if let Some(time) = time {
                    open.get_or_insert_with(|| (time, Vec::new())).1.push(time.cast_unsigned());
                }
            }
        }
        let sorted = |mut groups: Vec<Grouped>| {
            groups.sort_by_key(|row| (row.metadata.timestamp, row.value.clone()));
            groups
        };
        prop_assert_eq!(sorted(found), sorted(expected));
        Ok(())
    });
    result.unwrap();
}
