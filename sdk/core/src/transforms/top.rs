//! The n largest.

use crate::combiners::{Ordered, largest, largest_by};
use crate::{Element, Key, PCollection, Pair};

impl<T: Element> PCollection<T> {
    /// Lists the `n` largest values of each key, the largest first.
    ///
    /// For the smallest: `.combine_per_key(smallest(n))`, see [`smallest`](crate::combiners::smallest()).
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let best = root.create([('a', 1), ('b', 5), ('a', 3), ('a', 2)]).top_per_key(2);
    /// assert_that(&best).contains_in_any_order([('a', vec![3, 2]), ('b', vec![5])]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn top_per_key<K: Key, V: Element + Ordered<By>, By: 'static>(&self, n: usize) -> PCollection<(K, Vec<V>)>
    where
        T: Pair<K, V>,
    {
        self.combine_step("TopPerKey", largest::<V, By>(n))
    }

    /// Lists the `n` largest elements in one list, the largest first.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let best = root.create([0.5, 2.5, 1.5]).top_globally(2);
    /// assert_that(&best).is_singleton(vec![2.5, 1.5]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn top_globally<By: 'static>(&self, n: usize) -> PCollection<Vec<T>>
    where
        T: Ordered<By>,
    {
        self.combine_globally_step("TopGlobally", largest::<T, By>(n))
    }

    /// Lists the `n` values of each key for which `by` is largest; see [`largest_by`](crate::combiners::largest_by()).
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let words = root.create([('a', "bb".to_owned()), ('a', "ccc".to_owned())]);
    /// assert_that(&words.top_per_key_by(1, |word| word.len())).is_singleton(('a', vec!["ccc".to_owned()]));
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn top_per_key_by<K, V, S, By>(
        &self,
        n: usize,
        by: impl Fn(&V) -> S + Send + Sync + 'static,
    ) -> PCollection<(K, Vec<V>)>
    where
        T: Pair<K, V>,
        K: Key,
        V: Element,
        S: Ordered<By>,
        By: 'static,
    {
        self.combine_step("TopPerKeyBy", largest_by(n, by))
    }

    /// Lists the `n` elements for which `by` is largest; see [`largest_by`](crate::combiners::largest_by()).
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let counts = root.create(["a", "b", "a"].map(str::to_owned)).count_per_element();
    /// assert_that(&counts.top_globally_by(1, |(_, n)| *n)).is_singleton(vec![("a".to_owned(), 2)]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn top_globally_by<S, By>(&self, n: usize, by: impl Fn(&T) -> S + Send + Sync + 'static) -> PCollection<Vec<T>>
    where
        S: Ordered<By>,
        By: 'static,
    {
        self.combine_globally_step("TopGloballyBy", largest_by(n, by))
    }
}

#[cfg(test)]
mod tests {
    use crate::transforms::test_steps::{graph, is_lifted};

    #[test]
    fn all_forms_are_lifted() {
        let graph = graph(|root| {
            let pairs = root.create([('a', 1u64)]);
            pairs.top_per_key(2).discard();
            pairs.top_globally(2).discard();
            pairs.top_per_key_by(2, |x| *x as f64).discard();
            pairs.top_globally_by(2, |x| x.1).discard();
        });
        for step in ["TopPerKey", "TopGlobally/CombinePerKey", "TopPerKeyBy", "TopGloballyBy/CombinePerKey"] {
            assert!(is_lifted(&graph, step), "{step}");
        }
    }
}
