//! Some of many.

use crate::combiners::sample;
use crate::{Element, Key, PCollection, Pair};

impl<T: Element> PCollection<T> {
    /// Draws `n` values of each key, each with the same chance; see [`sample`](crate::combiners::sample()), also for seeds.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let some = root.create([('a', 1), ('a', 2), ('a', 3), ('b', 4)]).sample_per_key(2);
    /// assert_that(&some.map(|(key, values)| (key, values.len()))).contains_in_any_order([('a', 2), ('b', 1)]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn sample_per_key<K: Key, V: Element>(&self, n: usize) -> PCollection<(K, Vec<V>)>
    where
        T: Pair<K, V>,
    {
        self.combine_step("SamplePerKey", sample::<V>(n))
    }

    /// Draws `n` elements, each with the same chance, in one list; see [`sample`](crate::combiners::sample()).
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let some = root.create(0..100).sample_globally(5);
    /// assert_that(&some.map(|list| list.len())).is_singleton(5);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn sample_globally(&self, n: usize) -> PCollection<Vec<T>> {
        self.combine_globally_step("SampleGlobally", sample::<T>(n))
    }
}

#[cfg(test)]
mod tests {
    use crate::transforms::test_steps::{graph, is_lifted};

    #[test]
    fn samples_are_lifted() {
        let graph = graph(|root| {
            let pairs = root.create([('a', 1u64)]);
            pairs.sample_per_key(2).discard();
            pairs.sample_globally(2).discard();
        });
        for step in ["SamplePerKey", "SampleGlobally/CombinePerKey"] {
            assert!(is_lifted(&graph, step), "{step}");
        }
    }
}
