//! Pairs of values of the same key.

use super::co_group_by_key::{split_file, split_vec};
use super::group_by_key::Grouped;
use crate::{Element, Key, PCollection, Pair};
use std::vec;

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
        self.join("InnerJoin", other, Pairs::new, |key, left, right| pairs(key, left, right))
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
        self.join(
            "LeftOuterJoin",
            other,
            |key, left, right| Pairs::new(key, left, lonely(right)),
            |key, left, right| pairs(key, left, or_none(right)),
        )
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
        self.join(
            "RightOuterJoin",
            other,
            |key, left, right| Pairs::new(key, lonely(left), right),
            |key, left, right| pairs(key, or_none(left), right),
        )
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
        self.join(
            "FullOuterJoin",
            other,
            |key, left, right| Pairs::new(key, lonely(left), lonely(right)),
            |key, left, right| pairs(key, or_none(left), or_none(right)),
        )
    }

    /// The pairs are made lazily: a key with many values on both sides has very many of them.
    #[track_caller]
    fn join<K: Key, A: Element, B: Element, U: Element, M, F>(
        &self,
        verb: &str,
        other: &PCollection<(K, B)>,
        in_memory: impl Fn(K, Vec<A>, Vec<B>) -> M + Send + Sync + 'static,
        in_files: impl Fn(K, Grouped<A>, Grouped<B>) -> F + Send + Sync + 'static,
    ) -> PCollection<U>
    where
        T: Pair<K, A>,
        M: Iterator<Item = U>,
        F: Iterator<Item = U>,
    {
        self.composite(verb, || {
            self.co_group_unsplit(other).expand_step("Pairs", move |(key, values)| match values.into_vec() {
                Ok(values) => {
                    let (left, right) = split_vec(values);
                    Joined::Memory(in_memory(key, left, right))
                }
                Err(file) => {
                    let (left, right) = split_file(&file).unwrap_or_else(|error| panic!("{error}"));
                    Joined::Files(in_files(key, left, right))
                }
            })
        })
    }
}

/// The pairs of a key, by where its values are.
enum Joined<M, F> {
    Memory(M),
    Files(F),
}

impl<M: Iterator, F: Iterator<Item = M::Item>> Iterator for Joined<M, F> {
    type Item = M::Item;

    #[inline]
    fn next(&mut self) -> Option<M::Item> {
        match self {
            Joined::Memory(pairs) => pairs.next(),
            Joined::Files(pairs) => pairs.next(),
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Joined::Memory(pairs) => pairs.size_hint(),
            Joined::Files(pairs) => pairs.size_hint(),
        }
    }
}

/// Each of the left with each of the right, of a key whose values are in memory: most keys have few.
struct Pairs<K, A, B> {
    key: K,
    left: vec::IntoIter<A>,
    right: Vec<B>,
    /// The one of the left that is being paired, and with which of the right it comes next.
    current: Option<A>,
    next: usize,
}

impl<K: Clone, A: Clone, B: Clone> Pairs<K, A, B> {
    fn new(key: K, left: Vec<A>, right: Vec<B>) -> Self {
        Pairs { key, left: left.into_iter(), right, current: None, next: 0 }
    }
}

impl<K: Clone, A: Clone, B: Clone> Iterator for Pairs<K, A, B> {
    type Item = (K, (A, B));

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.current.is_none() || self.next == self.right.len() {
            self.current = Some(self.left.next()?);
            self.next = 0;
        }
        let (left, right) = (self.current.clone()?, self.right.get(self.next)?.clone());
        self.next += 1;
        Some((self.key.clone(), (left, right)))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let of_current = if self.current.is_some() { self.right.len() - self.next } else { 0 };
        let left = self.left.len().saturating_mul(self.right.len()).saturating_add(of_current);
        (left, Some(left))
    }
}

/// The values, or none if there is none.
fn lonely<V>(values: Vec<V>) -> Vec<Option<V>> {
    if values.is_empty() { vec![None] } else { values.into_iter().map(Some).collect() }
}

/// As [`Pairs`], of values that are read from files again and again.
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

/// As [`lonely`].
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
        /// What a join by hand gives, of values in memory and of those in files.
        #[test]
        fn all_pairs_and_the_lonely_ones(left in vec(0u8..9, 0..4), right in vec(10u8..19, 0..4)) {
            let grouped = || (Grouped::new(left.clone()), Grouped::new(right.clone()));
            let inner: Vec<_> = left.iter().flat_map(|a| right.iter().map(move |b| ((), (*a, *b)))).collect();
            let in_memory = Pairs::new((), left.clone(), right.clone());
            prop_assert_eq!(in_memory.size_hint(), (inner.len(), Some(inner.len())));
            prop_assert_eq!(in_memory.collect::<Vec<_>>(), inner.clone());
            let (l, r) = grouped();
            prop_assert_eq!(pairs((), l, r).collect::<Vec<_>>(), inner.clone());
            let full: Vec<_> = match (&left[..], &right[..]) {
                ([], []) => vec![((), (None, None))],
                ([], right) => right.iter().map(|b| ((), (None, Some(*b)))).collect(),
                (left, []) => left.iter().map(|a| ((), (Some(*a), None))).collect(),
                _ => inner.iter().map(|((), (a, b))| ((), (Some(*a), Some(*b)))).collect(),
            };
            let in_memory = Pairs::new((), lonely(left.clone()), lonely(right.clone()));
            prop_assert_eq!(in_memory.collect::<Vec<_>>(), full.clone());
            let (l, r) = grouped();
            prop_assert_eq!(pairs((), or_none(l), or_none(r)).collect::<Vec<_>>(), full);
        }

        /// Whoever stops in the middle knows how many are left.
        #[test]
        fn the_rest_has_a_size(left in 0usize..5, right in 0usize..5, taken in 0usize..30) {
            let mut pairs = Pairs::new('k', vec![(); left], vec![0u8; right]);
            let taken = pairs.by_ref().take(taken).count();
            prop_assert_eq!(pairs.size_hint(), (left * right - taken, Some(left * right - taken)));
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
