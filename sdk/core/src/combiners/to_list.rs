//! All values.

use super::CombineFn;
use crate::Element;
use std::marker::PhantomData;

/// See [`to_list`].
#[derive(Clone, Debug)]
pub struct ToList<T>(PhantomData<fn() -> T>);

impl<T> Default for ToList<T> {
    fn default() -> Self {
        ToList(PhantomData)
    }
}

/// Collects all values, in no particular order: they must fit into memory.
///
/// ```
/// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
/// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
/// # direct.run(|root| {
/// let lists = root.create([(1u64, 'a'), (2, 'b')]).combine_per_key(to_list());
/// assert_that(&lists).contains_in_any_order([(1, vec!['a']), (2, vec!['b'])]);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub fn to_list<T: Element>() -> ToList<T> {
    ToList(PhantomData)
}

impl<T: Element> CombineFn for ToList<T> {
    type In = T;
    type Acc = Vec<T>;
    type Out = Vec<T>;
    const LIFTS: bool = false;

    fn create_accumulator(&self) -> Vec<T> {
        Vec::new()
    }

    #[inline]
    fn add_input(&self, list: &mut Vec<T>, input: T) {
        list.push(input);
    }

    fn merge_accumulators(&self, into: &mut Vec<T>, mut from: Vec<T>) {
        // The longer one stays where it is.
        if into.len() < from.len() {
            std::mem::swap(into, &mut from);
        }
        into.append(&mut from);
    }

    fn extract_output(&self, list: Vec<T>) -> Vec<T> {
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combiners::laws::laws;
    use proptest::collection::vec;

    #[test]
    fn laws_hold() {
        laws(to_list(), vec("[a-c]{0,2}", 0..30), |inputs: &[String], list| {
            let (mut expected, mut found) = (inputs.to_vec(), list.clone());
            expected.sort();
            found.sort();
            if expected == found { Ok(()) } else { Err("not the same values".to_owned()) }
        });
    }
}
