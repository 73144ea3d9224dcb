//! Functions that combine the values of a key, or of a whole collection, into one.

mod sum;

pub use sum::{Number, Sum, sum};

use crate::Element;

/// Combines many values into one, in any order and in parts.
///
/// Laws: `merge_accumulators` is associative and commutative with `create_accumulator` as its neutral element, and
/// adding an input is the same as merging an accumulator that holds only that input. So a runner may combine what one
/// bundle has before the shuffle and merge accumulators after it.
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
}
