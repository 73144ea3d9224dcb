//! Side inputs.

use super::{engine, run};
use crate::replay::{Engine, Port, Stage};
use ferrobeam_core::coder::{self, CoderSpec};
use ferrobeam_core::prelude::*;
use ferrobeam_model::fn_execution::StateKey;
use ferrobeam_model::fn_execution::state_key::{IterableSideInput, MultimapKeysSideInput, MultimapSideInput, Type};
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::coders;
use prost::Message;
use std::time::Duration;

/// The names of a step's transform and of its one side input.
fn side_of(stage: &Stage, step: &str) -> (String, String) {
    let id = stage.id_of(step).unwrap();
    let payload = &stage.descriptor.transforms[&id].spec.as_ref().unwrap().payload;
    let payload = pb::ParDoPayload::decode(&payload[..]).unwrap();
    (id, payload.side_inputs.keys().next().unwrap().clone())
}

fn iterable(stage: &Stage, step: &str, window: &[u8]) -> StateKey {
    let (transform_id, side_input_id) = side_of(stage, step);
    let of = IterableSideInput { transform_id, side_input_id, window: window.to_vec().into() };
    StateKey { r#type: Some(Type::IterableSideInput(of)) }
}

fn encoded<T: Element>(values: impl IntoIterator<Item = T>) -> Vec<u8> {
    let mut all = Vec::new();
    values.into_iter().for_each(|value| coder::put(&value, &mut all).unwrap());
    all
}

fn adding() -> (Engine, Stage) {
    let engine = engine(|root| {
        let more = root.create(["x".to_owned()]);
        let sums = root.create([0u64]).map_with(more.as_iterable(), |n, more| (n, more.join("+")));
        sums.named("Add").discard();
    });
    let stage = Stage::of(&engine, "stage", &["Add"]).unwrap();
    (engine, stage)
}

#[test]
fn an_iterable_is_read_once_a_bundle_in_pages() {
    let (engine, stage) = adding();
    engine.states().page_by(3);
    for (id, words) in [("1", vec!["first", "second"]), ("2", vec!["third"]), ("3", vec![])] {
        engine.states().set(&iterable(&stage, "Add", b""), encoded(words.iter().map(|word| (*word).to_owned())));
        let sums: Vec<(u64, String)> = run(&engine, id, &stage, [1u64, 2]).unwrap();
        assert_eq!(sums, [(1, words.join("+")), (2, words.join("+"))]);
        let bytes = words.iter().map(|word| word.len() + 1).sum::<usize>();
        assert_eq!(engine.state_requests().len(), bytes.div_ceil(3).max(1));
    }
}

#[test]
fn every_window_has_its_own_side_input() {
    let windows = || FixedWindows::of(Duration::from_secs(1));
    let engine = engine(|root| {
        let more = root.create(["x".to_owned()]).window(windows());
        let main = root.create([0u64]).window(windows());
        main.map_with(more.as_iterable(), |n, more| (n, more.join("+"))).named("Add").discard();
    });
    let stage = Stage::of(&engine, "stage", &["Add"]).unwrap();
    let (mut rows, ends) = (Vec::new(), [1000, 2000]);
    for end in ends {
        let window = Window::Interval { start: Timestamp::from_millis(end - 1000), end: Timestamp::from_millis(end) };
        let mut row = crate::replay::at(end - 1, end.cast_unsigned());
        row.metadata.windows = vec![window];
        rows.push(row);
        let window_bytes = |port: &Port| {
            let mut row = crate::replay::at(0, ());
            row.metadata.windows = vec![window];
            let port = Port { value: coder::spec_of::<()>(), ..port.clone() };
            // Between the timestamp and a count of four bytes, and the pane.
            let bytes = port.encode(&[row]).unwrap();
            bytes[12..bytes.len() - 2].to_vec()
        };
        let key = iterable(&stage, "Add", &window_bytes(&stage.sources[0]));
        engine.states().set(&key, encoded([format!("until {end}")]));
    }
    let data = stage.sources[0].encode(&rows).unwrap();
    engine.run("1", &stage, data).unwrap();
    let sums: Vec<(u64, String)> = super::values(&engine, "1", &stage.sinks[0]);
    assert_eq!(sums, ends.map(|end| (end.cast_unsigned(), format!("until {end}"))));
}

#[test]
fn a_map_is_read_by_its_keys() {
    let engine = engine(|root| {
        let prices = root.create([("tea".to_owned(), vec![1u64])]);
        let priced = root.create([String::new()]).map_with(prices.as_multimap(), |word, prices| {
            let of_word = prices.get(&word).to_vec();
            (of_word, prices.iter().count() as u64)
        });
        priced.named("Price").discard();
    });
    let own = engine.graph().transform_of("Price").unwrap();
    let side = own.inputs.iter().find(|(name, _)| *name != "in").unwrap().1.clone();
    let prefixed = |of: CoderSpec| CoderSpec::of(coders::LENGTH_PREFIX, vec![of]);
    for is_prefixed in [false, true] {
        let mut stage = Stage::new(&engine, if is_prefixed { "prefixed" } else { "plain" });
        let mut spec = engine.graph().coder(&side).unwrap().spec();
        if is_prefixed {
            spec.components = spec.components.into_iter().map(prefixed).collect();
        }
        stage.recode(&side, &spec).unwrap();
        stage.step("Price").unwrap();
        let stage = stage.close().unwrap();
        let (transform_id, side_input_id) = side_of(&stage, "Price");
        // A string that ends with its prefix needs no length of its own.
        let wire = |bytes: Vec<u8>| if is_prefixed { encoded([bytes::Bytes::from(bytes)]) } else { bytes };
        let (mut keys, window) = (Vec::new(), bytes::Bytes::new());
        // More than are asked for at once.
        for i in 0..600u64 {
            let key = encoded([format!("key {i}")]);
            keys.extend_from_slice(&key);
            let values: Vec<u8> = [vec![i], vec![i + 1, 7]].into_iter().flat_map(|v| wire(encoded([v]))).collect();
            let (transform_id, side_input_id) = (transform_id.clone(), side_input_id.clone());
            let of = MultimapSideInput { transform_id, side_input_id, window: window.clone(), key: key.into() };
            engine.states().set(&StateKey { r#type: Some(Type::MultimapSideInput(of)) }, values);
        }
        let of = MultimapKeysSideInput { transform_id, side_input_id, window };
        engine.states().set(&StateKey { r#type: Some(Type::MultimapKeysSideInput(of)) }, keys);
        engine.states().page_by(7);
        let words = ["key 599", "key 3", "key 600"].map(str::to_owned);
        let priced: Vec<(Vec<Vec<u64>>, u64)> = run(&engine, &stage.descriptor.id, &stage, words).unwrap();
        let of = |i: u64| (vec![vec![i], vec![i + 1, 7]], 600);
        assert_eq!(priced, [of(599), of(3), (vec![], 600)]);
    }
}

#[test]
fn a_broken_side_input_is_named() {
    let (engine, stage) = adding();
    engine.states().set(&iterable(&stage, "Add", b""), [200]);
    let error = run::<u64, (u64, String)>(&engine, "1", &stage, [1]).unwrap_err().to_string();
    assert!(error.contains("`Add`") && error.contains("side input `"), "{error}");
    engine.states().refuse(Some("not here"));
    let error = run::<u64, (u64, String)>(&engine, "2", &stage, [1]).unwrap_err().to_string();
    assert!(error.contains("`Add`") || error.contains("not here"), "{error}");
}
