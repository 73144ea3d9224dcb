//! What "largest" means: by `Ord`, by IEEE's total order for floats, or by a key.

use super::encoded;
use crate::Element;
use std::cmp::{Ordering, Reverse};
use std::marker::PhantomData;
use std::sync::Arc;

/// A type with an order: all that is `Ord`, and floats.
///
/// The parameter only keeps the two apart, [`ByOrd`] and [`ByTotalOrder`]; the compiler finds it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no order",
    label = "neither `Ord` nor a float",
    note = "give it one with `#[derive(PartialEq, Eq, PartialOrd, Ord)]`, or compare by a part of it: `max_by(|x| ..)` and the like"
)]
pub trait Ordered<By> {
    /// Compares two values.
    fn order(a: &Self, b: &Self) -> Ordering;
}

/// The order of [`Ord`]. Values that it finds equal count as the same value.
#[derive(Clone, Copy, Debug)]
pub struct ByOrd;

/// The order of [`f64::total_cmp`]: -0.0 is less than 0.0, and NaN is beyond the infinities on the side of its sign.
#[derive(Clone, Copy, Debug)]
pub struct ByTotalOrder;

impl<T: Ord> Ordered<ByOrd> for T {
    #[inline]
    fn order(a: &T, b: &T) -> Ordering {
        a.cmp(b)
    }
}

macro_rules! floats {
    ($($t:ident)*) => {$(
        #[diagnostic::do_not_recommend]
        impl Ordered<ByTotalOrder> for $t {
            #[inline]
            fn order(a: &$t, b: &$t) -> Ordering {
                a.total_cmp(b)
            }
        }

        #[diagnostic::do_not_recommend]
        impl Ordered<ByTotalOrder> for Reverse<$t> {
            #[inline]
            fn order(a: &Reverse<$t>, b: &Reverse<$t>) -> Ordering {
                b.0.total_cmp(&a.0)
            }
        }
    )*};
}
floats! { f32 f64 }

/// A total order of `T`.
pub trait Order<T>: Clone + Send + Sync + 'static {
    /// Compares two values.
    fn compare(&self, a: &T, b: &T) -> Ordering;
}

/// The type's own order.
#[derive(Debug)]
pub struct Natural<By>(PhantomData<fn() -> By>);

impl<By> Natural<By> {
    pub(super) const ORDER: Self = Natural(PhantomData);
}

impl<By> Clone for Natural<By> {
    fn clone(&self) -> Self {
        Natural(PhantomData)
    }
}

impl<T: Ordered<By>, By: 'static> Order<T> for Natural<By> {
    #[inline]
    fn compare(&self, a: &T, b: &T) -> Ordering {
        T::order(a, b)
    }
}

/// The other way round.
#[derive(Clone, Debug)]
pub struct Reversed<O>(pub(super) O);

impl<T, O: Order<T>> Order<T> for Reversed<O> {
    #[inline]
    fn compare(&self, a: &T, b: &T) -> Ordering {
        self.0.compare(b, a)
    }
}

/// The order of what a function makes of each value, and for values of one key that of their encodings: so which of
/// them is kept depends neither on bundles nor on the order in which they come.
pub struct ByKey<F, By> {
    key: Arc<F>,
    by: PhantomData<fn() -> By>,
}

impl<F, By> ByKey<F, By> {
    pub(super) fn new(key: F) -> Self {
        ByKey { key: Arc::new(key), by: PhantomData }
    }
}

impl<F, By> Clone for ByKey<F, By> {
    fn clone(&self) -> Self {
        ByKey { key: self.key.clone(), by: PhantomData }
    }
}

impl<T, S, F, By> Order<T> for ByKey<F, By>
where
    T: Element,
    S: Ordered<By>,
    F: Fn(&T) -> S + Send + Sync + 'static,
    By: 'static,
{
    #[inline]
    fn compare(&self, a: &T, b: &T) -> Ordering {
        S::order(&(self.key)(a), &(self.key)(b)).then_with(|| encoded::compare(a, b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_are_told_apart_by_encoding() {
        let by_length = ByKey::<_, ByOrd>::new(|word: &String| word.len());
        let compare = |a: &str, b: &str| by_length.compare(&a.to_owned(), &b.to_owned());
        assert_eq!(compare("z", "aa"), Ordering::Less);
        assert_eq!(compare("ab", "aa"), Ordering::Greater);
        assert_eq!(compare("ab", "ab"), Ordering::Equal);
    }

    #[test]
    fn floats_have_a_total_order() {
        let sorted = [f64::NEG_INFINITY, -0.0, 0.0, f64::INFINITY, f64::NAN];
        assert!(sorted.windows(2).all(|w| f64::order(&w[0], &w[1]) == Ordering::Less));
        assert!(sorted.windows(2).all(|w| Reverse::<f64>::order(&Reverse(w[0]), &Reverse(w[1])) == Ordering::Greater));
    }
}
