//! What engines make of a graph: flattened collections, and combines that were taken apart.

use super::{engine, run, values};
use crate::replay::{Engine, Stage};
use bytes::Bytes;
use ferrobeam_core::combiners::CombineFn;
use ferrobeam_core::prelude::*;
use ferrobeam_model::urns::transforms as urns;

/// Length and sum, so that accumulators differ from inputs and outputs.
#[derive(Clone)]
struct Mean;

impl CombineFn for Mean {
    type In = u64;
    type Acc = (u64, u64);
    type Out = f64;

    fn create_accumulator(&self) -> (u64, u64) {
        (0, 0)
    }
    fn add_input(&self, acc: &mut (u64, u64), x: u64) {
        *acc = (acc.0 + 1, acc.1 + x);
    }
    fn merge_accumulators(&self, into: &mut (u64, u64), from: (u64, u64)) {
        *into = (into.0 + from.0, into.1 + from.1);
    }
    fn extract_output(&self, (count, sum): (u64, u64)) -> f64 {
        sum as f64 / count as f64
    }
}

type Of<T> = Vec<(String, T)>;

fn of<T>(pairs: impl IntoIterator<Item = (&'static str, T)>) -> Of<T> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn part<T: Element, U: Element>(engine: &Engine, urn: &str, input: Of<T>) -> Of<U> {
    let mut stage = Stage::new(engine, urn);
    stage.part("Mean", urn).unwrap();
    let mut all: Of<U> = run(engine, urn, &stage.close().unwrap(), input).unwrap();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

#[test]
fn combines_are_done_in_parts() {
    let engine = engine(|root| {
        root.create([(String::new(), 0u64)]).combine_per_key(Mean).named("Mean").discard();
    });
    let values = || of([("a", 1u64), ("b", 10), ("a", 3)]);
    let pre = part::<u64, (u64, u64)>(&engine, urns::COMBINE_PER_KEY_PRECOMBINE, values());
    assert_eq!(pre, of([("a", (2, 4)), ("b", (1, 10))]));
    let converted = part::<u64, (u64, u64)>(&engine, urns::COMBINE_PER_KEY_CONVERT_TO_ACCUMULATORS, values());
    assert_eq!(converted, of([("a", (1, 1)), ("a", (1, 3)), ("b", (1, 10))]));
    let grouped = of([("a", vec![(2u64, 4u64), (1, 5)]), ("b", vec![(1, 10)])]);
    let merged: Of<(u64, u64)> = part(&engine, urns::COMBINE_PER_KEY_MERGE_ACCUMULATORS, grouped);
    assert_eq!(merged, of([("a", (3, 9)), ("b", (1, 10))]));
    let results: Of<f64> = part(&engine, urns::COMBINE_PER_KEY_EXTRACT_OUTPUTS, merged);
    assert_eq!(results, of([("a", 3.0), ("b", 10.0)]));
    let grouped = of([("a", vec![1u64, 2, 6]), ("b", vec![10])]);
    assert_eq!(part::<_, f64>(&engine, urns::COMBINE_GROUPED_VALUES, grouped), results);
}

#[test]
fn a_flatten_joins_the_ways_of_its_inputs() {
    let engine = engine(|root| {
        let numbers = root.create([0u64]);
        let ones = numbers.map(|x| x + 1).named("One");
        let tens = numbers.map(|x| x + 10).named("Ten");
        flatten([&ones, &tens, &ones]).named("Both").map(|x| 100 * x).named("Times").discard();
    });
    let stage = Stage::of(&engine, "stage", &["One", "Ten", "Both", "Times"]).unwrap();
    assert_eq!((stage.sources.len(), stage.sinks.len()), (1, 1));
    let mut all: Vec<u64> = run(&engine, "1", &stage, [1u64]).unwrap();
    all.sort_unstable();
    assert_eq!(all, [200, 200, 1100]);
    // An engine may end the stage behind the Flatten.
    let stage = Stage::of(&engine, "short", &["One", "Ten", "Both"]).unwrap();
    let mut all: Vec<u64> = run(&engine, "2", &stage, [1u64]).unwrap();
    all.sort_unstable();
    assert_eq!(all, [2, 2, 11]);
}

#[test]
fn a_chain_may_be_long() {
    let engine = engine(|root| {
        let mut numbers = root.create([0u64]);
        for i in 0..300 {
            numbers = numbers.map(|x| x + 1).named(&format!("Step {i}"));
        }
        numbers.discard();
    });
    let names: Vec<String> = (0..300).map(|i| format!("Step {i}")).collect();
    let stage = Stage::of(&engine, "stage", &names.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    assert_eq!(run::<u64, u64>(&engine, "1", &stage, [1]).unwrap(), [301]);
    engine.end().unwrap();
}

#[test]
fn a_stage_may_have_several_sources_and_sinks() {
    let engine = engine(|root| {
        let both = flatten([&root.create([0u64]), &root.create([1u64])]).named("Both");
        both.map(|x| 2 * x).named("Double").discard();
        both.map(|x| x.to_string()).named("Text").discard();
    });
    let stage = Stage::of(&engine, "stage", &["Both", "Double", "Text"]).unwrap();
    assert_eq!((stage.sources.len(), stage.sinks.len()), (2, 2));
    engine.begin("1", &stage);
    let [one, other] = &stage.sources[..] else { panic!() };
    engine.data("1", one, one.values([1u64]).unwrap(), false);
    engine.data("1", other, other.values([2u64, 3]).unwrap(), true);
    engine.data("1", one, one.values([4u64]).unwrap(), false);
    engine.data("1", one, Bytes::new(), true);
    engine.done("1").unwrap();
    let double = &stage.descriptor.transforms[&stage.id_of("Double").unwrap()].outputs["out"];
    for sink in &stage.sinks {
        if sink.collection == *double {
            assert_eq!(values::<u64>(&engine, "1", sink), [2, 4, 6, 8]);
        } else {
            assert_eq!(values::<String>(&engine, "1", sink), ["1", "2", "3", "4"]);
        }
    }
}
