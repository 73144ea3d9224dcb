//! Metrics of user code: exact, for only bundles that were committed count.

use super::prelude::*;
use ferrobeam::metrics::{DistributionData, Value};
use std::collections::BTreeMap;

const SEEN: Counter = Counter::new("conformance", "seen");
const SIZES: Distribution = Distribution::new("conformance", "sizes");
const LEVEL: Gauge = Gauge::new("conformance", "level");
const WORDS: StringSet = StringSet::new("conformance", "words");
const SETUPS: Counter = Counter::new("conformance", "setups");

/// Reports each element to all metrics.
#[derive(Clone)]
struct Report;

impl DoFn for Report {
    type In = u64;
    type Out = u64;

    fn process(&mut self, x: u64, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
        SEEN.inc();
        SIZES.update(x as i64 - 10);
        LEVEL.set(42);
        WORDS.add(&format!("word {}", x % 3));
        ctx.emit(x);
        Ok(())
    }
}

fn report(runner: &dyn Runner, elements: u64) -> Result<PipelineResult, BoxError> {
    let result = runner.run(|root| {
        root.create(0..elements).reshuffle().par_do(Report).discard();
        Ok(())
    });
    result.map_err(Into::into)
}

pub(super) fn a_counter_counts_every_element_once(runner: &dyn Runner) -> CaseResult {
    same(report(runner, 3000)?.metrics.counter(&SEEN), 3000)?;
    same(report(runner, 0)?.metrics.counter(&SEEN), 0)
}

/// The metrics that cases report, by step.
fn by_step(result: &PipelineResult) -> BTreeMap<String, i64> {
    let counters = result.metrics.iter().filter_map(|(step, namespace, _, value)| match value {
        Value::Counter(n) if namespace == "conformance" => Some((step.to_owned(), *n)),
        _ => None,
    });
    counters.collect()
}

pub(super) fn a_counter_is_known_by_step(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        let numbers = root.create(0u64..100);
        let evens = numbers.filter(|x| x % 2 == 0).par_do(Report).named("Evens");
        evens.apply(named("Part", |c: PCollection<u64>| c.filter(|x| *x < 20).par_do(Report))).discard();
        Ok(())
    })?;
    same(by_step(&result), BTreeMap::from([("Evens".to_owned(), 50), ("Part/ParDo".to_owned(), 10)]))?;
    same(result.metrics.counter(&SEEN), 60)
}

pub(super) fn a_distribution_has_all_values(runner: &dyn Runner) -> CaseResult {
    let metrics = report(runner, 1000)?.metrics;
    let expected = DistributionData { count: 1000, sum: 499_500 - 10_000, min: -10, max: 989 };
    same(metrics.distribution(&SIZES), expected)?;
    same(report(runner, 0)?.metrics.distribution(&SIZES).count, 0)
}

pub(super) fn a_gauge_has_a_value(runner: &dyn Runner) -> CaseResult {
    same(report(runner, 100)?.metrics.gauge(&LEVEL), Some(42))?;
    same(report(runner, 0)?.metrics.gauge(&LEVEL), None)
}

pub(super) fn a_set_has_all_strings(runner: &dyn Runner) -> CaseResult {
    let words = report(runner, 100)?.metrics.string_set(&WORDS);
    same(words, ["word 0", "word 1", "word 2"].map(str::to_owned).into())
}

pub(super) fn metrics_in_closures_count(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        let view = root.create([1u64]).as_singleton();
        let numbers = root.create(0u64..500).map(|x| {
            SEEN.inc();
            x
        });
        let some = numbers.filter(|x| {
            SEEN.add(10);
            x % 2 == 0
        });
        let seen = some.map_with(view, |x, one| {
            SEEN.add(-1);
            x + one
        });
        assert_that(&seen.flat_map(|_| None::<u64>)).is_empty();
        Ok(())
    })?;
    same(result.metrics.counter(&SEEN), 500 + 5000 - 250)
}

/// Counts in every phase of its life.
#[derive(Clone, Default)]
struct Phases(i64);

impl DoFn for Phases {
    type In = u64;
    type Out = u64;

    fn setup(&mut self) -> Result<(), BoxError> {
        SETUPS.inc();
        Ok(())
    }
    fn start_bundle(&mut self) -> Result<(), BoxError> {
        self.0 = 0;
        SEEN.add(-1);
        Ok(())
    }
    fn process(&mut self, _: u64, _: &mut Context<'_, u64>) -> Result<(), BoxError> {
        self.0 += 1;
        Ok(())
    }
    fn finish_bundle(&mut self, _: &mut BundleContext<'_, u64>) -> Result<(), BoxError> {
        SEEN.add(self.0 + 1);
        Ok(())
    }
}

pub(super) fn the_life_cycle_counts(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        root.create(0u64..2000).reshuffle().par_do(Phases::default()).discard();
        Ok(())
    })?;
    same(result.metrics.counter(&SEEN), 2000)
}

/// A sum that counts what it adds.
#[derive(Clone)]
struct CountingSum;

impl CombineFn for CountingSum {
    type In = u64;
    type Acc = u64;
    type Out = u64;

    fn create_accumulator(&self) -> u64 {
        0
    }
    fn add_input(&self, sum: &mut u64, x: u64) {
        SEEN.inc();
        *sum += x;
    }
    fn merge_accumulators(&self, into: &mut u64, from: u64) {
        *into += from;
    }
    fn extract_output(&self, sum: u64) -> u64 {
        sum
    }
}

pub(super) fn combines_count(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        let sums = root.create(0u64..1000).reshuffle().key_by(|x| x % 7).combine_per_key(CountingSum);
        assert_that(&sums.map(|(_, sum)| sum).combine_globally(sum())).is_singleton(499_500);
        Ok(())
    })?;
    same(result.metrics.counter(&SEEN), 1000)
}
