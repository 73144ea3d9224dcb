//! How many.

use crate::combiners::count;
use crate::{Element, Key, PCollection, Pair};

impl<T: Element> PCollection<T> {
    /// Counts how often each element occurs.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let words = root.create(["to", "be", "or", "not", "to", "be"].map(str::to_owned));
    /// let twice = words.count_per_element().filter(|(_, n)| *n == 2);
    /// assert_that(&twice).contains_in_any_order([("be".to_owned(), 2), ("to".to_owned(), 2)]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn count_per_element(&self) -> PCollection<(T, u64)>
    where
        T: Key,
    {
        // The element is the key and there is no value: nothing but the key is moved or stored.
        self.composite("CountPerElement", || self.map_step("Key", |x| (x, ())).combine_step("Count", count()))
    }

    /// Counts the values of each key.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let counts = root.create([('a', 0.5), ('b', 0.5), ('a', 0.5)]).count_per_key();
    /// assert_that(&counts).contains_in_any_order([('a', 2), ('b', 1)]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn count_per_key<K: Key, V: Element>(&self) -> PCollection<(K, u64)>
    where
        T: Pair<K, V>,
    {
        let key = |pair: T| (pair.into_pair().0, ());
        self.composite("CountPerKey", || self.map_step("Key", key).combine_step("Count", count()))
    }

    /// Counts the elements; there are 0 in an empty collection.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let evens = root.create([1, 2, 3, 4]).filter(|x| x % 2 == 0);
    /// assert_that(&evens.count_globally()).is_singleton(2);
    /// assert_that(&evens.filter(|x| *x > 9).count_globally()).is_singleton(0);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn count_globally(&self) -> PCollection<u64> {
        self.composite("CountGlobally", || self.map_step("One", |_| ()).combine_globally_step("Count", count()))
    }
}

#[cfg(test)]
mod tests {
    use crate::transforms::test_steps::{graph, is_lifted, plain, rows, run, steps};

    #[test]
    fn counting_is_lifted_and_moves_only_keys() {
        let graph = graph(|root| {
            let pairs = root.create([('a', 1u64)]);
            pairs.count_per_element().discard();
            pairs.count_per_key().discard();
        });
        assert_eq!(
            steps(&graph),
            [
                "CountPerElement",
                "CountPerElement/Key",
                "CountPerElement/Count",
                "CountPerKey",
                "CountPerKey/Key",
                "CountPerKey/Count"
            ]
        );
        assert!(is_lifted(&graph, "CountPerElement/Count") && is_lifted(&graph, "CountPerKey/Count"));
        let keys = run::<(char, u64), ((char, u64), ())>(&graph, "CountPerElement/Key", plain(vec![('a', 1)])).unwrap();
        assert_eq!(rows(&keys).remove(0).1, (('a', 1), ()));
        let keys = run::<(char, u64), (char, ())>(&graph, "CountPerKey/Key", plain(vec![('a', 1)])).unwrap();
        assert_eq!(rows(&keys).remove(0).1, ('a', ()));
    }

    #[test]
    fn a_name_is_the_name_of_all_of_it() {
        let graph = graph(|root| root.create([1u64]).count_globally().named("HowMany").discard());
        assert_eq!(steps(&graph)[..3], ["HowMany", "HowMany/One", "HowMany/Count"]);
    }
}
