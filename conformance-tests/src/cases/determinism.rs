//! The graph of a pipeline depends on its construction alone, byte by byte.

use super::prelude::*;
use ferrobeam::graph::Graph;
use prost::Message;

fn build(construct: impl Fn(&Root)) -> Result<Graph, BoxError> {
    let graph = Root::build(|root| {
        construct(root);
        Ok(())
    });
    graph.map_err(Into::into)
}

/// A bit of everything.
fn pipeline(root: &Root) {
    let numbers = root.create(0u64..10).named("Numbers");
    let total = numbers.combine_globally(sum()).as_singleton();
    let (ok, bad) = numbers.map_with(total, |x, total| x + total).try_map(|x| if x > 50 { Ok(x) } else { Err(x) });
    let groups = flatten([&ok, &bad.reshuffle()]).key_by(|x| x % 3).group_by_key();
    groups.apply(named("Sizes", |c: PCollection<(u64, Grouped<u64>)>| c.map(|(key, group)| (key, sorted(&group))))).discard();
    assert_that(&groups.map(|(key, _)| key)).contains_in_any_order([0, 1, 2]);
}

pub(super) fn the_same_construction_is_the_same_graph(_: &dyn Runner) -> CaseResult {
    let (a, b) = (build(pipeline)?, build(pipeline)?);
    same(a.proto().encode_to_vec(), b.proto().encode_to_vec())?;
    same(a.fingerprint(), b.fingerprint())
}

pub(super) fn lines_do_not_count(_: &dyn Runner) -> CaseResult {
    let here = build(|root| root.create([1u64]).map(|x| x + 1).discard())?;
    let there = build(|root| root.create([1u64]).map(|x| x + 1).discard())?;
    ensure!(here.proto() != there.proto(), "the lines stand nowhere");
    same(here.fingerprint(), there.fingerprint())
}

/// Each construction has a fingerprint of its own.
fn all_differ(constructions: &[&dyn Fn(&Root)]) -> CaseResult {
    let fingerprints = constructions.iter().map(|construct| build(construct).map(|graph| graph.fingerprint()));
    let mut fingerprints = fingerprints.collect::<Result<Vec<_>, _>>()?;
    fingerprints.sort_unstable();
    fingerprints.dedup();
    same(fingerprints.len(), constructions.len())
}

pub(super) fn names_count(_: &dyn Runner) -> CaseResult {
    let renamed = |c: PCollection<u64>| c.map(|x| x);
    all_differ(&[
        &|root| root.create([1u64]).map(|x| x).discard(),
        &|root| root.create([1u64]).map(|x| x).named("Other").discard(),
        &|root| root.create([1u64]).named("Other").map(|x| x).discard(),
        &|root| root.create([1u64]).apply(named("A", renamed)).discard(),
        &|root| root.create([1u64]).apply(named("B", renamed)).discard(),
    ])
}

pub(super) fn order_counts(_: &dyn Runner) -> CaseResult {
    all_differ(&[
        &|root| root.create([1u64]).map(|x| x).filter(|_| true).discard(),
        &|root| root.create([1u64]).filter(|_| true).map(|x| x).discard(),
        &|root| root.create([1u64]).map(|x| x).discard(),
        &|root| root.create([1u64]).reshuffle().map(|x| x).discard(),
    ])
}

pub(super) fn wiring_counts(_: &dyn Runner) -> CaseResult {
    all_differ(&[
        &|root| {
            let (a, b) = (root.create([1u64]), root.create([2u64]));
            flatten([&a, &b]).discard();
        },
        &|root| {
            let (a, b) = (root.create([1u64]), root.create([2u64]));
            flatten([&b, &a]).discard();
        },
        &|root| {
            let (a, b) = (root.create([1u64]), root.create([2u64]));
            a.map_with(b.as_singleton(), |x, y| x + y).discard();
        },
        &|root| {
            let (a, b) = (root.create([1u64]), root.create([2u64]));
            a.map_with(b.as_iterable(), |x, y| x + y.len() as u64).discard();
        },
        // Another type is another coder.
        &|root| {
            let (a, b) = (root.create(["1".to_owned()]), root.create(["2".to_owned()]));
            flatten([&a, &b]).discard();
        },
    ])
}

pub(super) fn a_graph_runs_twice(runner: &dyn Runner) -> CaseResult {
    let graph = build(pipeline)?;
    let first = runner.run_graph(&graph)?;
    let second = runner.run_graph(&graph)?;
    same(first.metrics, second.metrics)
}
