//! One element in, one element out.

use crate::batch::Batch;
use crate::dofn::batch_step::BatchStep;
use crate::{Element, PCollection};

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
        // `collect` reuses the allocation when the sizes agree.
        let f =
            move |batch: Batch<T>| Ok(Batch { values: batch.values.into_iter().map(&f).collect(), meta: batch.meta });
        self.step(verb, BatchStep::new(f))
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
}
