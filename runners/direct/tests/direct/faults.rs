//! Bundles that are made to fail run again, and count once.

use crate::Log;
use ferrobeam_core::prelude::*;
use ferrobeam_core::runner::{PipelineResult, Runner};
use ferrobeam_core::testing::assert_that;
use ferrobeam_direct::DirectRunner;

const SEEN: Counter = Counter::new("faults", "seen");
const SIZES: Distribution = Distribution::new("faults", "sizes");

/// Reports its elements inside the pipeline and outside of it.
fn run(seed: u64, failing_bundles: f64) -> (PipelineResult, Vec<u64>) {
    let log = Log::new();
    let watch = log.clone();
    let runner: &dyn Runner = &DirectRunner::new().seed(seed).failing_bundles(failing_bundles);
    let result = runner.run(move |root| {
        let seen = root.create(0u64..1000).reshuffle().map(move |x| {
            SEEN.inc();
            SIZES.update(x as i64);
            watch.add(x);
            x
        });
        assert_that(&seen).contains_in_any_order(0..1000);
        Ok(())
    });
    (result.unwrap(), log.entries())
}

#[test]
fn user_code_sees_elements_again_and_the_result_does_not() {
    let mut repeated = 0;
    for seed in 0..20 {
        let (result, seen) = run(seed, 0.5);
        repeated += seen.len() - 1000;
        assert_eq!(result.metrics.counter(&SEEN), 1000);
        let sizes = result.metrics.distribution(&SIZES);
        assert_eq!((sizes.count, sizes.sum, sizes.min, sizes.max), (1000, 499_500, 0, 999));
    }
    assert!(repeated > 1000, "only {repeated} elements were seen again");
}

#[test]
fn without_faults_every_element_is_seen_once() {
    for seed in 0..20 {
        let (_, mut seen) = run(seed, 0.0);
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..1000));
    }
}

#[test]
fn bundles_that_nearly_always_fail_come_to_an_end() {
    let (result, seen) = run(1, 1.0);
    assert_eq!(result.metrics.counter(&SEEN), 1000);
    assert!(seen.len() > 1000);
}

/// Remembers, wrongly, what it saw in earlier bundles.
#[derive(Clone, Default)]
struct Memory(u64);

impl DoFn for Memory {
    type In = u64;
    type Out = u64;

    fn process(&mut self, _: u64, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
        self.0 += 1;
        ctx.emit(self.0);
        Ok(())
    }
}

#[test]
fn instances_are_used_again_under_some_schedules_but_never_after_a_failure() {
    let greatest = |seed, failing_bundles| {
        let log = Log::new();
        let watch = log.clone();
        let runner: &dyn Runner = &DirectRunner::new().seed(seed).failing_bundles(failing_bundles);
        let result = runner.run(move |root| {
            root.create(0u64..50).reshuffle().par_do(Memory::default()).map(move |n| watch.add(n)).discard();
            Ok(())
        });
        result.unwrap();
        log.entries().into_iter().max().unwrap()
    };
    // Whoever relies on one instance for all, or on a new one for each bundle, finds out.
    let greatest: Vec<u64> =
        (0..40).map(|seed| greatest(seed, 0.0)).chain((0..40).map(|seed| greatest(seed, 0.8))).collect();
    assert!(greatest.iter().all(|n| *n <= 50), "an instance of a failed bundle was used again");
    assert!(greatest.iter().any(|n| *n < 50), "always one instance");
}
