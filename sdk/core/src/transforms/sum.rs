//! Sums.

use crate::combiners::{Number, sum};
use crate::{Element, Key, PCollection, Pair};

impl<T: Element> PCollection<T> {
    /// Adds up the numbers of each key; see [`sum`](crate::combiners::sum()).
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let sums = root.create([('a', 1), ('b', 5), ('a', 2)]).sum_per_key();
    /// assert_that(&sums).contains_in_any_order([('a', 3), ('b', 5)]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn sum_per_key<K: Key, N: Number>(&self) -> PCollection<(K, N)>
    where
        T: Pair<K, N>,
    {
        self.combine_step("SumPerKey", sum())
    }

    /// Adds up all numbers; the sum of an empty collection is zero. See [`sum`](crate::combiners::sum()).
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let sum = root.create([0.5, 2.0]).sum_globally();
    /// assert_that(&sum).is_singleton(2.5);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn sum_globally(&self) -> PCollection<T>
    where
        T: Number,
    {
        self.combine_globally_step("SumGlobally", sum())
    }
}

#[cfg(test)]
mod tests {
    use crate::transforms::test_steps::{graph, is_lifted};

    #[test]
    fn sums_are_lifted() {
        let graph = graph(|root| {
            let pairs = root.create([('a', 1u64)]);
            pairs.sum_per_key().discard();
            pairs.values().sum_globally().discard();
        });
        for step in ["SumPerKey", "SumGlobally/CombinePerKey"] {
            assert!(is_lifted(&graph, step), "{step}");
        }
    }
}
