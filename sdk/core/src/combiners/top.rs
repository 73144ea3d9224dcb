//! The n largest.

use super::{ByKey, CombineFn, Natural, Order, Ordered, Reversed};
use crate::Element;
use std::cmp::Ordering;
use std::marker::PhantomData;

/// The last `n` values in an order; see [`largest`] and [`smallest`].
pub struct Top<T, O> {
    n: usize,
    order: O,
    of: PhantomData<fn() -> T>,
}

impl<T, O> Top<T, O> {
    fn new(n: usize, order: O) -> Self {
        Top { n, order, of: PhantomData }
    }
}

impl<T, O: Clone> Clone for Top<T, O> {
    fn clone(&self) -> Self {
        Top::new(self.n, self.order.clone())
    }
}

/// Lists the `n` largest values, the largest first; fewer if there are not so many.
///
/// ```
/// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
/// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
/// # direct.run(|root| {
/// let both = root.create([3, 1, 5, 4]).combine_globally((largest(2), smallest(3)));
/// assert_that(&both).is_singleton((vec![5, 4], vec![1, 3, 4]));
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub fn largest<T: Element + Ordered<By>, By: 'static>(n: usize) -> Top<T, Natural<By>> {
    Top::new(n, Natural::ORDER)
}

/// Lists the `n` smallest values, the smallest first; see [`largest`].
pub fn smallest<T: Element + Ordered<By>, By: 'static>(n: usize) -> Top<T, Reversed<Natural<By>>> {
    Top::new(n, Reversed(Natural::ORDER))
}

/// Lists the `n` values with the largest keys; values of one key are ordered by their encoding, so which of them are
/// listed is always the same.
///
/// ```
/// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
/// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
/// # direct.run(|root| {
/// let words = root.create(["a", "ccc", "bb"].map(str::to_owned));
/// let longest = words.combine_globally(largest_by(2, |word: &String| word.len()));
/// assert_that(&longest).is_singleton(vec!["ccc".to_owned(), "bb".to_owned()]);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub fn largest_by<T, S, By, F>(n: usize, key: F) -> Top<T, ByKey<F, By>>
where
    T: Element,
    S: Ordered<By>,
    By: 'static,
    F: Fn(&T) -> S + Send + Sync + 'static,
{
    Top::new(n, ByKey::new(key))
}

/// Lists the `n` values with the smallest keys; see [`largest_by`].
pub fn smallest_by<T, S, By, F>(n: usize, key: F) -> Top<T, Reversed<ByKey<F, By>>>
where
    T: Element,
    S: Ordered<By>,
    By: 'static,
    F: Fn(&T) -> S + Send + Sync + 'static,
{
    Top::new(n, Reversed(ByKey::new(key)))
}

/// The accumulator is a list of up to 2n - 1 candidates. From n of them on, the n-th in the list is the least of the
/// first n, so what is not larger is turned away by one comparison; at 2n the list is cut back to the n largest, which
/// takes linear time. So an input costs constant time on average, without a heap.
impl<T: Element, O: Order<T>> CombineFn for Top<T, O> {
    type In = T;
    type Acc = Vec<T>;
    type Out = Vec<T>;

    fn create_accumulator(&self) -> Vec<T> {
        Vec::new()
    }

    #[inline]
    fn add_input(&self, candidates: &mut Vec<T>, input: T) {
        let Some(nth) = self.n.checked_sub(1) else { return };
        if let Some(least) = candidates.get(nth)
            && self.order.compare(&input, least) != Ordering::Greater
        {
            return;
        }
        candidates.push(input);
        if candidates.len() == self.n || candidates.len() == 2 * self.n {
            candidates.select_nth_unstable_by(nth, |a, b| self.order.compare(b, a));
            candidates.truncate(self.n);
        }
    }

    fn merge_accumulators(&self, into: &mut Vec<T>, from: Vec<T>) {
        if into.is_empty() {
            *into = from;
            return;
        }
        from.into_iter().for_each(|input| self.add_input(into, input));
    }

    fn extract_output(&self, mut candidates: Vec<T>) -> Vec<T> {
        candidates.sort_unstable_by(|a, b| self.order.compare(b, a));
        candidates.truncate(self.n);
        candidates
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combiners::laws::{exact, laws};
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn laws_hold() {
        for n in [0, 1, 2, 7] {
            laws(
                largest(n),
                vec(-20i64..20, 0..60),
                exact(|inputs: &[i64]| {
                    let mut sorted = inputs.to_vec();
                    sorted.sort_unstable_by(|a, b| b.cmp(a));
                    sorted.truncate(n);
                    sorted
                }),
            );
            laws(
                smallest(n),
                vec((-20i8..20).prop_map(f32::from), 0..60),
                exact(|inputs: &[f32]| {
                    let mut sorted = inputs.to_vec();
                    sorted.sort_unstable_by(f32::total_cmp);
                    sorted.truncate(n);
                    sorted
                }),
            );
        }
    }

    /// Many inputs have one key, and yet the answer is one.
    #[test]
    fn laws_hold_with_keys() {
        laws(
            largest_by(3, |x: &(u8, u8)| x.0),
            vec((0u8..3, 0u8..20), 0..40),
            exact(|inputs: &[(u8, u8)]| {
                let mut sorted = inputs.to_vec();
                sorted.sort_unstable_by(|a, b| b.cmp(a));
                sorted.truncate(3);
                sorted
            }),
        );
    }

    #[test]
    fn memory_is_bounded() {
        let (top, mut candidates) = (largest(10), Vec::new());
        for x in 0..10_000u64 {
            top.add_input(&mut candidates, x);
            assert!(candidates.len() < 20);
        }
    }
}
