//! One element in, one element out.

use crate::batch::Batch;
use crate::dofn::batch_step::BatchStep;
use crate::{Element, PCollection};

impl<T: Element> PCollection<T> {
    /// Replaces each element by what `f` makes of it.
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    /// Root::build(|root| {
    ///     root.create([1u64, 2]).map(|x| x.to_string()).discard();
    ///     Ok(())
    /// })?;
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
