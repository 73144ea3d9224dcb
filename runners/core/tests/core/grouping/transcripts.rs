//! The transcripts of the Beam project, in `tests/data/trigger_transcripts.json`.
//!
//! Times are seconds; windows are printed with their last second; an element is its own timestamp. An `expect` takes the
//! output of the last action; before every other action, and at the end, no output may be left.

use super::stage::{Input, Pane, Stage};
use ferrobeam_core::Timestamp;
use ferrobeam_core::prelude::{FixedWindows, Sessions};
use ferrobeam_core::time::seconds;
use ferrobeam_core::windowing::trigger::{AfterWatermark, after_count};
use ferrobeam_core::windowing::{
    AccumulationMode, CompleteWindowing, TimestampCombiner, Timing, Trigger, Window, WindowingStrategy,
};
use serde_json::Value;

#[test]
fn transcripts() {
    let text = include_str!("../../data/trigger_transcripts.json");
    let specs: Vec<Value> = serde_json::from_str(text).unwrap();
    let (mut hold, mut fail) = (0, 0);
    for (number, spec) in specs.iter().enumerate() {
        let name = format!("transcript {number}, {}", spec["name"]);
        match (run(spec), spec["error"].as_str()) {
            (Ok(()), None) => hold += 1,
            (Err(error), Some(expected)) => {
                assert!(error.contains(expected), "{name} fails with: {error}");
                fail += 1;
            }
            (Ok(()), Some(expected)) => panic!("{name} should fail: {expected}"),
            (Err(error), None) => panic!("{name}: {error}"),
        }
    }
    assert_eq!((hold, fail), (13, 5));
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1000)
}

fn numbers(value: &Value) -> Vec<i64> {
    value.as_array().unwrap().iter().map(|n| n.as_i64().unwrap()).collect()
}

/// A call in Python's syntax: the name and the arguments, those with a name behind it.
fn call(text: &str) -> (&str, Vec<&str>) {
    let Some((name, rest)) = text.split_once('(') else { return (text, Vec::new()) };
    let (rest, mut arguments, mut depth, mut start) = (rest.strip_suffix(')').unwrap(), Vec::new(), 0, 0);
    for (i, c) in rest.char_indices() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if c == ',' && depth == 0 {
            arguments.push(rest[start..i].trim());
            start = i + 1;
        }
    }
    arguments.push(rest[start..].trim());
    (name, arguments)
}

fn trigger(text: &str) -> Trigger {
    match call(text) {
        ("Default", _) => Trigger::Default,
        ("AfterCount", arguments) => after_count(arguments[0].parse().unwrap()),
        ("AfterWatermark", arguments) => arguments
            .into_iter()
            .fold(AfterWatermark::new(), |after, argument| match argument.split_once('=').unwrap() {
                ("early", early) => after.early(trigger(early)),
                ("late", late) => after.late(trigger(late)),
                other => panic!("{other:?}"),
            })
            .into(),
        other => panic!("{other:?}"),
    }
}

/// The windowing, and what Beam's test adds to the timestamps of its own window function.
fn windowing(spec: &Value) -> (WindowingStrategy, i64) {
    let text = |name: &str, default: &'static str| spec[name].as_str().unwrap_or(default).to_owned();
    let window_fn = text("window_fn", "GlobalWindows");
    let (name, arguments) = call(&window_fn);
    let length = arguments.first().map(|n| seconds(n.parse().unwrap()));
    let (mut strategy, _) = match name {
        "GlobalWindows" => (WindowingStrategy::default(), Vec::new()),
        "FixedWindows" | "CustomTimestampingFixedWindowsWindowFn" => FixedWindows::of(length.unwrap()).strategy(),
        "Sessions" => Sessions::with_gap(length.unwrap()).strategy(),
        other => panic!("{other}"),
    };
    let combiner = text("timestamp_combiner", "OUTPUT_AT_EOW");
    strategy.timestamp_combiner = match combiner.as_str() {
        "OUTPUT_AT_EOW" => TimestampCombiner::EndOfWindow,
        "OUTPUT_AT_EARLIEST" | "OUTPUT_AT_EARLIEST_TRANSFORMED" => TimestampCombiner::Earliest,
        "OUTPUT_AT_LATEST" => TimestampCombiner::Latest,
        other => panic!("{other}"),
    };
    strategy.accumulation_mode = match text("accumulation_mode", "accumulating").as_str() {
        "accumulating" => AccumulationMode::Accumulating,
        "discarding" => AccumulationMode::Discarding,
        other => panic!("{other}"),
    };
    strategy.trigger = trigger(&text("trigger_fn", "Default"));
    strategy.allowed_lateness = seconds(spec["allowed_lateness"].as_u64().unwrap_or(0));
    // A window function that moves timestamps exists in Python's old runner only; the portable model has no such thing.
    // Beam's test function adds 100 seconds to each, and so to the earliest.
    (strategy, if combiner == "OUTPUT_AT_EARLIEST_TRANSFORMED" { 100 } else { 0 })
}

/// Seconds, cut off.
fn printed(window: Window) -> [i64; 2] {
    match window {
        Window::Interval { start, .. } => [start.millis() / 1000, window.max_timestamp().millis() / 1000],
        Window::Global => [Timestamp::MIN, window.max_timestamp()].map(|at| at.millis() / 1000),
    }
}

/// Whether a pane has all the attributes that are given.
fn fits(expected: &Value, pane: &Pane, transformed: i64) -> bool {
    expected.as_object().unwrap().iter().all(|(attribute, value)| match attribute.as_str() {
        "window" => numbers(value) == printed(pane.window),
        "values" => numbers(value) == pane.values,
        "timestamp" => value.as_i64() == Some(pane.timestamp.millis() / 1000 + transformed),
        "index" => value.as_u64() == Some(pane.info.index),
        "nonspeculative_index" => value.as_i64() == Some(pane.info.nonspeculative_index),
        "early" => value.as_bool() == Some(pane.info.timing == Timing::Early),
        "late" => value.as_bool() == Some(pane.info.timing == Timing::Late),
        "final" => value.as_bool() == Some(pane.info.is_last),
        other => panic!("{other}"),
    })
}

fn run(spec: &Value) -> Result<(), String> {
    let (strategy, transformed) = windowing(spec);
    let (mut stage, mut output) = (Stage::new(strategy), Vec::new());
    let nothing_left = |output: &[Pane], next: &str| match output {
        [] => Ok(()),
        _ => Err(format!("Unexpected output before {next}: {output:?}")),
    };
    for line in spec["transcript"].as_array().unwrap() {
        let (action, given) = line.as_object().unwrap().iter().next().unwrap();
        if action != "expect" {
            nothing_left(&output, action)?;
        }
        match action.as_str() {
            "input" => {
                let input = |second: i64| {
                    let timestamp = at(second);
                    Input { key: 7, value: second, timestamp, windows: stage.assign(timestamp) }
                };
                let inputs: Vec<_> = numbers(given).into_iter().map(input).collect();
                stage.input(&inputs);
            }
            "watermark" => {
                let input_watermark = at(given.as_i64().unwrap());
                stage.advance(ferrobeam_runner_core::engine::Now { input_watermark, ..stage.now });
            }
            "expect" => {
                for expected in given.as_array().unwrap() {
                    let found = output.iter().position(|pane| fits(expected, pane, transformed));
                    let found = found.ok_or_else(|| format!("Unmatched output {expected} in {output:?}"))?;
                    output.remove(found);
                }
            }
            "state" => check_state(&stage, given)?,
            other => panic!("{other}"),
        }
        output.extend(stage.take());
    }
    nothing_left(&output, "the end")
}

/// Present: it holds elements. Absent: it holds none, be it that its trigger has finished. Tombstone: its trigger has.
///
/// The one transcript that asks expects a window to be absent and another to be a tombstone after the same has happened to
/// both, so that is all that absence can mean.
fn check_state(stage: &Stage, given: &Value) -> Result<(), String> {
    let keys = stage.ids().values();
    let open: Vec<_> = keys.clone().flat_map(|key| stage.grouping.open_windows(*key)).map(|w| printed(w.0)).collect();
    let finished: Vec<_> = keys.flat_map(|key| stage.grouping.finished_windows(*key)).map(printed).collect();
    for (kind, windows) in given.as_object().unwrap() {
        for window in windows.as_array().unwrap() {
            let window: [i64; 2] = numbers(window).try_into().unwrap();
            let holds = match kind.as_str() {
                "present" => open.contains(&window),
                "absent" => !open.contains(&window),
                "tombstone" => finished.contains(&window),
                other => panic!("{other}"),
            };
            if !holds {
                return Err(format!("{window:?} is not {kind}"));
            }
        }
    }
    Ok(())
}
