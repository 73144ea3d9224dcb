//! Bundles may fail and run again, on runners that let them: user code sees elements twice, the result must not.
//! The same cases run where bundles do not fail.

use super::prelude::*;
use std::collections::BTreeMap;

/// Keeps a sum in the instance until the bundle ends; an instance that outlived a failed bundle would count it.
#[derive(Clone, Default)]
struct SumOfBundle {
    sum: u64,
    elements: u64,
}

impl DoFn for SumOfBundle {
    type In = u64;
    type Out = (u64, u64);

    fn process(&mut self, x: u64, _: &mut Context<'_, Self::Out>) -> Result<(), BoxError> {
        self.sum += x;
        self.elements += 1;
        Ok(())
    }
    fn finish_bundle(&mut self, ctx: &mut BundleContext<'_, Self::Out>) -> Result<(), BoxError> {
        let SumOfBundle { sum, elements } = std::mem::take(self);
        ctx.emit((0, sum), Timestamp::MIN, Window::Global);
        ctx.emit((1, elements), Timestamp::MIN, Window::Global);
        Ok(())
    }
}

pub(super) fn held_back_elements_count_once(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let sums = root.create(0u64..4000).reshuffle().par_do(SumOfBundle::default()).combine_per_key(sum());
        assert_that(&sums).contains_in_any_order([(0, 7_998_000), (1, 4000)]);
        Ok(())
    }))
}

pub(super) fn groups_are_complete(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let elements = root.create(0u64..4000).reshuffle();
        let groups = elements.key_by(|x| x % 100).group_by_key();
        let wrong = groups.filter(|(key, group)| sorted(group) != (0..40).map(|i| 100 * i + key).collect::<Vec<_>>());
        assert_that(&wrong.map(|(key, _)| key)).is_empty();
        let (first, second) = (elements.map(|x| x % 7), elements.map(|x| x % 7).reshuffle());
        let counts = flatten([&first, &second]).map(|x| (x, 1u64)).combine_per_key(sum());
        assert_that(&counts.map(|(_, n)| n).combine_globally(sum())).is_singleton(8000);
        Ok(())
    }))
}

pub(super) fn side_inputs_are_complete(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let elements = root.create(0u64..2000).reshuffle();
        let all = elements.map(|x| x + 1).as_iterable();
        let seen = root.create(0u64..50).reshuffle().map_with(all, |_, all| (all.len(), all.iter().sum::<u64>()));
        assert_that(&seen).contains_in_any_order([(2000, 2_001_000); 50]);
        Ok(())
    }))
}

/// Numbers, cut into a part for each thousand.
struct Thousands(u64);

impl Source for Thousands {
    type Out = u64;
    type Restriction = OffsetRange;
    type Reader = ();

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        Ok((0..self.0).map(|i| OffsetRange::new(1000 * i, 1000 * (i + 1))).collect())
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
        while claims.has_room() && claims.emit_run(Timestamp::MIN, |x| x) {}
        Ok(())
    }
}

pub(super) fn sources_count_once(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let read = root.read(Thousands(5));
        assert_that(&read.combine_globally(sum())).is_singleton(12_497_500);
        let counts = read.map(|x| (x / 1000, 1u64)).combine_per_key(sum());
        assert_that(&counts).contains_in_any_order((0..5).map(|i| (i, 1000)));
        Ok(())
    }))
}

/// Whether or not the runner repeats bundles, each element was seen at least once, and came out exactly once.
pub(super) fn results_do_not_depend_on_how_often(runner: &dyn Runner) -> CaseResult {
    let log = Log::new();
    let watch = log.clone();
    passes(runner.run(move |root| {
        let seen = root.create(0u64..1000).reshuffle().map(move |x| {
            watch.add(x);
            x
        });
        assert_that(&seen).contains_in_any_order(0..1000);
        Ok(())
    }))?;
    let mut times: BTreeMap<u64, usize> = BTreeMap::new();
    log.entries().into_iter().for_each(|x| *times.entry(x).or_default() += 1);
    same(times.len(), 1000)
}
