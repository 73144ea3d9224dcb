//! All in one list.

use crate::combiners::to_list;
use crate::{Element, Key, PCollection, Pair};

impl<T: Element> PCollection<T> {
    /// Collects all elements in one list, in no particular order; they must fit into the memory of one worker.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let list = root.create([3, 1, 2]).to_list();
    /// let sorted = list.map(|mut list| {
    ///     list.sort();
    ///     list
    /// });
    /// assert_that(&sorted).is_singleton(vec![1, 2, 3]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn to_list(&self) -> PCollection<Vec<T>> {
        self.combine_globally_step("ToList", to_list::<T>())
    }

    /// Collects the values of each key in a list, in no particular order.
    ///
    /// [`group_by_key`](PCollection::group_by_key) does so without promising that the values fit into memory.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let lists = root.create([('a', 1), ('b', 2)]).to_list_per_key();
    /// assert_that(&lists).contains_in_any_order([('a', vec![1]), ('b', vec![2])]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn to_list_per_key<K: Key, V: Element>(&self) -> PCollection<(K, Vec<V>)>
    where
        T: Pair<K, V>,
    {
        self.combine_step("ToListPerKey", to_list::<V>())
    }
}

#[cfg(test)]
mod tests {
    use crate::transforms::test_steps::{graph, is_lifted};

    /// Lists do not get smaller before the shuffle.
    #[test]
    fn lists_are_not_lifted() {
        let graph = graph(|root| {
            let pairs = root.create([('a', 1u64)]);
            pairs.to_list_per_key().discard();
            pairs.to_list().discard();
        });
        assert!(!is_lifted(&graph, "ToListPerKey") && !is_lifted(&graph, "ToList/CombinePerKey"));
    }
}
