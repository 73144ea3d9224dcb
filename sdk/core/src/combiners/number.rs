//! What can be summed and averaged.

use crate::Element;
use crate::coder::{Decoded, KvCoder, LeafCoder, Via, ViaCoder};

/// A number, as `sum` and `mean` see it: all primitive integers and floats are, and a type of yours may be.
///
/// ```
/// use ferrobeam_core::prelude::*;
/// use ferrobeam_core::combiners::{Number, Wide};
/// use ferrobeam_core::coder::{Decoded, LeafCoder, Via, ViaCoder};
///
/// #[derive(Clone, Copy)]
/// struct Cents(i64);
///
/// impl Number for Cents {
///     type Total = Wide;
///     const ZERO: Cents = Cents(0);
///     fn add(a: Cents, b: Cents) -> Option<Cents> {
///         a.0.checked_add(b.0).map(Cents)
///     }
///     fn total(cents: Cents) -> Wide {
///         cents.0.into()
///     }
/// }
/// # impl Via for Cents {
/// #     type As = i64;
/// #     fn to(&self) -> i64 { self.0 }
/// #     fn from(cents: i64) -> Decoded<Self> { Ok(Cents(cents)) }
/// # }
/// # impl Element for Cents {
/// #     type Coder = ViaCoder<LeafCoder>;
/// #     type ListCoder = ferrobeam_core::coder::IterableCoder<ViaCoder<LeafCoder>>;
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be summed or averaged",
    label = "not a number",
    note = "integers and floats can; map to one first, or write `impl Number for {Self}`"
)]
pub trait Number: Element + Copy {
    /// What many numbers add up to where their own type is too small.
    type Total: Total;

    /// The sum of nothing.
    const ZERO: Self;

    /// Adds two numbers; none if the result has no place in the type.
    fn add(a: Self, b: Self) -> Option<Self>;

    /// The number as a total.
    fn total(number: Self) -> Self::Total;
}

/// A sum with room for any number of summands; the default is zero.
pub trait Total: Element + Copy + Default {
    /// Adds two totals.
    fn add(a: Self, b: Self) -> Self;

    /// Takes the second total out of the first.
    fn subtract(a: Self, b: Self) -> Self;

    /// The share of each of `n`.
    fn divide(self, n: u64) -> f64;
}

/// A sum of integers of at most 64 bits: exact, and so the same in any order.
///
/// Two halves instead of an `i128`, whose alignment would pad the tables of a grouping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wide {
    high: i64,
    low: u64,
}

impl From<i128> for Wide {
    #[inline]
    fn from(sum: i128) -> Wide {
        Wide { high: (sum >> 64) as i64, low: sum as u64 }
    }
}

impl From<i64> for Wide {
    #[inline]
    fn from(sum: i64) -> Wide {
        i128::from(sum).into()
    }
}

impl From<Wide> for i128 {
    #[inline]
    fn from(Wide { high, low }: Wide) -> i128 {
        i128::from(high) << 64 | i128::from(low)
    }
}

impl Total for Wide {
    #[inline]
    fn add(a: Wide, b: Wide) -> Wide {
        // 2^64 summands of 2^64 fit exactly, and no count of summands is larger.
        i128::from(a).wrapping_add(b.into()).into()
    }

    fn subtract(a: Wide, b: Wide) -> Wide {
        i128::from(a).wrapping_sub(b.into()).into()
    }

    fn divide(self, n: u64) -> f64 {
        i128::from(self) as f64 / n as f64
    }
}

/// Zigzag, so that small sums of either sign are short.
impl Via for Wide {
    type As = (u64, u64);

    fn to(&self) -> (u64, u64) {
        let sum = i128::from(*self);
        let zigzag = (sum << 1 ^ sum >> 127).cast_unsigned();
        ((zigzag >> 64) as u64, zigzag as u64)
    }

    fn from((high, low): (u64, u64)) -> Decoded<Self> {
        let zigzag = u128::from(high) << 64 | u128::from(low);
        Ok(((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed()).into())
    }
}

impl Element for Wide {
    type Coder = ViaCoder<KvCoder<LeafCoder, LeafCoder>>;
    type ListCoder = crate::coder::IterableCoder<Self::Coder>;
}

impl Total for f64 {
    #[inline]
    fn add(a: f64, b: f64) -> f64 {
        a + b
    }

    fn subtract(a: f64, b: f64) -> f64 {
        a - b
    }

    fn divide(self, n: u64) -> f64 {
        self / n as f64
    }
}

macro_rules! integers {
    ($total:ident via $via:ident: $($t:ident)*) => {$(
        impl Number for $t {
            type Total = $total;
            const ZERO: $t = 0;
            #[inline]
            fn add(a: $t, b: $t) -> Option<$t> {
                a.checked_add(b)
            }
            #[inline]
            fn total(number: $t) -> $total {
                (number as $via).into()
            }
        }
    )*};
}
integers! { Wide via i128: i8 i16 i32 i64 isize u8 u16 u32 u64 usize }
// Their means are rounded to an `f64` in any case.
integers! { f64 via f64: i128 u128 }

macro_rules! floats {
    ($($t:ident)*) => {$(
        impl Number for $t {
            type Total = f64;
            const ZERO: $t = 0.0;
            #[inline]
            fn add(a: $t, b: $t) -> Option<$t> {
                Some(a + b)
            }
            #[inline]
            fn total(number: $t) -> f64 {
                f64::from(number)
            }
        }
    )*};
}
floats! { f32 f64 }

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coder::{self, Coder};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_wide_sum_is_an_i128(a: i128, b: i128) {
            let wide = Wide::add(a.into(), b.into());
            prop_assert_eq!(i128::from(wide), a.wrapping_add(b));
            let mut bytes = Vec::new();
            coder::of::<Wide>().encode(&wide, &mut bytes).unwrap();
            prop_assert_eq!(coder::decode_all(&coder::of::<Wide>(), &bytes), Ok(wide));
        }

        #[test]
        fn small_sums_are_short(sum in -64i64..64) {
            let mut bytes = Vec::new();
            let sum: Wide = sum.into();
            coder::of::<Wide>().encode(&sum, &mut bytes).unwrap();
            prop_assert_eq!(bytes.len(), 2);
        }
    }
}
