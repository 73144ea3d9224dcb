//! All that a pipeline's author names. No threads, sockets or clock; no runner.

// Derived code says `::ferrobeam::..`; inside this crate that is this crate.
extern crate self as ferrobeam;

pub mod coder;
mod element;
pub mod time;
pub mod windowing;

#[doc(hidden)]
pub use coder::derived as __private;
pub use coder::{Coder, CoderError};
pub use element::{Element, Key, Pair};
pub use ferrobeam_derive::Element;
pub use time::Timestamp;
