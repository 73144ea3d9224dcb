//! Assertions about collections, checked on the runner that computes them.

mod assert;

pub use assert::{PAssert, assert_that};

use crate::metrics::Counter;

/// Counts the assertions that ran.
pub(crate) const ASSERTIONS: Counter = Counter::new("ferrobeam", "assertions");
