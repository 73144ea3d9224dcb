//! What an element's event time is divided into.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A finite piece of event time; an element is in one or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Window {
    /// All of time: what collections are in unless they say otherwise.
    Global,
    /// From `start` up to, but without, `end`.
    Interval {
        /// The first timestamp inside.
        start: Timestamp,
        /// The first timestamp behind.
        end: Timestamp,
    },
}

/// The first millisecond behind the global window: no window ends later, so that timers at its end can still fire.
pub(super) const END: i64 = Timestamp::END_OF_GLOBAL_WINDOW.millis() + 1;

impl Window {
    /// Makes the window from `start` up to, but without, `end`.
    #[inline]
    #[must_use]
    pub const fn interval(start: Timestamp, end: Timestamp) -> Window {
        Window::Interval { start, end }
    }

    /// The interval between two numbers of milliseconds, cut to the time that there is.
    #[inline]
    pub(super) fn cut(start: i64, end: i64) -> Window {
        Window::interval(Timestamp::from_millis(start), Timestamp::from_millis(end.min(END)))
    }

    /// Returns the last timestamp inside: one millisecond before the end.
    #[inline]
    #[must_use]
    pub fn max_timestamp(&self) -> Timestamp {
        match self {
            Window::Global => Timestamp::END_OF_GLOBAL_WINDOW,
            Window::Interval { end, .. } => Timestamp::from_millis(end.millis() - 1),
        }
    }

    /// Tells whether `timestamp` is inside.
    #[inline]
    #[must_use]
    pub fn contains(&self, timestamp: Timestamp) -> bool {
        match self {
            Window::Global => true,
            Window::Interval { start, end } => (*start..*end).contains(&timestamp),
        }
    }

    /// Tells whether some timestamp is in both. Windows that only touch have none.
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    /// let at = Timestamp::from_millis;
    /// let (a, b, c) = (Window::interval(at(0), at(5)), Window::interval(at(5), at(9)), Window::interval(at(4), at(6)));
    /// assert!(!a.intersects(&b) && a.intersects(&c) && b.intersects(&c));
    /// ```
    #[inline]
    #[must_use]
    pub fn intersects(&self, other: &Window) -> bool {
        match (self, other) {
            (Window::Interval { start, end }, Window::Interval { start: other_start, end: other_end }) => {
                start < other_end && other_start < end
            }
            _ => true,
        }
    }

    /// Returns the smallest window that holds both.
    #[must_use]
    pub fn span(&self, other: &Window) -> Window {
        match (self, other) {
            (Window::Interval { start, end }, Window::Interval { start: other_start, end: other_end }) => {
                Window::interval(*start.min(other_start), *end.max(other_end))
            }
            _ => Window::Global,
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Window::Global => f.write_str("the global window"),
            Window::Interval { start, end } => write!(f, "[{start}, {end})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_timestamp_is_inside_and_the_next_is_not() {
        let (start, end) = (Timestamp::from_millis(10), Timestamp::from_millis(20));
        let window = Window::Interval { start, end };
        assert_eq!(window.max_timestamp(), Timestamp::from_millis(19));
        assert!(window.contains(start) && window.contains(window.max_timestamp()) && !window.contains(end));
        assert_eq!(Window::Global.max_timestamp().millis(), 9_223_371_950_454_775);
    }
}
