//! The parts of pairs.

use crate::{Element, PCollection, Pair};

impl<T: Element> PCollection<T> {
    /// Keeps the first of each pair.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let keys = root.create([('a', 1), ('a', 2)]).keys();
    /// assert_that(&keys).contains_in_any_order(['a', 'a']);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn keys<K: Element, V: Element>(&self) -> PCollection<K>
    where
        T: Pair<K, V>,
    {
        self.map_step("Keys", |pair| pair.into_pair().0)
    }

    /// Keeps the second of each pair.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let values = root.create([('a', 1), ('a', 2)]).values();
    /// assert_that(&values).contains_in_any_order([1, 2]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn values<K: Element, V: Element>(&self) -> PCollection<V>
    where
        T: Pair<K, V>,
    {
        self.map_step("Values", |pair| pair.into_pair().1)
    }

    /// Makes the value the key, and the key the value.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let swapped = root.create([('a', 1)]).swap();
    /// assert_that(&swapped).contains_in_any_order([(1, 'a')]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn swap<K: Element, V: Element>(&self) -> PCollection<(V, K)>
    where
        T: Pair<K, V>,
    {
        let swap = |pair: T| {
            let (key, value) = pair.into_pair();
            (value, key)
        };
        self.map_step("Swap", swap)
    }
}

#[cfg(test)]
mod tests {
    use crate::transforms::test_steps::{batch, graph, rows, run};

    #[test]
    fn parts_have_the_time_of_their_pair() {
        let graph = graph(|root| {
            let pairs = root.create([('a', 1u64)]);
            pairs.keys().discard();
            pairs.values().discard();
            pairs.swap().discard();
        });
        let pairs = || batch([(5, ('a', 1u64)), (7, ('b', 2))]);
        assert_eq!(rows(&run::<_, char>(&graph, "Keys", pairs()).unwrap()), [(5, 'a'), (7, 'b')]);
        assert_eq!(rows(&run::<_, u64>(&graph, "Values", pairs()).unwrap()), [(5, 1), (7, 2)]);
        assert_eq!(rows(&run::<_, (u64, char)>(&graph, "Swap", pairs()).unwrap()), [(5, (1, 'a')), (7, (2, 'b'))]);
    }
}
