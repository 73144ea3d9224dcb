//! The smallest.

use crate::combiners::{Ordered, min, min_by};
use crate::{Element, Key, PCollection, Pair};

impl<T: Element> PCollection<T> {
    /// Finds the smallest value of each key; see [`min`](crate::combiners::min()).
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let found = root.create([('a', 1), ('b', 5), ('a', 3)]).min_per_key();
    /// assert_that(&found).contains_in_any_order([('a', 1), ('b', 5)]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn min_per_key<K: Key, V: Element + Ordered<By>, By: 'static>(&self) -> PCollection<(K, V)>
    where
        T: Pair<K, V>,
    {
        self.combine_step("MinPerKey", min::<V, By>())
    }

    /// Finds the smallest element; in an empty collection there is none, so the result is empty too. See
    /// [`min`](crate::combiners::min()).
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let found = root.create([2.5, -1.0]).min_globally();
    /// assert_that(&found).is_singleton(-1.0);
    /// assert_that(&found.filter(|x| *x > 9.0).min_globally()).is_empty();
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn min_globally<By: 'static>(&self) -> PCollection<T>
    where
        T: Ordered<By>,
    {
        self.combine_globally_step("MinGlobally", min::<T, By>())
    }

    /// Finds the value of each key for which `by` is smallest; see [`min_by`](crate::combiners::min_by()).
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let words = root.create([('a', "bb".to_owned()), ('a', "ccc".to_owned())]);
    /// assert_that(&words.min_per_key_by(|word| word.len())).is_singleton(('a', "bb".to_owned()));
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn min_per_key_by<K, V, S, By>(&self, by: impl Fn(&V) -> S + Send + Sync + 'static) -> PCollection<(K, V)>
    where
        T: Pair<K, V>,
        K: Key,
        V: Element,
        S: Ordered<By>,
        By: 'static,
    {
        self.combine_step("MinPerKeyBy", min_by(by))
    }

    /// Finds the element for which `by` is smallest, if there is any; see [`min_by`](crate::combiners::min_by()).
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let words = root.create(["bb".to_owned(), "ccc".to_owned()]);
    /// assert_that(&words.min_globally_by(|word| word.len())).is_singleton("bb".to_owned());
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn min_globally_by<S, By>(&self, by: impl Fn(&T) -> S + Send + Sync + 'static) -> PCollection<T>
    where
        S: Ordered<By>,
        By: 'static,
    {
        self.combine_globally_step("MinGloballyBy", min_by(by))
    }
}

#[cfg(test)]
mod tests {
    use crate::transforms::test_steps::{graph, is_lifted};

    #[test]
    fn all_forms_are_lifted() {
        let graph = graph(|root| {
            let pairs = root.create([('a', 1u64)]);
            pairs.min_per_key().discard();
            pairs.min_globally().discard();
            pairs.min_per_key_by(|x| *x as f64).discard();
            pairs.min_globally_by(|x| x.1).discard();
        });
        for step in ["MinPerKey", "MinGlobally/CombinePerKey", "MinPerKeyBy", "MinGloballyBy/CombinePerKey"] {
            assert!(is_lifted(&graph, step), "{step}");
        }
    }
}
