//! Quantiles.

use crate::combiners::{Ordered, quantiles};
use crate::{Element, Key, PCollection, Pair};

impl<T: Element> PCollection<T> {
    /// Finds `n` values of each key that cut its sorted values into equal parts: with 3 the minimum, the median and the
    /// maximum.
    ///
    /// Exact up to a few thousand values, beyond within a half percent of the values; see
    /// [`quantiles`](crate::combiners::quantiles()), also for other errors and for comparing by a key.
    ///
    /// # Panics
    /// If `n` is less than 2.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let sizes = root.create([('a', 7), ('a', 1), ('a', 2), ('b', 5)]).quantiles_per_key(3);
    /// assert_that(&sizes).contains_in_any_order([('a', vec![1, 2, 7]), ('b', vec![5, 5, 5])]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn quantiles_per_key<K: Key, V: Element + Ordered<By>, By: 'static>(&self, n: usize) -> PCollection<(K, Vec<V>)>
    where
        T: Pair<K, V>,
    {
        self.combine_step("QuantilesPerKey", quantiles::<V, By>(n))
    }

    /// Finds `n` elements that cut the sorted collection into equal parts, in one list, which is empty if the collection
    /// is; see [`quantiles_per_key`](PCollection::quantiles_per_key).
    ///
    /// # Panics
    /// If `n` is less than 2.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let percentiles = root.create((0..=1000).map(f64::from)).quantiles_globally(101);
    /// assert_that(&percentiles.map(|p| (p[50], p[99]))).is_singleton((500.0, 990.0));
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn quantiles_globally<By: 'static>(&self, n: usize) -> PCollection<Vec<T>>
    where
        T: Ordered<By>,
    {
        self.combine_globally_step("QuantilesGlobally", quantiles::<T, By>(n))
    }
}

#[cfg(test)]
mod tests {
    use crate::transforms::test_steps::{graph, is_lifted};

    #[test]
    fn quantiles_are_lifted() {
        let graph = graph(|root| {
            let pairs = root.create([('a', 1u64)]);
            pairs.quantiles_per_key(2).discard();
            pairs.quantiles_globally(2).discard();
        });
        for step in ["QuantilesPerKey", "QuantilesGlobally/CombinePerKey"] {
            assert!(is_lifted(&graph, step), "{step}");
        }
    }
}
