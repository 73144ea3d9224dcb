//! When a grouping emits what it has of a key and window.
//!
//! A [`Trigger`] is data: built with the functions below, nested at will, and carried by the graph as Beam's own
//! message. While it runs, a grouping keeps one small [`TriggerState`] for each key and window; a trigger and its state
//! see elements, the watermark and processing time only through a [`TriggerContext`], never a clock.
//!
//! Each trigger has a file of its own with what its author writes and what it does.
//!
//! ```
//! use ferrobeam_core::time::seconds;
//! use ferrobeam_core::windowing::trigger::*;
//!
//! let trigger: Trigger = AfterWatermark::new().early(after_delay(seconds(10))).late(after_count(1)).into();
//! assert_eq!(
//!     trigger.to_string(),
//!     "AfterWatermark(early = AfterProcessingTime(delay 10s), late = AfterCount(1))"
//! );
//! ```

mod after_all;
mod after_any;
mod after_count;
mod after_each;
mod after_processing_time;
mod after_synchronized_processing_time;
mod after_watermark;
mod always;
mod default;
mod machine;
mod never;
mod or_finally;
mod proto;
mod repeatedly;
mod rules;
#[cfg(test)]
mod script;
mod state;

pub use after_all::after_all;
pub use after_any::after_any;
pub use after_count::after_count;
pub use after_each::after_each;
pub use after_processing_time::{AfterProcessingTime, TimestampTransform, after_delay};
pub use after_synchronized_processing_time::after_synchronized_processing_time;
pub use after_watermark::AfterWatermark;
pub use proto::TriggerError;
pub use repeatedly::repeatedly;
pub use state::{Deadlines, TriggerContext, TriggerState};

/// When a grouping emits a pane of a key and window.
///
/// A pane is what has come since the last firing. A trigger that has *finished* never fires again, and what comes then
/// is lost: [`may_lose_data`](Trigger::may_lose_data) tells which triggers can do that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// Once the watermark passes the window's end, then with every late element: Beam's default.
    #[default]
    Default,
    /// Once the watermark passes the window's end; before and after it as often as the given triggers fire.
    AfterWatermark {
        /// Fires early panes, repeatedly.
        early: Option<Box<Trigger>>,
        /// Fires late panes, repeatedly; without it the trigger finishes with the on-time pane.
        late: Option<Box<Trigger>>,
    },
    /// Once, when processing time reaches that of the pane's first element, transformed in this order.
    AfterProcessingTime(Vec<TimestampTransform>),
    /// Once, when all work upstream has passed the processing time of the pane's first element.
    AfterSynchronizedProcessingTime,
    /// Once, when the pane has at least this many elements.
    AfterCount(u32),
    /// As each of these in turn: when one has finished, the next begins.
    AfterEach(Vec<Trigger>),
    /// When all of these want to fire; finishes when all have finished.
    AfterAll(Vec<Trigger>),
    /// When any of these wants to fire; finishes when one has finished.
    AfterAny(Vec<Trigger>),
    /// As this one, again and again: when it has finished it starts anew.
    Repeatedly(Box<Trigger>),
    /// As the first one, until it has finished or the second one has fired.
    OrFinally(Box<Trigger>, Box<Trigger>),
    /// With every element.
    Always,
    /// Not before the window closes.
    Never,
}
