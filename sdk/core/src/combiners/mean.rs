//! The mean.

use super::{CombineFn, Number, Total};
use std::marker::PhantomData;

/// See [`mean`].
#[derive(Clone, Debug)]
pub struct Mean<N>(PhantomData<fn() -> N>);

impl<N> Default for Mean<N> {
    fn default() -> Self {
        Mean(PhantomData)
    }
}

/// Computes the arithmetic mean of numbers of any type; the mean of nothing is NaN, as in Beam's other SDKs.
///
/// Integers of up to 64 bits are summed exactly and rounded once.
///
/// ```
/// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
/// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
/// # direct.run(|root| {
/// let mean = root.create([1u32, 2]).combine_globally(mean());
/// assert_that(&mean).is_singleton(1.5);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub fn mean<N: Number>() -> Mean<N> {
    Mean(PhantomData)
}

impl<N: Number> CombineFn for Mean<N> {
    type In = N;
    type Acc = (N::Total, u64);
    type Out = f64;

    fn create_accumulator(&self) -> Self::Acc {
        (N::Total::default(), 0)
    }

    #[inline]
    fn add_input(&self, (sum, n): &mut Self::Acc, input: N) {
        *sum = N::Total::add(*sum, N::total(input));
        *n += 1;
    }

    fn merge_accumulators(&self, (sum, n): &mut Self::Acc, from: Self::Acc) {
        *sum = N::Total::add(*sum, from.0);
        *n += from.1;
    }

    fn extract_output(&self, (sum, n): Self::Acc) -> f64 {
        sum.divide(n)
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
        let of_integers = |inputs: &[i64]| {
            let sum: i128 = inputs.iter().map(|&x| i128::from(x)).sum();
            if inputs.is_empty() { f64::NAN.to_bits() } else { (sum as f64 / inputs.len() as f64).to_bits() }
        };
        // By their bits: the mean of nothing is not equal to itself, and what is exact is exact to the last bit.
        laws(mean(), vec(any::<i64>(), 0..50), move |inputs, mean: &f64| {
            let expected = of_integers(inputs);
            (mean.is_nan() && inputs.is_empty() || mean.to_bits() == expected)
                .then_some(())
                .ok_or(format!("not {}", f64::from_bits(expected)))
        });
        laws(
            mean(),
            vec((-8i8..8).prop_map(f32::from), 1..50),
            exact(|inputs: &[f32]| inputs.iter().map(|&x| f64::from(x)).sum::<f64>() / inputs.len() as f64),
        );
    }
}
