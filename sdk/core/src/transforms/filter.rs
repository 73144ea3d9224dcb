//! Some elements stay.

use crate::batch::Batch;
use crate::dofn::batch_step::BatchStep;
use crate::{Element, PCollection};

impl<T: Element> PCollection<T> {
    /// Keeps the elements for which `keep` is true.
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    /// Root::build(|root| {
    ///     root.create([1u64, 2, 3]).filter(|x| x % 2 == 1).discard();
    ///     Ok(())
    /// })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn filter(&self, keep: impl Fn(&T) -> bool + Send + Sync + 'static) -> PCollection<T> {
        self.step("Filter", BatchStep::new(move |batch| Ok(filter(batch, &keep))))
    }
}

fn filter<T>(mut batch: Batch<T>, keep: impl Fn(&T) -> bool) -> Batch<T> {
    if batch.meta.is_shared() {
        batch.values.retain(keep);
        return batch;
    }
    let (mut rows, mut row) = (Vec::with_capacity(batch.values.len()), 0);
    batch.values.retain(|value| {
        let keep = keep(value);
        if keep {
            rows.push(row);
        }
        row += 1;
        keep
    });
    if rows.len() == row as usize { batch } else { Batch { values: batch.values, meta: batch.meta.select(&rows) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{MetaBuilder, WindowSet};
    use crate::time::Timestamp;
    use crate::windowing::PaneInfo;

    #[test]
    fn kept_elements_keep_their_time() {
        let mut meta = MetaBuilder::default();
        for i in 0..4 {
            meta.push(Timestamp::from_millis(i), &WindowSet::GLOBAL, PaneInfo::NO_FIRING);
        }
        let kept = filter(Batch { values: vec![0, 1, 2, 3], meta: meta.finish() }, |x| x % 2 == 1);
        assert_eq!(kept.values, [1, 3]);
        assert_eq!((0..2).map(|row| kept.meta.time.get(row).millis()).collect::<Vec<_>>(), [1, 3]);
    }
}
