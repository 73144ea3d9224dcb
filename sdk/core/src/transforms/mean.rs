//! Means.

use crate::combiners::{Number, mean};
use crate::{Element, Key, PCollection, Pair};

impl<T: Element> PCollection<T> {
    /// Computes the mean of the numbers of each key; see [`mean`](crate::combiners::mean()).
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let means = root.create([('a', 1), ('b', 5), ('a', 2)]).mean_per_key();
    /// assert_that(&means).contains_in_any_order([('a', 1.5), ('b', 5.0)]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn mean_per_key<K: Key, N: Number>(&self) -> PCollection<(K, f64)>
    where
        T: Pair<K, N>,
    {
        self.combine_step("MeanPerKey", mean::<N>())
    }

    /// Computes the mean of all numbers; of an empty collection it is NaN. See [`mean`](crate::combiners::mean()).
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let mean = root.create([1u8, 255]).mean_globally();
    /// assert_that(&mean).is_singleton(128.0);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn mean_globally(&self) -> PCollection<f64>
    where
        T: Number,
    {
        self.combine_globally_step("MeanGlobally", mean::<T>())
    }
}

#[cfg(test)]
mod tests {
    use crate::transforms::test_steps::{graph, is_lifted};

    #[test]
    fn means_are_lifted() {
        let graph = graph(|root| {
            let pairs = root.create([('a', 1u64)]);
            pairs.mean_per_key().discard();
            pairs.values().mean_globally().discard();
        });
        for step in ["MeanPerKey", "MeanGlobally/CombinePerKey"] {
            assert!(is_lifted(&graph, step), "{step}");
        }
    }
}
