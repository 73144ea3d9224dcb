//! Some elements stay.

use crate::batch::Batch;
use crate::dofn::batch_step::BatchStep;
use crate::{Element, PCollection};
use std::mem::needs_drop;

impl<T: Element> PCollection<T> {
    /// Keeps the elements for which `keep` is true.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let odd = root.create([1, 2, 3]).filter(|x| x % 2 == 1);
    /// assert_that(&odd).contains_in_any_order([1, 3]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn filter(&self, keep: impl Fn(&T) -> bool + Send + Sync + 'static) -> PCollection<T> {
        self.step("Filter", BatchStep::new(move |batch| Ok(filter(batch, &keep))))
    }
}

fn filter<T: Clone>(mut batch: Batch<T>, keep: impl Fn(&T) -> bool) -> Batch<T> {
    if batch.meta.is_shared() {
        retain(&mut batch.values, keep);
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

/// So many values are looked at together: then it is asked once, and not for each, whether there is room.
const STEP: usize = 8;

/// As [`Vec::retain`]. What is small and owns nothing is moved without asking whether it stays: a branch that is guessed wrong
/// costs more.
fn retain<T: Clone>(values: &mut Vec<T>, keep: impl Fn(&T) -> bool) {
    if size_of::<T>() > 16 || needs_drop::<T>() {
        return values.retain(keep);
    }
    let (mut kept, mut at) = (0, 0);
    // A clone of what owns nothing is a copy.
    while let Some(step) = values[at..].first_chunk::<STEP>() {
        let step = step.clone();
        let Some(place) = values[kept..].first_chunk_mut::<STEP>() else { break };
        let mut stay = 0;
        for value in step {
            let keeps = keep(&value);
            // At most as many as were looked at before, so this is one of the step's own.
            place[stay % STEP] = value;
            stay += usize::from(keeps);
        }
        (kept, at) = (kept + stay, at + STEP);
    }
    for at in at..values.len() {
        let value = values[at].clone();
        let keeps = keep(&value);
        values[kept] = value;
        kept += usize::from(keeps);
    }
    values.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transforms::test_steps::{batch, rows};
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn retain_is_that_of_vec(values in vec(any::<u16>(), 0..70), modulus in 1u16..9) {
            let keep = |value: &u16| !value.is_multiple_of(modulus);
            let (mut ours, mut expected) = (values.clone(), values);
            retain(&mut ours, keep);
            expected.retain(keep);
            prop_assert_eq!(ours, expected);
        }
    }

    #[test]
    fn kept_elements_keep_their_time() {
        let odd = |rows: [(i64, u64); 3]| filter(batch(rows), |x| x % 2 == 1);
        assert_eq!(rows(&[odd([(0, 1), (1, 2), (2, 3)])]), [(0, 1), (2, 3)]);
        assert_eq!(rows(&[odd([(4, 0), (4, 2), (4, 3)])]), [(4, 3)]);
        assert_eq!(rows(&[odd([(0, 1), (1, 3), (2, 5)])]), [(0, 1), (1, 3), (2, 5)]);
    }
}
