//! The largest and the smallest.

use super::{ByKey, CombineFn, Natural, Order, Ordered, Reversed, of_nothing};
use crate::Element;
use std::cmp::Ordering;
use std::marker::PhantomData;

/// The value that is last in an order; see [`max`] and [`min`].
pub struct Extreme<T, O> {
    order: O,
    of: PhantomData<fn() -> T>,
}

impl<T, O> Extreme<T, O> {
    fn new(order: O) -> Self {
        Extreme { order, of: PhantomData }
    }
}

/// The largest.
impl<T, By> Default for Extreme<T, Natural<By>> {
    fn default() -> Self {
        Extreme::new(Natural::ORDER)
    }
}

/// The smallest.
impl<T, By> Default for Extreme<T, Reversed<Natural<By>>> {
    fn default() -> Self {
        Extreme::new(Reversed(Natural::ORDER))
    }
}

impl<T, O: Clone> Clone for Extreme<T, O> {
    fn clone(&self) -> Self {
        Extreme::new(self.order.clone())
    }
}

/// Finds the largest value; of nothing there is none, and nothing is emitted.
///
/// ```
/// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
/// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
/// # direct.run(|root| {
/// let range = root.create([2.5, -1.0, f64::INFINITY]).combine_globally((min(), max()));
/// assert_that(&range).is_singleton((-1.0, f64::INFINITY));
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub fn max<T: Element + Ordered<By>, By: 'static>() -> Extreme<T, Natural<By>> {
    Extreme::new(Natural::ORDER)
}

/// Finds the smallest value; see [`max`].
pub fn min<T: Element + Ordered<By>, By: 'static>() -> Extreme<T, Reversed<Natural<By>>> {
    Extreme::new(Reversed(Natural::ORDER))
}

/// Finds the value with the largest key; among several the one with the largest encoding, so always the same one.
///
/// ```
/// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
/// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
/// # direct.run(|root| {
/// let words = root.create(["a", "ccc", "bb"].map(str::to_owned));
/// let both = words.combine_globally((min_by(|w: &String| w.len()), max_by(|w: &String| w.len())));
/// assert_that(&both).is_singleton(("a".to_owned(), "ccc".to_owned()));
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub fn max_by<T, S, By, F>(key: F) -> Extreme<T, ByKey<F, By>>
where
    T: Element,
    S: Ordered<By>,
    By: 'static,
    F: Fn(&T) -> S + Send + Sync + 'static,
{
    Extreme::new(ByKey::new(key))
}

/// Finds the value with the smallest key; see [`max_by`].
pub fn min_by<T, S, By, F>(key: F) -> Extreme<T, Reversed<ByKey<F, By>>>
where
    T: Element,
    S: Ordered<By>,
    By: 'static,
    F: Fn(&T) -> S + Send + Sync + 'static,
{
    Extreme::new(Reversed(ByKey::new(key)))
}

impl<T: Element, O: Order<T>> CombineFn for Extreme<T, O> {
    type In = T;
    type Acc = Option<T>;
    type Out = T;

    fn create_accumulator(&self) -> Option<T> {
        None
    }

    #[inline]
    fn add_input(&self, best: &mut Option<T>, input: T) {
        match best {
            Some(best) if self.order.compare(&input, best) != Ordering::Greater => (),
            _ => *best = Some(input),
        }
    }

    fn merge_accumulators(&self, into: &mut Option<T>, from: Option<T>) {
        if let Some(from) = from {
            self.add_input(into, from);
        }
    }

    fn extract_output(&self, best: Option<T>) -> T {
        best.unwrap_or_else(|| of_nothing("extreme"))
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
        laws(max(), vec(any::<i64>(), 1..30), exact(|inputs: &[i64]| *inputs.iter().max().unwrap()));
        laws(min(), vec("[a-c]{0,3}", 1..30), exact(|inputs: &[String]| inputs.iter().min().unwrap().clone()));
        let floats = prop_oneof![Just(f64::NAN), Just(-0.0), Just(0.0), Just(f64::INFINITY), any::<f64>()];
        let bits = |x: f64| x.to_bits();
        laws(min(), vec(floats, 1..30), move |inputs: &[f64], least| {
            let expected = inputs.iter().copied().min_by(f64::total_cmp).unwrap();
            if bits(expected) == bits(*least) { Ok(()) } else { Err(format!("not {expected}")) }
        });
    }

    /// Many inputs have one key, and yet the answer is one.
    #[test]
    fn laws_hold_with_keys() {
        let inputs = || vec((0u8..3, 0u8..20), 1..30);
        laws(max_by(|x: &(u8, u8)| x.0), inputs(), exact(|inputs: &[(u8, u8)]| *inputs.iter().max().unwrap()));
        laws(
            min_by(|x: &(u8, u8)| f64::from(x.0)),
            inputs(),
            exact(|inputs: &[(u8, u8)]| *inputs.iter().min().unwrap()),
        );
    }

    #[test]
    fn nothing_has_no_extreme() {
        assert_eq!(max::<u64, _>().default_output(), None);
    }
}
