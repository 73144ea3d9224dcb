//! How many different values.

use crate::combiners::approximate_distinct;
use crate::{Element, Key, PCollection, Pair};

impl<T: Element> PCollection<T> {
    /// Counts the different values of each key: exactly up to 1,024, beyond with a standard error of 0.8 %.
    ///
    /// See [`approximate_distinct`](crate::combiners::approximate_distinct()), also for other precisions.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let visits = root.create([("home".to_owned(), 7u64), ("home".to_owned(), 8), ("home".to_owned(), 7)]);
    /// assert_that(&visits.approximate_distinct_per_key()).is_singleton(("home".to_owned(), 2));
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn approximate_distinct_per_key<K: Key, V: Key>(&self) -> PCollection<(K, u64)>
    where
        T: Pair<K, V>,
    {
        self.combine_step("ApproximateDistinctPerKey", approximate_distinct::<V>())
    }

    /// Counts the different elements; see [`approximate_distinct_per_key`](PCollection::approximate_distinct_per_key).
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let n = root.create((0..300).map(|x| x % 10)).approximate_distinct_globally();
    /// assert_that(&n).is_singleton(10);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn approximate_distinct_globally(&self) -> PCollection<u64>
    where
        T: Key,
    {
        self.combine_globally_step("ApproximateDistinctGlobally", approximate_distinct::<T>())
    }
}

#[cfg(test)]
mod tests {
    use crate::transforms::test_steps::{graph, is_lifted};

    #[test]
    fn sketches_are_lifted() {
        let graph = graph(|root| {
            let pairs = root.create([('a', 1u64)]);
            pairs.approximate_distinct_per_key().discard();
            pairs.approximate_distinct_globally().discard();
        });
        for step in ["ApproximateDistinctPerKey", "ApproximateDistinctGlobally/CombinePerKey"] {
            assert!(is_lifted(&graph, step), "{step}");
        }
    }
}
