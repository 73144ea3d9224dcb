//! The values that occur most often.

use crate::combiners::{Counted, frequent};
use crate::{Element, Key, PCollection, Pair};

impl<T: Element> PCollection<T> {
    /// Lists the `n` values of each key that occur most often, the most frequent first, each with how often it does: at least
    /// and at most, which is the same up to about two thousand different values.
    ///
    /// See [`frequent`](crate::combiners::frequent()), also for other bounds of the error.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let visits = root.create([("ann", 7u64), ("ann", 8), ("ann", 7)].map(|(user, page)| (user.to_owned(), page)));
    /// assert_that(&visits.frequent_per_key(1)).is_singleton(("ann".to_owned(), vec![(7, (2, 2))]));
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn frequent_per_key<K: Key, V: Key>(&self, n: usize) -> PCollection<(K, Vec<Counted<V>>)>
    where
        T: Pair<K, V>,
    {
        self.combine_step("FrequentPerKey", frequent::<V>(n))
    }

    /// Lists the `n` elements that occur most often; see [`frequent_per_key`](PCollection::frequent_per_key).
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let letters = root.create("abracadabra".chars()).frequent_globally(2);
    /// assert_that(&letters).is_singleton(vec![('a', (5, 5)), ('b', (2, 2))]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn frequent_globally(&self, n: usize) -> PCollection<Vec<Counted<T>>>
    where
        T: Key,
    {
        self.combine_globally_step("FrequentGlobally", frequent::<T>(n))
    }
}

#[cfg(test)]
mod tests {
    use crate::transforms::test_steps::{graph, is_lifted};

    #[test]
    fn sketches_are_lifted() {
        let graph = graph(|root| {
            let pairs = root.create([('a', 1u64)]);
            pairs.frequent_per_key(2).discard();
            pairs.frequent_globally(2).discard();
        });
        for step in ["FrequentPerKey", "FrequentGlobally/CombinePerKey"] {
            assert!(is_lifted(&graph, step), "{step}");
        }
    }
}
