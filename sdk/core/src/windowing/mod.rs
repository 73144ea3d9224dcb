//! Windows, triggers and panes: pure functions over time. Nothing here knows a clock, a watermark or a runner.

mod assign;
mod behavior;
mod builder;
mod calendar;
mod fixed;
mod global;
mod merge;
mod pane;
mod proto;
mod sessions;
mod sliding;
mod strategy;
#[cfg(test)]
mod tests;
pub mod trigger;
mod window;
mod window_fn;

pub(crate) use assign::assign;
pub use behavior::{AccumulationMode, ClosingBehavior, OnTimeBehavior, TimestampCombiner};
pub use builder::{Complete, CompleteWindowing, NeedsAccumulation, Windowing};
pub use calendar::CalendarWindows;
pub use fixed::FixedWindows;
pub use global::GlobalWindows;
pub use merge::{Merge, merge_overlapping};
pub use pane::{PaneInfo, Timing};
pub use sessions::Sessions;
pub use sliding::{SlidingSize, SlidingWindows};
pub use strategy::WindowingStrategy;
pub use trigger::Trigger;
pub use window::Window;
pub use window_fn::{CustomWindows, WindowFn, Windows};

use crate::Timestamp;
use std::time::Duration;
use window_fn::Placed;

/// A length in whole milliseconds, rounded down; no more than all of time.
fn whole_millis(length: Duration) -> i64 {
    const ALL: i64 = Timestamp::MAX.millis() - Timestamp::MIN.millis();
    i64::try_from(length.as_millis()).map_or(ALL, |millis| millis.min(ALL))
}
