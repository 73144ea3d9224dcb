//! Assertions about collections, checked on the runner that computes them.

mod assert;
mod test_stream;

pub use assert::{PAssert, assert_that};
pub use test_stream::{TestStream, TestStreamEvent};

use crate::metrics::Counter;

/// Counts the assertions that ran.
pub(crate) const ASSERTIONS: Counter = Counter::new("ferrobeam", "assertions");
