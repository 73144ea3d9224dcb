//! What runners decide, without saying how: pure state machines over numbers and times.
//!
//! Nothing here has a type parameter, a thread, a clock or randomness. Keys and accumulators are numbers of a store that
//! lives elsewhere; time comes in as an argument; what is to be done goes out as a list of commands.

pub mod grouping;
mod holds;
mod watermark;

pub use grouping::{Dropped, Grouping, Now, Row, Saved};
pub use holds::Holds;
pub use watermark::{NodeId, Passing, Watermarks};
