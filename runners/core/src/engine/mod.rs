//! What runners decide, without saying how: pure state machines over numbers and times.
//!
//! Nothing here has a type parameter, a thread, a clock or randomness. Keys and accumulators of groupings are numbers of a
//! store that lives elsewhere, keys and state of stateful steps are bytes; time comes in as an argument; what is to be done
//! goes out as a list of commands, or is asked for.

pub mod grouping;
mod holds;
mod key;
mod parked;
mod side_inputs;
mod state;
mod timers;
mod watermark;

pub use grouping::{Dropped, Grouping, Now, Row, Saved, fires_once};
pub use holds::Holds;
pub use parked::{Parked, ParkedWindows};
pub use side_inputs::{Side, Sides};
pub use state::States;
pub use timers::{Due, PendingTimer, Timers};
pub use watermark::{NodeId, Passing, Watermarks};
