//! The values of each key in several collections.

use super::flatten::flatten;
use super::group_by_key::Grouped;
use crate::error::BoxError;
use crate::graph::Spec;
use crate::grouping::Spilled;
use crate::{Element, Key, PCollection, Pair};
use ferrobeam_model::pipeline::FunctionSpec;
use std::panic::Location;

/// Has no URN in Beam's definitions; engines expand it.
const URN: &str = "ferrobeam:transform:co_group_by_key:v1";

/// A key with the values that each of two collections has of it.
pub type CoGrouped<K, A, B> = (K, (Grouped<A>, Grouped<B>));

/// A key with the values that each of three collections has of it.
pub type CoGrouped3<K, A, B, C> = (K, (Grouped<A>, Grouped<B>, Grouped<C>));

impl<T: Element> PCollection<T> {
    /// Groups two collections of pairs by key and window: the values that each has of a key.
    ///
    /// For pairs of values see the joins, such as [`inner_join`](PCollection::inner_join).
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let names = root.create([(1, "ann".to_owned())]);
    /// let scores = root.create([(1, 3), (1, 4), (2, 5)]);
    /// let report = names
    ///     .co_group_by_key(&scores)
    ///     .map(|(id, (names, scores))| (id, names.iter().next(), scores.iter().sum::<i32>()));
    /// assert_that(&report).contains_in_any_order([(1, Some("ann".to_owned()), 7), (2, None, 5)]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn co_group_by_key<K: Key, A: Element, B: Element>(
        &self,
        other: &PCollection<(K, B)>,
    ) -> PCollection<CoGrouped<K, A, B>>
    where
        T: Pair<K, A>,
    {
        self.co_grouped(|| {
            self.both(other).map_step("Split", |(key, values)| {
                let (first, second) = split(values);
                (key, (first, second))
            })
        })
    }

    /// Groups three collections of pairs by key and window, as [`co_group_by_key`](PCollection::co_group_by_key) does two.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let (a, b, c) = (root.create([(1, 'a')]), root.create([(1, 0.5)]), root.create([(1, 7), (1, 8)]));
    /// let sizes = a.co_group_by_key_3(&b, &c).map(|(key, (a, b, c))| (key, (a.len(), b.len(), c.len())));
    /// assert_that(&sizes).is_singleton((1, (1, 1, 2)));
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn co_group_by_key_3<K: Key, A: Element, B: Element, C: Element>(
        &self,
        second: &PCollection<(K, B)>,
        third: &PCollection<(K, C)>,
    ) -> PCollection<CoGrouped3<K, A, B, C>>
    where
        T: Pair<K, A>,
    {
        self.co_grouped(|| {
            let first = self.tagged("First", Ok::<A, Result<B, C>>);
            let second = second.tagged("Second", |b| Err::<A, _>(Ok::<B, C>(b)));
            let third = third.tagged("Third", |c| Err::<A, _>(Err::<B, C>(c)));
            let all = flatten([&first, &second, &third]).group_by_key::<K, Result<A, Result<B, C>>>();
            all.map_step("Split", |(key, values)| {
                let (first, rest) = split(values);
                let (second, third) = split(rest);
                (key, (first, second, third))
            })
        })
    }

    /// What is beneath a join: the same, and values of both are in one group.
    #[track_caller]
    pub(super) fn co_group_unsplit<K: Key, A: Element, B: Element>(
        &self,
        other: &PCollection<(K, B)>,
    ) -> PCollection<(K, Grouped<Result<A, B>>)>
    where
        T: Pair<K, A>,
    {
        self.co_grouped(|| self.both(other))
    }

    #[track_caller]
    fn both<K: Key, A: Element, B: Element>(
        &self,
        other: &PCollection<(K, B)>,
    ) -> PCollection<(K, Grouped<Result<A, B>>)>
    where
        T: Pair<K, A>,
    {
        let (first, second) = (self.tagged("First", Ok::<A, B>), other.tagged("Second", Err::<A, B>));
        flatten([&first, &second]).group_by_key()
    }

    #[track_caller]
    fn co_grouped<U>(&self, expand: impl FnOnce() -> PCollection<U>) -> PCollection<U> {
        let urn = |_: &_| FunctionSpec { urn: URN.to_owned(), payload: bytes::Bytes::new() };
        let spec = Spec::Composite(Box::new(urn));
        let (out, node) = self.root.scope("CoGroupByKey", spec, Location::caller(), expand);
        out.made_by(node)
    }

    #[track_caller]
    fn tagged<K: Key, A: Element, U: Element>(
        &self,
        verb: &str,
        tag: impl Fn(A) -> U + Send + Sync + 'static,
    ) -> PCollection<(K, U)>
    where
        T: Pair<K, A>,
    {
        self.map_step(verb, move |pair| {
            let (key, value) = pair.into_pair();
            (key, tag(value))
        })
    }
}

fn split<A: Element, B: Element>(values: Grouped<Result<A, B>>) -> (Grouped<A>, Grouped<B>) {
    match values.into_vec() {
        Ok(values) => {
            let (first, second) = split_vec(values);
            (Grouped::new(first), Grouped::new(second))
        }
        Err(file) => split_file(&file).unwrap_or_else(|error| panic!("{error}")),
    }
}

pub(super) fn split_vec<A, B>(values: Vec<Result<A, B>>) -> (Vec<A>, Vec<B>) {
    let of_first = values.iter().filter(|value| value.is_ok()).count();
    let (mut first, mut second) = (Vec::with_capacity(of_first), Vec::with_capacity(values.len() - of_first));
    for value in values {
        match value {
            Ok(value) => first.push(value),
            Err(value) => second.push(value),
        }
    }
    (first, second)
}

/// Values of a key that has very many of them: they go from file to file.
pub(super) fn split_file<A: Element, B: Element>(
    values: &Spilled<Result<A, B>>,
) -> Result<(Grouped<A>, Grouped<B>), BoxError> {
    let (mut first, mut second) = (values.writer()?, values.writer()?);
    for value in values.iter() {
        match value {
            Ok(value) => first.push(&value)?,
            Err(value) => second.push(&value)?,
        }
    }
    Ok((Grouped::in_file(first.finish()?), Grouped::in_file(second.finish()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transforms::test_steps::{graph, plain, rows, run, transform};

    #[test]
    fn values_go_back_to_their_collections() {
        let graph = graph(|root| {
            let (a, b, c) = (root.create([(1u64, 'a')]), root.create([(1u64, 2u64)]), root.create([(1u64, ())]));
            a.co_group_by_key(&b).discard();
            a.co_group_by_key_3(&b, &c).discard();
        });
        assert_eq!(transform(&graph, "CoGroupByKey").inputs.len(), 2);
        assert_eq!(transform(&graph, "CoGroupByKey#2").inputs.len(), 3);

        let two = plain(vec![(1u64, Grouped::new(vec![Ok('a'), Err(2u64), Ok('b')]))]);
        let out = run::<_, CoGrouped<u64, char, u64>>(&graph, "CoGroupByKey/Split", two).unwrap();
        assert_eq!(rows(&out).remove(0).1, (1, (Grouped::new(vec!['a', 'b']), Grouped::new(vec![2]))));

        let three = plain(vec![(1u64, Grouped::new(vec![Err(Err(())), Ok('a'), Err(Ok(2u64)), Err(Err(()))]))]);
        let out = run::<_, CoGrouped3<u64, char, u64, ()>>(&graph, "CoGroupByKey#2/Split", three).unwrap();
        let expected = (Grouped::new(vec!['a']), Grouped::new(vec![2]), Grouped::new(vec![(), ()]));
        assert_eq!(rows(&out).remove(0).1, (1, expected));
    }
}
