//! Composites: steps under one name, which change nothing.

use super::prelude::*;
use std::collections::BTreeSet;

fn lengths(words: PCollection<String>) -> PCollection<u64> {
    words.map(|word| word.len() as u64)
}

/// Numbers greater than a bound.
struct Longer {
    than: u64,
}

impl PTransform<PCollection<u64>> for Longer {
    type Output = PCollection<u64>;

    fn expand(self, lengths: PCollection<u64>) -> PCollection<u64> {
        lengths.filter(move |n| *n > self.than)
    }
}

/// Some words, to begin with.
fn words(root: &Root) -> PCollection<String> {
    root.create(["a", "bb", "ccc"].map(str::to_owned))
}

pub(super) fn functions_and_structs(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let long = root.apply(words).apply(lengths).apply(Longer { than: 1 });
        assert_that(&long).contains_in_any_order([2, 3]);
        assert_that(&root.apply(words).then(|c| c.map(|word| word + "!"))).contains_in_any_order(
            ["a!", "bb!", "ccc!"].map(str::to_owned),
        );
        Ok(())
    }))
}

fn nested_in(words: PCollection<String>) -> PCollection<(u64, u64)> {
    words.apply(named("Measure", |c: PCollection<String>| c.apply(lengths).apply(Longer { than: 0 })))
        .map(|n| (n, 1u64))
        .combine_per_key(sum())
}

pub(super) fn nested(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let all = flatten([&root.apply(words), &root.apply(words)]);
        assert_that(&all.apply(nested_in)).contains_in_any_order([(1, 2), (2, 2), (3, 2)]);
        Ok(())
    }))
}

fn itself(words: PCollection<String>) -> PCollection<String> {
    words
}

pub(super) fn a_composite_of_nothing(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let same = root.apply(words).apply(itself).apply(named("Again", itself));
        assert_that(&same.apply(lengths)).contains_in_any_order([1, 2, 3]);
        Ok(())
    }))
}

fn split(words: PCollection<String>) -> (PCollection<String>, PCollection<u64>) {
    (words.filter(|word| word.len() > 1), words.apply(lengths))
}

pub(super) fn several_outputs(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (long, lengths) = root.apply(words).apply(split);
        assert_that(&long).contains_in_any_order(["bb", "ccc"].map(str::to_owned));
        assert_that(&lengths).contains_in_any_order([1, 2, 3]);
        Ok(())
    }))
}

/// The names of all transforms that a pipeline gets, after it ran.
fn names_of(runner: &dyn Runner, construct: impl Fn(&Root) -> ferrobeam::Result<()>) -> Result<BTreeSet<String>, BoxError> {
    let graph = Root::build(construct)?;
    runner.run_graph(&graph)?;
    Ok(graph.components().transforms.values().map(|transform| transform.unique_name.clone()).collect())
}

fn has(names: &BTreeSet<String>, expected: &[&str]) -> CaseResult {
    let missing: Vec<_> = expected.iter().filter(|name| !names.contains(**name)).collect();
    ensure!(missing.is_empty(), "no {missing:?} in {names:?}");
    Ok(())
}

pub(super) fn names_are_paths(runner: &dyn Runner) -> CaseResult {
    let names = names_of(runner, |root| {
        let words = root.apply(words);
        assert_that(&words.apply(nested_in)).contains_in_any_order([(1, 1), (2, 1), (3, 1)]);
        words.map(|word| word).map(|word| word).discard();
        Ok(())
    })?;
    has(&names, &["words", "words/Create", "nested_in", "nested_in/Measure", "nested_in/Measure/lengths/Map"])?;
    has(&names, &["nested_in/Measure/Longer/Filter", "nested_in/Map", "nested_in/CombinePerKey", "Map", "Map#2"])
}

pub(super) fn names_of_the_users(runner: &dyn Runner) -> CaseResult {
    let names = names_of(runner, |root| {
        let words = root.create(["a".to_owned()]).named("Words").map(|word| word + "b").named("Longer");
        let sums = words.apply(named("Measure", lengths)).map(|n| (n, n)).combine_per_key(sum()).named("Sums");
        assert_that(&sums).is_singleton((2, 2));
        Ok(())
    })?;
    has(&names, &["Words", "Longer", "Measure", "Measure/Map", "Sums"])
}
