//! One element in, any number out.

use crate::batch::Batch;
use crate::dofn::Emitter;
use crate::dofn::batch_step::BatchStep;
use crate::{Element, PCollection};

impl<T: Element> PCollection<T> {
    /// Replaces each element by all that `f` makes of it.
    ///
    /// The result must own its items; to split a string without collecting, see
    /// [`flat_map_into`](PCollection::flat_map_into).
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    /// Root::build(|root| {
    ///     root.create([1u64, 2]).flat_map(|n| 0..n).discard();
    ///     Ok(())
    /// })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn flat_map<I>(&self, f: impl Fn(T) -> I + Send + Sync + 'static) -> PCollection<I::Item>
    where
        I: IntoIterator<Item: Element>,
    {
        self.flat_map_step("FlatMap", move |x, out: &mut Vec<I::Item>| out.extend(f(x)))
    }

    /// Replaces each element by all that `f` emits; needs no collection in between and may borrow from the element.
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    /// Root::build(|root| {
    ///     root.create(["to be or not".to_owned()])
    ///         .flat_map_into(|line, out| line.split(' ').for_each(|word| out.emit(word.to_owned())))
    ///         .discard();
    ///     Ok(())
    /// })?;
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
        self.step(verb, BatchStep::new(move |batch| Ok(flat_map(batch, &f))))
    }
}

fn flat_map<T, U>(batch: Batch<T>, f: impl Fn(T, &mut Vec<U>)) -> Batch<U> {
    let mut out = Vec::with_capacity(batch.values.len());
    if batch.meta.is_shared() {
        batch.values.into_iter().for_each(|x| f(x, &mut out));
        return Batch { values: out, meta: batch.meta };
    }
    let mut rows = Vec::with_capacity(batch.values.len());
    for (row, x) in batch.values.into_iter().enumerate() {
        f(x, &mut out);
        rows.resize(out.len(), row as u32);
    }
    Batch { values: out, meta: batch.meta.select(&rows) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{MetaBuilder, WindowSet};
    use crate::time::Timestamp;
    use crate::windowing::PaneInfo;

    #[test]
    fn results_have_the_time_of_their_element() {
        let mut meta = MetaBuilder::default();
        for i in 0..3 {
            meta.push(Timestamp::from_millis(i), &WindowSet::GLOBAL, PaneInfo::NO_FIRING);
        }
        let out = flat_map(Batch { values: vec![0, 1, 2], meta: meta.finish() }, |n, out| out.extend(0..n));
        assert_eq!(out.values, [0, 0, 1]);
        assert_eq!((0..3).map(|row| out.meta.time.get(row).millis()).collect::<Vec<_>>(), [1, 2, 2]);
    }
}
