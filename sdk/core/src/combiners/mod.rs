//! Functions that combine the values of a key, or of a whole collection, into one.
//!
//! They are made by functions with the names of what they compute ([`sum`], [`largest`], [`quantiles`]), and they go
//! into [`combine_per_key`](crate::PCollection::combine_per_key) and
//! [`combine_globally`](crate::PCollection::combine_globally); most have verbs of their own
//! ([`sum_per_key`](crate::PCollection::sum_per_key)). A tuple of them computes all in one pass, and
//! [`on`](CombineFn::on) feeds one with a part of each element:
//!
//! ```
//! # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
//! # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
//! # direct.run(|root| {
//! let purchases = root.create([("ann".to_owned(), (2u32, 0.5)), ("ann".to_owned(), (1, 2.5))]);
//! let items = sum().on(|(items, _price): (u32, f64)| items);
//! let dearest = max().on(|(_items, price): (u32, f64)| price);
//! let report = purchases.combine_per_key((count(), items, dearest));
//! assert_that(&report).contains_in_any_order([("ann".to_owned(), (2, 3, 2.5))]);
//! # Ok(())
//! # })?;
//! # Ok::<(), ferrobeam_core::Error>(())
//! ```

mod approximate_distinct;
mod compose;
mod count;
pub(crate) mod encoded;
mod extreme;
mod frequent;
mod latest;
#[cfg(test)]
pub(crate) mod laws;
mod mean;
mod number;
mod on;
mod order;
mod quantiles;
mod sample;
mod sum;
mod to_list;
mod top;

pub use approximate_distinct::{ApproximateDistinct, DistinctSketch, approximate_distinct};
pub use count::{Count, count};
pub use extreme::{Extreme, max, max_by, min, min_by};
pub use frequent::{Counted, Frequent, FrequentSketch, frequent};
pub use latest::{Latest, latest};
pub use mean::{Mean, mean};
pub use number::{Number, Total, Wide};
pub use on::On;
pub use order::{ByKey, ByOrd, ByTotalOrder, Natural, Order, Ordered, Reversed};
pub use quantiles::{QuantileSketch, Quantiles, quantiles, quantiles_by};
pub use sample::{Reservoir, Sample, sample};
pub use sum::{Sum, sum};
pub use to_list::{ToList, to_list};
pub use top::{Top, largest, largest_by, smallest, smallest_by};

use crate::Element;

/// Combines many values into one, in any order and in parts.
///
/// Laws: `merge_accumulators` is associative and commutative with `create_accumulator` as its neutral element, and
/// adding an input is the same as merging an accumulator that holds only that input. So a runner may combine what one
/// bundle has before the shuffle and merge accumulators after it. ("The same" is up to what the function promises: an
/// approximate one may differ within its error.)
///
/// ```
/// use ferrobeam_core::prelude::*;
///
/// #[derive(Clone)]
/// struct Longest;
///
/// impl CombineFn for Longest {
///     type In = String;
///     type Acc = String;
///     type Out = u64;
///     fn create_accumulator(&self) -> String {
///         String::new()
///     }
///     fn add_input(&self, longest: &mut String, word: String) {
///         self.merge_accumulators(longest, word);
///     }
///     fn merge_accumulators(&self, longest: &mut String, other: String) {
///         if other.len() > longest.len() {
///             *longest = other;
///         }
///     }
///     fn extract_output(&self, longest: String) -> u64 {
///         longest.len() as u64
///     }
/// }
/// ```
pub trait CombineFn: Clone + Send + Sync + 'static {
    /// What is combined.
    type In: Element;
    /// What a part of the values has come to.
    type Acc: Element;
    /// The result.
    type Out: Element;

    /// Whether combining before the shuffle makes the data smaller. Collecting all values does not.
    const LIFTS: bool = true;

    /// The accumulator of no values.
    fn create_accumulator(&self) -> Self::Acc;

    /// Adds a value.
    fn add_input(&self, accumulator: &mut Self::Acc, input: Self::In);

    /// Adds what another part has come to.
    fn merge_accumulators(&self, into: &mut Self::Acc, from: Self::Acc);

    /// The result of all values.
    fn extract_output(&self, accumulator: Self::Acc) -> Self::Out;

    /// The same result, of an accumulator that goes on: for panes of windows that accumulate. Worth writing where a clone of the
    /// accumulator is dear and the result is not.
    fn peek_output(&self, accumulator: &Self::Acc) -> Self::Out {
        self.extract_output(accumulator.clone())
    }

    /// The result of no values, which [`combine_globally`](crate::PCollection::combine_globally) emits for an empty
    /// collection: the output of an empty accumulator, or none where there is none, as nothing has no largest element.
    fn default_output(&self) -> Option<Self::Out> {
        Some(self.extract_output(self.create_accumulator()))
    }

    /// The same function of what `f` makes of each element; see the [module](self).
    fn on<X: Element, F>(self, f: F) -> On<Self, X, F>
    where
        F: Fn(X) -> Self::In + Send + Sync + 'static,
    {
        On::new(self, f)
    }
}

/// What `extract_output` does where no values have no result. No runner asks: a key has a value, and an empty
/// collection has [`CombineFn::default_output`].
#[cold]
pub(crate) fn of_nothing(what: &str) -> ! {
    panic!("the {what} of no values was asked for")
}
