//! How a collection is windowed.

use super::{AccumulationMode, ClosingBehavior, OnTimeBehavior, TimestampCombiner, Trigger, Window, Windows};
use crate::Timestamp;
use std::time::Duration;

/// How a collection is windowed, and when a grouping of it emits what. The defaults are Beam's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WindowingStrategy {
    /// The windows.
    pub windows: Windows,
    /// Whether a grouping has merged the windows already, so that the next one takes them as they are.
    pub already_merged: bool,
    /// When a grouping emits a pane.
    pub trigger: Trigger,
    /// What later panes contain.
    pub accumulation_mode: AccumulationMode,
    /// The timestamp of a pane.
    pub timestamp_combiner: TimestampCombiner,
    /// Whether a window that closes emits a last pane.
    pub closing_behavior: ClosingBehavior,
    /// Whether a pane fires at the end of its window.
    pub on_time_behavior: OnTimeBehavior,
    /// How long a window stays open after the watermark has passed its end, in whole milliseconds.
    pub allowed_lateness: Duration,
}

impl WindowingStrategy {
    /// The global window, firing with every element: what a reshuffle uses inside.
    pub(crate) fn always() -> WindowingStrategy {
        WindowingStrategy { trigger: Trigger::Always, ..WindowingStrategy::default() }
    }

    /// Tells whether a grouping must merge windows.
    #[must_use]
    pub fn needs_merge(&self) -> bool {
        !self.already_merged && self.windows.is_merging()
    }

    /// Returns when a window is closed: its state goes and nothing more is taken for it, once the watermark is beyond this.
    #[must_use]
    pub fn garbage_collection_time(&self, window: Window) -> Timestamp {
        window.max_timestamp().saturating_add(self.allowed_lateness).min(Timestamp::END_OF_GLOBAL_WINDOW)
    }

    /// Returns the strategy of what a grouping makes: windows are merged, and what fired goes on at once.
    #[must_use]
    pub fn after_grouping(&self) -> WindowingStrategy {
        WindowingStrategy {
            already_merged: self.windows.is_merging(),
            trigger: self.trigger.continuation(),
            ..self.clone()
        }
    }

    /// Tells why a grouping of unbounded data with this strategy would never emit anything, if so.
    pub(crate) fn never_fires(&self) -> Option<&'static str> {
        let never = self.windows == Windows::Global && self.trigger == Trigger::Default;
        never.then_some("the global window of unbounded data does not end: give it a trigger, or other windows")
    }

    /// Returns the strategy of this collection and another in one.
    ///
    /// # Errors
    /// What they differ in, for a step behind could not do both. Lateness may differ, the longer one counts; windows that
    /// are merged already may merge again with those that are not.
    pub(crate) fn flatten(&self, other: &WindowingStrategy) -> Result<WindowingStrategy, String> {
        let differ = |what: &str, a: &dyn std::fmt::Display, b: &dyn std::fmt::Display| {
            Err(format!("its inputs have different {what}: {a}, and {b}"))
        };
        if self.windows != other.windows {
            return differ("windows", &self.windows, &other.windows);
        }
        if self.trigger != other.trigger {
            return differ("triggers", &self.trigger, &other.trigger);
        }
        let rest = |s: &WindowingStrategy| {
            let (closing, on_time) = (s.closing_behavior, s.on_time_behavior);
            format!("{:?}, {:?}, {closing:?}, {on_time:?}", s.accumulation_mode, s.timestamp_combiner)
        };
        if rest(self) != rest(other) {
            return differ("windowings", &rest(self), &rest(other));
        }
        Ok(WindowingStrategy {
            already_merged: self.already_merged && other.already_merged,
            allowed_lateness: self.allowed_lateness.max(other.allowed_lateness),
            ..self.clone()
        })
    }
}
