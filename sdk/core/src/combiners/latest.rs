//! The newest value.

use super::{CombineFn, encoded, of_nothing};
use crate::{Element, Timestamp};
use std::cmp::Ordering;
use std::marker::PhantomData;

/// See [`latest`].
#[derive(Clone, Debug)]
pub struct Latest<T>(PhantomData<fn() -> T>);

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Latest(PhantomData)
    }
}

/// Finds the value with the latest timestamp; among several the one with the largest encoding, so always the same one.
///
/// Its input is a pair of timestamp and value, for time is not part of a value;
/// [`latest_per_key`](crate::PCollection::latest_per_key) and
/// [`latest_globally`](crate::PCollection::latest_globally) make that pair of each element's own timestamp.
///
/// ```
/// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
/// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
/// # direct.run(|root| {
/// let at = Timestamp::from_millis;
/// let states = root.create([(at(10), "on".to_owned()), (at(20), "off".to_owned())]);
/// assert_that(&states.combine_globally(latest())).is_singleton("off".to_owned());
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub fn latest<T: Element>() -> Latest<T> {
    Latest(PhantomData)
}

impl<T: Element> CombineFn for Latest<T> {
    type In = (Timestamp, T);
    type Acc = Option<(Timestamp, T)>;
    type Out = T;

    fn create_accumulator(&self) -> Self::Acc {
        None
    }

    #[inline]
    fn add_input(&self, latest: &mut Self::Acc, input: Self::In) {
        match latest {
            Some((time, value))
                if input.0.cmp(time).then_with(|| encoded::compare(&input.1, value)) != Ordering::Greater => {}
            _ => *latest = Some(input),
        }
    }

    fn merge_accumulators(&self, into: &mut Self::Acc, from: Self::Acc) {
        if let Some(from) = from {
            self.add_input(into, from);
        }
    }

    fn extract_output(&self, latest: Self::Acc) -> T {
        latest.map_or_else(|| of_nothing("latest"), |(_, value)| value)
    }

    fn default_output(&self) -> Option<T> {
        None
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
        // Few timestamps, so that many are equal.
        let inputs = vec(((0i64..4).prop_map(Timestamp::from_millis), 0u8..100), 1..30);
        laws(latest(), inputs, exact(|inputs: &[(Timestamp, u8)]| inputs.iter().max().unwrap().1));
    }
}
