//! The newest.

use crate::batch::{Batch, Meta};
use crate::combiners::latest;
use crate::dofn::batch_step::BatchStep;
use crate::time::Timestamp;
use crate::{Element, Key, PCollection, Pair};

impl<T: Element> PCollection<T> {
    /// Finds the value of each key with the latest timestamp; see [`latest`](crate::combiners::latest()).
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let states = root.create([("lamp".to_owned(), (10, 0.5)), ("lamp".to_owned(), (20, 0.7))]);
    /// let timed = states.with_timestamps(|(_, (at, _))| Timestamp::from_millis(*at));
    /// assert_that(&timed.latest_per_key()).is_singleton(("lamp".to_owned(), (20, 0.7)));
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn latest_per_key<K: Key, V: Element>(&self) -> PCollection<(K, V)>
    where
        T: Pair<K, V>,
    {
        let timed = |at, pair: T| {
            let (key, value) = pair.into_pair();
            (key, (at, value))
        };
        self.composite("LatestPerKey", || self.timestamps(timed).combine_step("Latest", latest()))
    }

    /// Finds the element with the latest timestamp, if there is any; see [`latest`](crate::combiners::latest()).
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let readings = root.create([(20, 0.7), (10, 0.5)]).with_timestamps(|(at, _)| Timestamp::from_millis(*at));
    /// assert_that(&readings.latest_globally()).is_singleton((20, 0.7));
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn latest_globally(&self) -> PCollection<T> {
        self.composite("LatestGlobally", || self.timestamps(|at, x| (at, x)).combine_globally_step("Latest", latest()))
    }

    #[track_caller]
    pub(crate) fn timestamps<U: Element>(
        &self,
        f: impl Fn(Timestamp, T) -> U + Send + Sync + 'static,
    ) -> PCollection<U> {
        self.step("Timestamps", BatchStep::new(move |batch| Ok(timestamps(batch, &f))))
    }
}

/// Elements with their timestamps inside.
fn timestamps<T, U>(Batch { values, meta }: Batch<T>, f: impl Fn(Timestamp, T) -> U) -> Batch<U> {
    let with_time = |(row, value), Meta { time, .. }: &Meta| f(*time.get(row), value);
    Batch { values: values.into_iter().enumerate().map(|row| with_time(row, &meta)).collect(), meta }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transforms::test_steps::{batch, graph, is_lifted, rows, run};

    #[test]
    fn each_element_is_paired_with_its_own_time() {
        let graph = graph(|root| {
            let pairs = root.create([('a', 1u64)]);
            pairs.latest_per_key().discard();
            pairs.latest_globally().discard();
        });
        let at = Timestamp::from_millis;
        let (input, step) = (batch([(5, ('a', 1)), (7, ('b', 2))]), "LatestPerKey/Timestamps");
        let out = run::<(char, u64), (char, (Timestamp, u64))>(&graph, step, input).unwrap();
        assert_eq!(rows(&out), [(5, ('a', (at(5), 1))), (7, ('b', (at(7), 2)))]);
        assert!(is_lifted(&graph, "LatestPerKey/Latest") && is_lifted(&graph, "LatestGlobally/Latest/CombinePerKey"));
    }
}
