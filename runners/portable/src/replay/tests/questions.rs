//! What engines ask about windows and values.

use super::engine;
use crate::replay::{Engine, Stage};
use ferrobeam_core::coder::{self, CoderSpec, DynCoder, Metadata, Value, WindowedValue};
use ferrobeam_core::graph::WINDOW_FN;
use ferrobeam_core::prelude::*;
use ferrobeam_core::windowing::{Merge, PaneInfo};
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::{coders, transforms as urns};
use prost::Message;
use std::time::Duration;

fn pair(key: Value, value: Value) -> Value {
    Value::Pair(Box::new((key, value)))
}

fn kv(key: CoderSpec, value: CoderSpec) -> CoderSpec {
    CoderSpec::of(coders::KV, vec![key, value])
}

fn list(of: CoderSpec) -> CoderSpec {
    CoderSpec::of(coders::ITERABLE, vec![of])
}

fn bytes() -> CoderSpec {
    CoderSpec::leaf(coders::BYTES)
}

fn interval() -> CoderSpec {
    CoderSpec::leaf(coders::INTERVAL_WINDOW)
}

/// A window of so many seconds.
fn window(start: i64, end: i64) -> Value {
    Value::Window(Window::Interval {
        start: Timestamp::from_millis(1000 * start),
        end: Timestamp::from_millis(1000 * end),
    })
}

fn windows(all: &[(i64, i64)]) -> Value {
    Value::List(all.iter().map(|(start, end)| window(*start, *end)).collect())
}

/// A question of an engine: its URN, its payload, and the coders of what is asked and answered.
struct Question {
    urn: &'static str,
    payload: Vec<u8>,
    asked: CoderSpec,
    answered: CoderSpec,
}

impl Question {
    /// Asks beside numbers, as an engine does; a collection of the graph lends its windows.
    fn ask(&self, engine: &Engine, id: &str, like: &str, questions: Vec<Value>) -> ferrobeam_core::Result<Vec<Value>> {
        let mut stage = Stage::new(engine, id);
        let input = stage.collection_like(like, &kv(bytes(), self.asked.clone()))?;
        let output = stage.collection_like(like, &kv(bytes(), self.answered.clone()))?;
        stage.transform(pb::PTransform {
            unique_name: "a question".to_owned(),
            spec: Some(pb::FunctionSpec { urn: self.urn.to_owned(), payload: self.payload.clone().into() }),
            inputs: [("in".to_owned(), input.clone())].into(),
            outputs: [("out".to_owned(), output.clone())].into(),
            ..Default::default()
        });
        let (source, sink) = (stage.source(&input)?, stage.sink(&output)?);
        let coder = |value: &CoderSpec, window: &CoderSpec| {
            DynCoder::from_spec(&CoderSpec::of(coders::WINDOWED_VALUE, vec![value.clone(), window.clone()])).unwrap()
        };
        let (mut data, count) = (Vec::new(), questions.len());
        for (i, question) in questions.into_iter().enumerate() {
            let value = pair(Value::Bytes(vec![i as u8].into()), question);
            let (timestamp, windows) = (Timestamp::MIN, vec![Value::Window(Window::Global)]);
            let metadata = Metadata { timestamp, windows, pane: PaneInfo::NO_FIRING };
            let row = Value::Windowed(Box::new(WindowedValue { value, metadata }));
            coder(&source.value, &source.window).encode(&row, &mut data).unwrap();
        }
        engine.run(id, &stage, data.into())?;
        let (told, mut answers) = (engine.output(id, &sink)?, Vec::new());
        let (coder, mut rest) = (coder(&sink.value, &sink.window), &told[..]);
        while !rest.is_empty() {
            let Value::Windowed(row) = coder.decode(&mut rest).unwrap() else { panic!("no element") };
            let Value::Pair(row) = row.value else { panic!("no pair") };
            assert_eq!(row.0, Value::Bytes(vec![answers.len() as u8].into()));
            answers.push(row.1);
        }
        assert_eq!(answers.len(), count);
        Ok(answers)
    }
}

/// A collection in the global window.
fn global(engine: &Engine) -> String {
    engine.graph().transform_of("Like").unwrap().outputs.values().next().unwrap().clone()
}

#[test]
fn windows_of_side_inputs_are_found() {
    let seconds = |n| FixedWindows::of(Duration::from_secs(n));
    let engine = engine(|root| {
        let (tens, days) = (root.create([1u64]).window(seconds(10)), root.create([2u64]).window(seconds(86_400)));
        let first_day = days.as_iterable().windows_by(|_| Window::Interval {
            start: Timestamp::from_millis(0),
            end: Timestamp::from_millis(86_400_000),
        });
        let main = root.create([0u64]).window(seconds(1));
        main.map_with((tens.as_iterable(), first_day), |n, (tens, days)| n + (tens.len() + days.len()) as u64)
            .named("Add")
            .discard();
        root.create([0u64]).map(|x| x).named("Like").discard();
    });
    let own = engine.graph().transform_of("Add").unwrap().clone();
    let payload = pb::ParDoPayload::decode(&own.spec.as_ref().unwrap().payload[..]).unwrap();
    let mut seen = Vec::new();
    for (i, side) in payload.side_inputs.values().enumerate() {
        let payload = side.window_mapping_fn.as_ref().unwrap().encode_to_vec();
        let question = Question { urn: urns::MAP_WINDOWS, payload, asked: interval(), answered: interval() };
        let asked = vec![window(3, 4), window(100_009, 100_010)];
        seen.push(question.ask(&engine, &i.to_string(), &global(&engine), asked).unwrap());
    }
    seen.sort_by_key(|answers| format!("{answers:?}"));
    let mut expected = [vec![window(0, 10), window(100_000, 100_010)], vec![window(0, 86_400), window(0, 86_400)]];
    expected.sort_by_key(|answers| format!("{answers:?}"));
    assert_eq!(seen, expected);

    let payload = pb::FunctionSpec { urn: "somebody:else".to_owned(), ..Default::default() }.encode_to_vec();
    let question = Question { urn: urns::MAP_WINDOWS, payload, asked: interval(), answered: interval() };
    let error = question.ask(&engine, "else", &global(&engine), vec![window(0, 1)]).unwrap_err().to_string();
    assert!(error.contains("`somebody:else` is not known here"), "{error}");
}

/// Windows that begin in the same ten seconds become one.
#[derive(Debug)]
struct Tens;

impl WindowFn for Tens {
    fn assign(&self, at: Timestamp, _: Window) -> ferrobeam_core::batch::WindowSet {
        Window::Interval { start: at, end: Timestamp::from_millis(at.millis() + 1000) }.into()
    }
    fn is_merging(&self) -> bool {
        true
    }
    fn merge(&self, windows: &[Window]) -> Vec<Merge> {
        let ten = |window: &Window| match window {
            Window::Interval { start, .. } => start.millis().div_euclid(10_000),
            Window::Global => 0,
        };
        let groups = windows.chunk_by(|a, b| ten(a) == ten(b)).filter(|group| group.len() > 1);
        let end = |group: &[Window]| group.iter().map(|window| window.max_timestamp().millis() + 1).max().unwrap();
        let merge = |group: &[Window]| Merge {
            result: Window::Interval {
                start: Timestamp::from_millis(10_000 * ten(&group[0])),
                end: Timestamp::from_millis(end(group)),
            },
            sources: group.to_vec(),
        };
        groups.map(merge).collect()
    }
}

#[test]
fn windows_of_a_key_are_merged() {
    let engine = engine(|root| {
        let sessions = Sessions::with_gap(Duration::from_secs(1));
        root.create([1u64]).window(sessions).named("Sessions").discard();
        root.create([1u64]).window(Windowing::of(Tens)).named("Tens").discard();
        root.create([1u64]).window(FixedWindows::of(Duration::from_secs(1))).named("Fixed").discard();
        root.create([0u64]).map(|x| x).named("Like").discard();
    });
    let asked = vec![windows(&[(1, 4), (3, 5), (8, 9), (12, 13)]), windows(&[])];
    let (none, few) = (|all: &[(i64, i64)]| pair(windows(all), Value::List(Vec::new())), windows);
    let merged =
        |alone, (start, end), sources| pair(windows(alone), Value::List(vec![pair(window(start, end), few(sources))]));
    for (step, expected) in [
        ("Sessions", merged(&[(8, 9), (12, 13)], (1, 5), &[(1, 4), (3, 5)])),
        ("Tens", merged(&[(12, 13)], (0, 9), &[(1, 4), (3, 5), (8, 9)])),
        ("Fixed", none(&[(1, 4), (3, 5), (8, 9), (12, 13)])),
    ] {
        let graph = engine.graph();
        let made = graph.transform_of(step).unwrap().outputs.values().next().unwrap().clone();
        let strategy = &graph.components().pcollections[&made].windowing_strategy_id;
        let function = graph.components().windowing_strategies[strategy].window_fn.clone().unwrap();
        assert_eq!(function.urn == WINDOW_FN, step == "Tens");
        let question = Question {
            urn: urns::MERGE_WINDOWS,
            payload: function.encode_to_vec(),
            asked: list(interval()),
            answered: kv(list(interval()), list(kv(interval(), list(interval())))),
        };
        let answers = question.ask(&engine, step, &global(&engine), asked.clone()).unwrap();
        assert_eq!(answers, [expected, none(&[])], "{step}");
    }
}

#[test]
fn elements_are_told_in_words() {
    let engine = engine(|root| root.create([0u64]).map(|x| x).named("Like").discard());
    let question = Question {
        urn: urns::TO_STRING,
        payload: Vec::new(),
        asked: coder::spec_of::<(String, Vec<i64>)>(),
        answered: CoderSpec::leaf(coders::STRING_UTF8),
    };
    let element =
        |word: &str, n: i64| pair(Value::Text(word.to_owned()), Value::List(vec![Value::Int(n), Value::Int(n + 1)]));
    let answers = question.ask(&engine, "1", &global(&engine), vec![element("a", 1), element("b", -7)]).unwrap();
    assert_eq!(answers, ["(\"a\", [1, 2])", "(\"b\", [-7, -6])"].map(|text| Value::Text(text.to_owned())));
}
