//! How many.

use super::CombineFn;
use crate::Element;
use std::marker::PhantomData;

/// See [`count`].
#[derive(Clone, Debug)]
pub struct Count<T>(PhantomData<fn() -> T>);

impl<T> Default for Count<T> {
    fn default() -> Self {
        Count(PhantomData)
    }
}

/// Counts elements of any type.
///
/// ```
/// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
/// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
/// # direct.run(|root| {
/// let counts = root.create([("a".to_owned(), 0.5), ("a".to_owned(), 0.5)]).combine_per_key(count());
/// assert_that(&counts).contains_in_any_order([("a".to_owned(), 2)]);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub fn count<T: Element>() -> Count<T> {
    Count(PhantomData)
}

impl<T: Element> CombineFn for Count<T> {
    type In = T;
    type Acc = u64;
    type Out = u64;

    fn create_accumulator(&self) -> u64 {
        0
    }

    #[inline]
    fn add_input(&self, n: &mut u64, _: T) {
        *n += 1;
    }

    fn merge_accumulators(&self, into: &mut u64, from: u64) {
        *into += from;
    }

    fn extract_output(&self, n: u64) -> u64 {
        n
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combiners::laws::{exact, laws};
    use proptest::collection::vec;

    #[test]
    fn laws_hold() {
        laws(count(), vec("[a-z]", 0..50), exact(|inputs: &[String]| inputs.len() as u64));
    }
}
