//! Pairs of values of the same key.

use super::group_by_key::Grouped;
use crate::{Element, Key, PCollection, Pair};

/// A key with a value that each of two collections has of it, or that only one of them has.
pub type OuterJoined<K, A, B> = (K, (Option<A>, Option<B>));

impl<T: Element> PCollection<T> {
    /// Pairs each value of a key with each value that another collection has of that key; keys that only one of them
    /// has are left out.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let names = root.create([(1, "ann".to_owned()), (2, "bob".to_owned())]);
    /// let scores = root.create([(1, 0.5), (1, 0.7), (3, 0.9)]);
    /// let joined = names.inner_join(&scores);
    /// assert_that(&joined).contains_in_any_order([(1, ("ann".to_owned(), 0.5)), (1, ("ann".to_owned(), 0.7))]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn inner_join<K: Key, A: Element, B: Element>(&self, other: &PCollection<(K, B)>) -> PCollection<(K, (A, B))>
    where
        T: Pair<K, A>,
    {
        self.join("InnerJoin", other, |key, left, right| pairs(key, left, right))
    }

    /// Pairs as [`inner_join`](PCollection::inner_join) does, and a value whose key the other does not have with none.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let names = root.create([(1, "ann".to_owned()), (2, "bob".to_owned())]);
    /// let joined = names.left_outer_join(&root.create([(1, 0.5), (3, 0.9)]));
    /// assert_that(&joined)
    ///     .contains_in_any_order([(1, ("ann".to_owned(), Some(0.5))), (2, ("bob".to_owned(), None))]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn left_outer_join<K: Key, A: Element, B: Element>(
        &self,
        other: &PCollection<(K, B)>,
    ) -> PCollection<(K, (A, Option<B>))>
    where
        T: Pair<K, A>,
    {
        self.join("LeftOuterJoin", other, |key, left, right| pairs(key, left, or_none(right)))
    }

    /// Pairs as [`inner_join`](PCollection::inner_join) does, and a value of the other whose key this does not have with
    /// none.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let names = root.create([(1, "ann".to_owned()), (2, "bob".to_owned())]);
    /// let joined = names.right_outer_join(&root.create([(1, 0.5), (3, 0.9)]));
    /// assert_that(&joined).contains_in_any_order([(1, (Some("ann".to_owned()), 0.5)), (3, (None, 0.9))]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn right_outer_join<K: Key, A: Element, B: Element>(
        &self,
        other: &PCollection<(K, B)>,
    ) -> PCollection<(K, (Option<A>, B))>
    where
        T: Pair<K, A>,
    {
        self.join("RightOuterJoin", other, |key, left, right| pairs(key, or_none(left), right))
    }

    /// Pairs as [`inner_join`](PCollection::inner_join) does, and a value whose key only one of them has with none.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let joined = root.create([(1, 'a'), (2, 'b')]).full_outer_join(&root.create([(1, 0.5), (3, 0.9)]));
    /// assert_that(&joined).contains_in_any_order([
    ///     (1, (Some('a'), Some(0.5))),
    ///     (2, (Some('b'), None)),
    ///     (3, (None, Some(0.9))),
    /// ]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn full_outer_join<K: Key, A: Element, B: Element>(
        &self,
        other: &PCollection<(K, B)>,
    ) -> PCollection<OuterJoined<K, A, B>>
    where
        T: Pair<K, A>,
    {
        self.join("FullOuterJoin", other, |key, left, right| pairs(key, or_none(left), or_none(right)))
    }

    #[track_caller]
    fn join<K: Key, A: Element, B: Element, I: IntoIterator<Item: Element>>(
        &self,
        verb: &str,
        other: &PCollection<(K, B)>,
        pairs: impl Fn(K, Grouped<A>, Grouped<B>) -> I + Send + Sync + 'static,
    ) -> PCollection<I::Item>
    where
        T: Pair<K, A>,
    {
        // The pairs are made lazily: a key with many values on both sides has very many of them.
        self.composite(verb, || {
            self.co_group_by_key(other).expand_step("Pairs", move |(key, (left, right))| pairs(key, left, right))
        })
    }
}

/// Each of the left with each of the right.
fn pairs<K: Clone, A: Clone, B>(
    key: K,
    left: impl IntoIterator<Item = A>,
    right: impl IntoIterator<Item = B, IntoIter: Clone>,
) -> impl Iterator<Item = (K, (A, B))> {
    let right = right.into_iter();
    left.into_iter().flat_map(move |a| {
        let key = key.clone();
        right.clone().map(move |b| (key.clone(), (a.clone(), b)))
    })
}

/// The values, or none if there is none.
fn or_none<V: Element>(values: Grouped<V>) -> impl Iterator<Item = Option<V>> + Clone {
    let none = values.is_empty().then_some(None);
    values.into_iter().map(Some).chain(none)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transforms::test_steps::{graph, steps};
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        /// What a join by hand gives.
        #[test]
        fn all_pairs_and_the_lonely_ones(left in vec(0u8..9, 0..4), right in vec(10u8..19, 0..4)) {
            let grouped = || (Grouped::new(left.clone()), Grouped::new(right.clone()));
            let inner: Vec<_> = left.iter().flat_map(|a| right.iter().map(move |b| ((), (*a, *b)))).collect();
            let (l, r) = grouped();
            prop_assert_eq!(pairs((), l, r).collect::<Vec<_>>(), inner.clone());
            let full: Vec<_> = match (&left[..], &right[..]) {
                ([], []) => vec![((), (None, None))],
                ([], right) => right.iter().map(|b| ((), (None, Some(*b)))).collect(),
                (left, []) => left.iter().map(|a| ((), (Some(*a), None))).collect(),
                _ => inner.iter().map(|((), (a, b))| ((), (Some(*a), Some(*b)))).collect(),
            };
            let (l, r) = grouped();
            prop_assert_eq!(pairs((), or_none(l), or_none(r)).collect::<Vec<_>>(), full);
        }
    }

    #[test]
    fn a_join_is_one_composite() {
        let graph = graph(|root| {
            let a = root.create([(1u64, 'a')]);
            a.inner_join(&a).named("Join").discard();
        });
        assert_eq!(steps(&graph)[..2], ["Join", "Join/CoGroupByKey"]);
        assert_eq!(steps(&graph).last(), Some(&"Join/Pairs"));
    }
}
