//! Assertions about collections, checked on the runner that computes them, and the laws of what users write themselves.

mod assert;
mod restriction;
mod test_stream;

pub use assert::{PAssert, assert_that};
pub use restriction::{BrokenLaw, check_splits};
pub use test_stream::{TestStream, TestStreamEvent};

use crate::metrics::Counter;

/// Counts the assertions that ran.
pub(crate) const ASSERTIONS: Counter = Counter::new("ferrobeam", "assertions");
