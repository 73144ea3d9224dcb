//! The sum.

use super::CombineFn;
use crate::Element;
use std::marker::PhantomData;
use std::ops::AddAssign;

/// What can be summed: all primitive integers and floats. An integer sum that overflows panics as it does in Rust:
/// in debug builds; in release builds it wraps.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be summed",
    label = "not a number",
    note = "a number is `Copy + Default + AddAssign` and an element; map to one first"
)]
pub trait Number: Element + Copy + Default + AddAssign {}

impl<T: Element + Copy + Default + AddAssign> Number for T {}

/// See [`sum`].
#[derive(Clone)]
pub struct Sum<N>(PhantomData<fn() -> N>);

/// Adds numbers up; nothing sums to zero.
pub fn sum<N: Number>() -> Sum<N> {
    Sum(PhantomData)
}

impl<N: Number> CombineFn for Sum<N> {
    type In = N;
    type Acc = N;
    type Out = N;

    fn create_accumulator(&self) -> N {
        N::default()
    }

    #[inline]
    fn add_input(&self, accumulator: &mut N, input: N) {
        *accumulator += input;
    }

    fn merge_accumulators(&self, into: &mut N, from: N) {
        *into += from;
    }

    fn extract_output(&self, accumulator: N) -> N {
        accumulator
    }
}
