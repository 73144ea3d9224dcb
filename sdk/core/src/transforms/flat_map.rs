//! One element in, any number out.

use super::batches_step::BatchesStep;
use crate::batch::{Batch, Meta};
use crate::dofn::Emitter;
use crate::dofn::fill::Fill;
use crate::{Element, PCollection};
use std::iter::Enumerate;
use std::marker::PhantomData;
use std::sync::Arc;
use std::vec;

impl<T: Element> PCollection<T> {
    /// Replaces each element by all that `f` makes of it, lazily: an element may make more than fits into memory.
    ///
    /// The result must own its items; to split a string without collecting, see
    /// [`flat_map_into`](PCollection::flat_map_into).
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let below = root.create([1, 3]).flat_map(|n| 0..n);
    /// assert_that(&below).contains_in_any_order([0, 0, 1, 2]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn flat_map<I>(&self, f: impl Fn(T) -> I + Send + Sync + 'static) -> PCollection<I::Item>
    where
        I: IntoIterator<Item: Element>,
    {
        self.expand_step("FlatMap", f)
    }

    /// Replaces each element by all that `f` emits; needs no collection in between and may borrow from the element.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let lines = root.create(["to be".to_owned(), "or not".to_owned()]);
    /// let words = lines.flat_map_into(|line, out| line.split(' ').for_each(|word| out.emit(word.to_owned())));
    /// assert_that(&words).contains_in_any_order(["to", "be", "or", "not"].map(str::to_owned));
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn flat_map_into<U: Element>(
        &self,
        f: impl Fn(T, &mut Emitter<'_, U>) + Send + Sync + 'static,
    ) -> PCollection<U> {
        self.flat_map_step("FlatMap", move |x, out| f(x, &mut Emitter { out }))
    }

    #[track_caller]
    pub(crate) fn flat_map_step<U: Element>(
        &self,
        verb: &str,
        f: impl Fn(T, &mut Vec<U>) + Send + Sync + 'static,
    ) -> PCollection<U> {
        let f = Arc::new(f);
        let flattened = move |Batch { values, meta }: Batch<T>| Flattened {
            elements: values.into_iter().enumerate(),
            meta,
            f: f.clone(),
            of: PhantomData,
        };
        self.step(verb, BatchesStep::new(flattened))
    }

    #[track_caller]
    pub(crate) fn expand_step<I>(&self, verb: &str, f: impl Fn(T) -> I + Send + Sync + 'static) -> PCollection<I::Item>
    where
        I: IntoIterator<Item: Element>,
    {
        let f = Arc::new(f);
        let expanded = move |Batch { values, meta }: Batch<T>| Expanded {
            elements: values.into_iter().enumerate(),
            meta,
            current: None,
            f: f.clone(),
        };
        self.step(verb, BatchesStep::new(expanded))
    }
}

/// What the elements of a batch emit, batch by batch, all of an element in one.
struct Flattened<T, U, F> {
    elements: Enumerate<vec::IntoIter<T>>,
    meta: Meta,
    f: Arc<F>,
    of: PhantomData<fn() -> U>,
}

impl<T, U: Element, F: Fn(T, &mut Vec<U>)> Iterator for Flattened<T, U, F> {
    type Item = Batch<U>;

    fn next(&mut self) -> Option<Batch<U>> {
        let (mut values, mut rows) = (Vec::with_capacity(self.elements.len()), Vec::new());
        let (mut fill, is_shared) = (Fill::default(), self.meta.is_shared());
        for (row, x) in self.elements.by_ref() {
            (self.f)(x, &mut values);
            if !is_shared {
                rows.resize(values.len(), row as u32);
            }
            if fill.is_full(&values) {
                break;
            }
        }
        let meta = if is_shared { self.meta.clone() } else { self.meta.select(&rows) };
        (!values.is_empty()).then_some(Batch { values, meta })
    }
}

/// What the elements of a batch make, batch by batch.
struct Expanded<T, I: IntoIterator, F> {
    elements: Enumerate<vec::IntoIter<T>>,
    meta: Meta,
    /// The row whose items did not all fit into the last batch, and the rest of them.
    current: Option<(usize, I::IntoIter)>,
    f: Arc<F>,
}

impl<T, I: IntoIterator<Item: Element>, F: Fn(T) -> I> Iterator for Expanded<T, I, F> {
    type Item = Batch<I::Item>;

    fn next(&mut self) -> Option<Batch<I::Item>> {
        let (mut values, mut rows) = (Vec::with_capacity(self.elements.len()), Vec::new());
        let (mut fill, is_shared) = (Fill::default(), self.meta.is_shared());
        while !fill.is_full(&values) {
            let (row, mut items) = match self.current.take() {
                Some(current) => current,
                None => match self.elements.next() {
                    Some((row, x)) => (row, (self.f)(x).into_iter()),
                    None => break,
                },
            };
            let room = fill.room(values.len());
            if items.size_hint().1.is_some_and(|most| most <= room) {
                // The whole iterator: for vectors and the like that is one copy.
                values.extend(items);
            } else {
                values.extend(items.by_ref().take(room));
                // Without room nobody knows whether there is more.
                self.current = (fill.room(values.len()) == 0).then_some((row, items));
            }
            if !is_shared {
                rows.resize(values.len(), row as u32);
            }
        }
        let meta = if is_shared { self.meta.clone() } else { self.meta.select(&rows) };
        (!values.is_empty()).then_some(Batch { values, meta })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transforms::test_steps::{batch, graph, plain, rows, run};
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        /// Over any number of batches, from rows that agree on their time and from rows that do not.
        #[test]
        fn results_have_the_time_of_their_element(input in vec((0i64..3, 0u64..900), 0..10)) {
            let graph = graph(|root| {
                root.create([0u64]).flat_map(|n| 0..n).discard();
                root.create([0u64]).flat_map(|n| (0..n).collect::<Vec<_>>()).discard();
                root.create([0u64]).flat_map_into(|n, out| (0..n).for_each(|i| out.emit(i))).discard();
            });
            let expected: Vec<_> = input.iter().flat_map(|&(time, n)| (0..n).map(move |i| (time, i))).collect();
            for step in ["FlatMap", "FlatMap#2", "FlatMap#3"] {
                if let out @ [_, ..] = &run::<u64, u64>(&graph, step, batch(input.clone())).unwrap()[..] {
                    prop_assert_eq!(&rows(out), &expected);
                } else {
                    prop_assert!(expected.is_empty());
                }
            }
        }
    }

    #[test]
    fn one_element_makes_many_batches() {
        const ROWS: usize = Batch::<u64>::ROWS;
        let graph = graph(|root| root.create([0u64]).flat_map(|n| 0..n).discard());
        let out = run::<u64, u64>(&graph, "FlatMap", plain(vec![2 * ROWS as u64 + 952])).unwrap();
        assert_eq!(out.iter().map(|batch| batch.values.len()).collect::<Vec<_>>(), [ROWS, ROWS, 952]);
    }
}
