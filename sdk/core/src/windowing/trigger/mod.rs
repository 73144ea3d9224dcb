//! When a grouping emits what it has of a key and window.
//!
//! A [`Trigger`] is data: it is built with the functions below, nested at will, and travels in the graph as Beam's own
//! message.
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

mod build;
mod proto;
mod rules;

pub use build::{
    AfterProcessingTime, AfterWatermark, after_all, after_any, after_count, after_delay, after_each,
    after_synchronized_processing_time, repeatedly,
};
pub use proto::TriggerError;

use std::time::Duration;

/// When a grouping emits a pane of a key and window.
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
    /// Once, when all workers upstream have passed the processing time of the pane's first element.
    AfterSynchronizedProcessingTime,
    /// Once, when the pane has at least this many elements.
    AfterCount(u32),
    /// As each of these in turn: when one has finished, the next begins.
    AfterEach(Vec<Trigger>),
    /// Once, when all of these want to.
    AfterAll(Vec<Trigger>),
    /// Once, when any of these wants to.
    AfterAny(Vec<Trigger>),
    /// As this one, again and again.
    Repeatedly(Box<Trigger>),
    /// As the first one, until the second one fires or the first one finishes.
    OrFinally(Box<Trigger>, Box<Trigger>),
    /// With every element.
    Always,
    /// Only when the window is closed.
    Never,
}

/// A step from the processing time of an element to that of a firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimestampTransform {
    /// So much later.
    Delay(Duration),
    /// At the next boundary of periods that start at the epoch plus an offset; a time on a boundary stays.
    AlignTo {
        /// The length between boundaries.
        period: Duration,
        /// Where the boundaries lie.
        offset: Duration,
    },
}
