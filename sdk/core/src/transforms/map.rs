//! One element in, one element out.

use super::batches_step::BatchesStep;
use crate::batch::{Batch, Meta};
use crate::dofn::batch_step::BatchStep;
use crate::dofn::fill::Fill;
use crate::{Element, PCollection, Timestamp};
use std::mem::{needs_drop, replace};
use std::sync::Arc;
use std::vec;

impl<T: Element> PCollection<T> {
    /// Replaces each element by what `f` makes of it.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let texts = root.create([1, 2]).map(|x| format!("number {x}"));
    /// assert_that(&texts).contains_in_any_order(["number 1".to_owned(), "number 2".to_owned()]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn map<U: Element>(&self, f: impl Fn(T) -> U + Send + Sync + 'static) -> PCollection<U> {
        self.map_step("Map", f)
    }

    #[track_caller]
    pub(crate) fn map_step<U: Element>(
        &self,
        verb: &str,
        f: impl Fn(T) -> U + Send + Sync + 'static,
    ) -> PCollection<U> {
        // What owns something may be large.
        if needs_drop::<U>() {
            let f = Arc::new(f);
            let mapped = move |Batch { values, meta }: Batch<T>| Mapped {
                elements: values.into_iter(),
                meta,
                row: 0,
                f: f.clone(),
            };
            return self.step(verb, BatchesStep::new(mapped));
        }
        // `collect` reuses the allocation when the sizes agree.
        let f =
            move |batch: Batch<T>| Ok(Batch { values: batch.values.into_iter().map(&f).collect(), meta: batch.meta });
        self.step(verb, BatchStep::new(f))
    }
}

/// What the elements of a batch become, batch by batch: there are several if results are large.
struct Mapped<T, F> {
    elements: vec::IntoIter<T>,
    meta: Meta,
    /// Of the next element.
    row: usize,
    f: Arc<F>,
}

impl<T, U: Element, F: Fn(T) -> U> Iterator for Mapped<T, F> {
    type Item = Batch<U>;

    fn next(&mut self) -> Option<Batch<U>> {
        let (mut values, mut fill) = (Vec::with_capacity(self.elements.len()), Fill::default());
        for x in self.elements.by_ref() {
            values.push((self.f)(x));
            if fill.is_full(&values) {
                break;
            }
        }
        let (from, to) = (self.row, self.row + values.len());
        self.row = to;
        let is_all = from == 0 && self.elements.len() == 0;
        let meta = match is_all {
            true => replace(&mut self.meta, Meta::at(Timestamp::MIN)),
            false => self.meta.slice(from..to),
        };
        (!values.is_empty()).then_some(Batch { values, meta })
    }
}

#[cfg(test)]
mod tests {
    use crate::transforms::test_steps::{batch, graph, rows, run};

    #[test]
    fn results_have_the_time_of_their_element() {
        let graph = graph(|root| root.create([0u64]).map(|x| x.to_string()).discard());
        let out = run::<u64, String>(&graph, "Map", batch([(5, 1), (7, 2)])).unwrap();
        assert_eq!(rows(&out), [(5, "1".to_owned()), (7, "2".to_owned())]);
    }

    #[test]
    fn large_results_make_small_batches() {
        let graph = graph(|root| root.create([0u64]).map(|x| x.to_string().repeat(400_000)).discard());
        let out = run::<u64, String>(&graph, "Map", batch((1..9).map(|n| (n as i64, n)))).unwrap();
        assert_eq!(out.iter().map(|batch| batch.values.len()).collect::<Vec<_>>(), [2, 2, 2, 2]);
        let first = |(time, text): &(i64, String)| (*time, text[..1].parse().unwrap());
        assert!(rows(&out).iter().map(first).eq((1..9).map(|n| (n, n))));
    }
}
