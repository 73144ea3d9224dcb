//! The sum.

use super::{CombineFn, Number};
use std::any::type_name;
use std::marker::PhantomData;

/// See [`sum`].
#[derive(Clone, Debug)]
pub struct Sum<N>(PhantomData<fn() -> N>);

impl<N> Default for Sum<N> {
    fn default() -> Self {
        Sum(PhantomData)
    }
}

/// Adds numbers up; the sum of nothing is zero.
///
/// A sum that overflows its type fails the step, in release builds too: map to a wider type first. Floats are added in
/// the order in which they come, so the last bits of their sum may differ between two runs.
///
/// ```
/// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
/// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
/// # direct.run(|root| {
/// let sums = root.create([("a".to_owned(), 1), ("b".to_owned(), 5), ("a".to_owned(), 2)]).combine_per_key(sum());
/// assert_that(&sums).contains_in_any_order([("a".to_owned(), 3), ("b".to_owned(), 5)]);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub fn sum<N: Number>() -> Sum<N> {
    Sum(PhantomData)
}

impl<N: Number> CombineFn for Sum<N> {
    type In = N;
    type Acc = N;
    type Out = N;

    fn create_accumulator(&self) -> N {
        N::ZERO
    }

    #[inline]
    fn add_input(&self, sum: &mut N, input: N) {
        match N::add(*sum, input) {
            Some(more) => *sum = more,
            None => overflow::<N>(),
        }
    }

    fn merge_accumulators(&self, into: &mut N, from: N) {
        self.add_input(into, from);
    }

    fn extract_output(&self, sum: N) -> N {
        sum
    }
}

#[cold]
fn overflow<N>() -> ! {
    panic!("a sum does not fit into `{}`: map the numbers to a wider type first", type_name::<N>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combiners::laws::{exact, laws};
    use proptest::collection::vec;

    #[test]
    fn laws_hold() {
        laws(sum(), vec(-1000i64..1000, 0..50), exact(|inputs: &[i64]| inputs.iter().sum()));
    }

    #[test]
    #[should_panic(expected = "does not fit into `u8`")]
    fn an_overflow_is_no_small_number() {
        sum().merge_accumulators(&mut 200u8, 56);
    }
}
