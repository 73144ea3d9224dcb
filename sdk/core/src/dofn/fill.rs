//! When a batch is full: it has enough rows, or rows that are large enough.

use crate::Element;
use crate::batch::Batch;
use crate::coder;
use std::marker::PhantomData;
use std::mem::{needs_drop, size_of};

/// A look at a batch may not wait until it has more than so many times the rows that it had at the last one.
const GROWTH: usize = 4;

/// How full a batch of `U` is. It looks at few rows, for a look encodes one; and at none if rows own nothing.
pub(crate) struct Fill<U> {
    most: usize,
    /// With so many rows it is full, or it is time for a look.
    look: usize,
    of: PhantomData<fn(U)>,
}

impl<U> Default for Fill<U> {
    fn default() -> Self {
        Self::up_to(Batch::<U>::ROWS)
    }
}

impl<U> Fill<U> {
    /// No more rows than so many.
    pub(crate) fn up_to(most: usize) -> Self {
        // A type without a destructor owns nothing, and its size is known.
        let of_size = (Batch::<U>::BYTES / size_of::<U>().max(1)).clamp(1, most);
        Fill { most: of_size, look: if needs_drop::<U>() { 1 } else { of_size }, of: PhantomData }
    }

    /// So many rows may be added to `rows` before [`is_full`](Self::is_full) is to be asked.
    pub(crate) fn room(&self, rows: usize) -> usize {
        self.look.saturating_sub(rows)
    }
}

impl<U: Element> Fill<U> {
    /// Whether these are enough; then what comes is another batch.
    #[inline]
    pub(crate) fn is_full(&mut self, rows: &[U]) -> bool {
        rows.len() >= self.look && self.look(rows)
    }

    #[cold]
    fn look(&mut self, rows: &[U]) -> bool {
        let mut encoding = Vec::new();
        if rows.len() < self.most
            && let Some(row) = rows.last()
        {
            let most = Batch::<U>::BYTES / (size_of::<U>() + coder::estimate(row, &mut encoding)).max(1);
            if rows.len() < most {
                self.look = most.min(rows.len() * GROWTH).min(self.most);
                return false;
            }
        }
        *self = Self::up_to(self.most);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::dofn::context::Rows;
    use crate::windowing::{PaneInfo, Window};

    /// The sizes of the batches that rows of these lengths become.
    fn cut(lengths: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let (mut fill, mut rows, mut sizes) = (Fill::default(), Vec::new(), Vec::new());
        for length in lengths {
            rows.push("x".repeat(length));
            if fill.is_full(&rows) {
                sizes.push(std::mem::take(&mut rows).len());
            }
        }
        sizes
    }

    #[test]
    fn large_rows_make_small_batches() {
        assert_eq!(cut([10; 5000]), [2048, 2048]);
        assert_eq!(cut([100_000; 30]), [10, 10, 10]);
        assert_eq!(cut([2_000_000; 3]), [1, 1, 1]);
        // Those that become large are found at the next look.
        assert_eq!(cut([vec![10; 70], vec![1_000_000; 188]].concat()), [256, 1, 1]);
        assert_eq!(cut([vec![2_000_000], vec![10; 2048]].concat()), [1, 2048]);
    }

    #[test]
    fn a_batch_that_is_taken_early_is_no_measure_of_the_next() {
        let mut rows = Rows::default();
        let push = |rows: &mut Rows<String>, length: usize| {
            rows.push("x".repeat(length), Timestamp::MIN, Window::Global, PaneInfo::NO_FIRING);
            rows.is_full()
        };
        assert!((0..600).all(|_| !push(&mut rows, 10)));
        assert_eq!(rows.take().map(|batch| batch.values.len()).collect::<Vec<_>>(), [600]);
        assert!(push(&mut rows, 2_000_000));
    }

    #[test]
    fn rows_that_own_nothing_are_counted() {
        let (mut fill, rows) = (Fill::up_to(7), [0u64; 7]);
        assert!(!fill.is_full(&rows[..6]) && fill.is_full(&rows));
        assert_eq!((fill.room(3), Fill::<String>::up_to(7).room(0)), (4, 1));
        assert_eq!(Fill::<[u64; 512]>::default().room(0), 256);
    }
}
