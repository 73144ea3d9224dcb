//! The transcripts of the Beam project that hold, as scripts.
//!
//! Times are seconds; windows are printed with their last second; an element is its own timestamp. A transcript says after
//! which of its actions a pane comes, so the script has a mark behind each of them.

use super::prelude::*;
use crate::in_order::{Pane, Seen, by_mark, in_order, mark};
use ferrobeam::time::seconds;
use ferrobeam::windowing::{CompleteWindowing, Timing};
use serde_json::Value;

const TRANSCRIPTS: &str = include_str!("../../../runners/core/tests/data/trigger_transcripts.json");

/// A case for each transcript, by its name and place in the file.
macro_rules! transcripts {
    ($($case:ident $name:literal $number:literal,)*) => {$(
        pub(super) fn $case(runner: &dyn Runner) -> CaseResult {
            run(runner, $name, $number)
        }
    )*};
}

transcripts! {
    fixed_default "fixed_default" 0,
    fixed_default_late_data "fixed_default_late_data" 1,
    fixed_drop_late_data_after_allowed_lateness "fixed_drop_late_data_after_allowed_lateness" 2,
    timestamp_combiner_earliest "timestamp_combiner_earliest" 3,
    timestamp_combiner_latest "timestamp_combiner_latest" 4,
    timestamp_combiner_custom_timestamping_eow "timestamp_combiner_custom_timestamping_eow" 5,
    timestamp_combiner_custom_timestamping_earliest "timestamp_combiner_custom_timestamping_earliest" 6,
    timestamp_combiner_custom_timestamping_transformed "timestamp_combiner_custom_timestamping_earliest" 7,
    early_late_sessions "early_late_sessions" 8,
    discarding_early_fixed "discarding_early_fixed" 9,
    garbage_collection "garbage_collection" 10,
    known_late_data_watermark "known_late_data_watermark" 11,
    known_late_data_no_watermark_hold_possible "known_late_data_no_watermark_hold_possible" 12,
}

fn run(runner: &dyn Runner, name: &str, number: usize) -> CaseResult {
    let transcripts: Vec<Value> = serde_json::from_str(TRANSCRIPTS)?;
    let spec = transcripts.get(number).filter(|spec| spec["name"] == name).ok_or("it is not in the file")?;
    let (window_fn, length) = call(spec["window_fn"].as_str().unwrap_or("GlobalWindows"));
    let length = || -> Result<_, BoxError> { Ok(seconds(length.ok_or("a window function without a length")?.parse()?)) };
    match window_fn {
        "GlobalWindows" => play_transcript(runner, spec, windowing(GlobalWindows::new(), spec)?),
        // A window function that moves timestamps exists in Python's old runner only.
        "FixedWindows" | "CustomTimestampingFixedWindowsWindowFn" => {
            play_transcript(runner, spec, windowing(FixedWindows::of(length()?), spec)?)
        }
        "Sessions" => play_transcript(runner, spec, windowing(Sessions::with_gap(length()?), spec)?),
        other => Err(format!("the window function {other}").into()),
    }
}

/// A call in Python's syntax: the name and the one argument, if there is one.
fn call(text: &str) -> (&str, Option<&str>) {
    match text.split_once('(') {
        Some((name, rest)) => (name, rest.strip_suffix(')')),
        None => (text, None),
    }
}

fn windowing<W: Into<ferrobeam::windowing::Windows>>(
    windows: Windowing<W>,
    spec: &Value,
) -> Result<Windowing<W>, BoxError> {
    let triggered = windows.trigger(trigger(spec["trigger_fn"].as_str().unwrap_or("Default"))?);
    let windowing = match spec["accumulation_mode"].as_str().unwrap_or("accumulating") {
        "accumulating" => triggered.accumulating(),
        "discarding" => triggered.discarding(),
        other => return Err(format!("the accumulation mode {other}").into()),
    };
    let combiner = match spec["timestamp_combiner"].as_str().unwrap_or("OUTPUT_AT_EOW") {
        "OUTPUT_AT_EOW" => TimestampCombiner::EndOfWindow,
        "OUTPUT_AT_EARLIEST" | "OUTPUT_AT_EARLIEST_TRANSFORMED" => TimestampCombiner::Earliest,
        "OUTPUT_AT_LATEST" => TimestampCombiner::Latest,
        other => return Err(format!("the timestamp combiner {other}").into()),
    };
    let lateness = seconds(spec["allowed_lateness"].as_u64().unwrap_or(0));
    Ok(windowing.timestamp_combiner(combiner).allowed_lateness(lateness).allow_data_loss())
}

fn trigger(text: &str) -> Result<Trigger, BoxError> {
    match call(text) {
        ("Default", _) => Ok(Trigger::Default),
        ("AfterCount", Some(n)) => Ok(after_count(n.parse()?)),
        ("AfterWatermark", Some(parts)) => {
            let mut after = AfterWatermark::new();
            for part in parts.split(", ") {
                after = match part.split_once('=') {
                    Some(("early", early)) => after.early(trigger(early)?),
                    Some(("late", late)) => after.late(trigger(late)?),
                    _ => return Err(format!("the trigger {text}").into()),
                };
            }
            Ok(after.into())
        }
        _ => Err(format!("the trigger {text}").into()),
    }
}

/// The actions of a transcript, in order, each with its argument.
fn actions(spec: &Value) -> Vec<(String, Value)> {
    let lines = spec["transcript"].as_array().into_iter().flatten().filter_map(Value::as_object);
    lines.flat_map(|line| line.iter().map(|(action, given)| (action.clone(), given.clone()))).collect()
}

fn play_transcript(runner: &dyn Runner, spec: &Value, windowing: impl CompleteWindowing) -> CaseResult {
    let mut script = TestStream::new();
    for (action, given) in actions(spec) {
        script = match action.as_str() {
            "input" => script.add_elements(numbers(&given).into_iter().map(|n| (Some(n), at(1000 * n)))),
            "watermark" => script.advance_watermark_to(at(1000 * given.as_i64().ok_or("no watermark")?)),
            // What a key's state is cannot be seen from inside a pipeline.
            "expect" | "state" => continue,
            other => return Err(format!("the action {other}").into()),
        };
        script = mark(script);
    }
    let spec = spec.clone();
    passes(runner.run(|root| {
        let stream = root.test_stream(script);
        let seen = in_order(&stream, windowing);
        assert_that(&seen).satisfies(move |seen| check(&spec, seen));
        Ok(())
    }))
}

/// Compares marks and panes, each with its place, with a transcript. What comes behind the last mark is the end's.
fn check(spec: &Value, seen: &[Seen]) -> CaseResult {
    let mut outputs = by_mark(seen)?.into_iter();
    let mut output = Vec::new();
    let moved = if spec["timestamp_combiner"] == "OUTPUT_AT_EARLIEST_TRANSFORMED" { 100 } else { 0 };
    for (action, given) in actions(spec) {
        match action.as_str() {
            "expect" => {
                for expected in given.as_array().into_iter().flatten() {
                    let found = output.iter().position(|pane| fits(expected, pane, moved));
                    let found = found.ok_or_else(|| format!("{expected} is not in {output:?}"))?;
                    output.remove(found);
                }
            }
            "state" => {}
            _ => {
                ensure!(output.is_empty(), "not expected before {action}: {output:?}");
                output = outputs.next().ok_or("a mark is missing")?;
            }
        }
    }
    ensure!(output.is_empty(), "not expected at the end: {output:?}");
    Ok(())
}

/// Whether a pane has all the attributes that are given. Beam's test window function moves timestamps.
fn fits(expected: &Value, (window, (values, timestamp, pane)): &Pane, moved: i64) -> bool {
    let window = match window {
        Window::Interval { start, .. } => [start.millis() / 1000, window.max_timestamp().millis() / 1000],
        Window::Global => [Timestamp::MIN, window.max_timestamp()].map(|at| at.millis() / 1000),
    };
    expected.as_object().into_iter().flatten().all(|(attribute, value)| match attribute.as_str() {
        "window" => numbers(value) == window,
        "values" => numbers(value) == *values,
        "timestamp" => value.as_i64() == Some(timestamp.millis() / 1000 + moved),
        "index" => value.as_u64() == Some(pane.index),
        "nonspeculative_index" => value.as_i64() == Some(pane.nonspeculative_index),
        "early" => value.as_bool() == Some(pane.timing == Timing::Early),
        "late" => value.as_bool() == Some(pane.timing == Timing::Late),
        "final" => value.as_bool() == Some(pane.is_last),
        _ => false,
    })
}

fn numbers(value: &Value) -> Vec<i64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_i64).collect()
}
