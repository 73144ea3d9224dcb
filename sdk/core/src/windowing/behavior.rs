//! The choices of a windowing besides its windows and trigger.

use super::Window;
use crate::Timestamp;

/// What the second and later panes of a key and window contain.
///
/// Retracting panes, Beam's third mode, are refused for now: their elements will carry a sign, as metadata beside pane
/// and windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AccumulationMode {
    /// What has come since the pane before.
    #[default]
    Discarding,
    /// All that has come so far.
    Accumulating,
}

/// The timestamp of what a grouping emits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TimestampCombiner {
    /// The last timestamp of the window.
    #[default]
    EndOfWindow,
    /// The earliest of the pane's elements. It holds back the watermark behind the grouping until the pane has fired.
    Earliest,
    /// The latest of the pane's elements.
    Latest,
}

impl TimestampCombiner {
    /// Returns what one element contributes to the timestamp of its pane.
    ///
    /// Never beyond the window's last timestamp: a user's window may lie before its element.
    #[inline]
    #[must_use]
    pub fn assign(self, window: Window, at: Timestamp) -> Timestamp {
        match self {
            TimestampCombiner::EndOfWindow => window.max_timestamp(),
            TimestampCombiner::Earliest | TimestampCombiner::Latest => at.min(window.max_timestamp()),
        }
    }

    /// Combines the contributions of two elements of one window.
    #[inline]
    #[must_use]
    pub fn combine(self, a: Timestamp, b: Timestamp) -> Timestamp {
        match self {
            TimestampCombiner::Earliest => a.min(b),
            TimestampCombiner::EndOfWindow | TimestampCombiner::Latest => a.max(b),
        }
    }

    /// Combines the contributions of windows that became one; `None` of none.
    #[must_use]
    pub fn merge(self, into: Window, times: impl IntoIterator<Item = Timestamp>) -> Option<Timestamp> {
        let combined = times.into_iter().reduce(|a, b| self.combine(a, b))?;
        Some(if self == TimestampCombiner::EndOfWindow { into.max_timestamp() } else { combined })
    }
}

/// Whether a window that closes emits a last pane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ClosingBehavior {
    /// Always, even an empty one.
    EmitAlways,
    /// If something has come since the pane before.
    #[default]
    EmitIfNonempty,
}

/// Whether a pane fires when the watermark passes the end of its window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnTimeBehavior {
    /// Always, even an empty one, if the key has had an element in the window.
    #[default]
    FireAlways,
    /// If something has come since the pane before.
    FireIfNonempty,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// In whatever order elements come and windows merge, their pane has the same timestamp, inside its window.
        #[test]
        fn a_timestamp_does_not_depend_on_order(
            mut times in proptest::collection::vec(0i64..100, 1..20),
            cut in 0usize..20,
        ) {
            let at = Timestamp::from_millis;
            let window = Window::interval(at(0), at(100));
            let half = Window::interval(at(0), at(60));
            for combiner in [TimestampCombiner::EndOfWindow, TimestampCombiner::Earliest, TimestampCombiner::Latest] {
                let fold = |times: &[i64], window| {
                    let each = times.iter().map(|&t| combiner.assign(window, at(t)));
                    each.reduce(|a, b| combiner.combine(a, b))
                };
                let whole = fold(&times, window).unwrap();
                prop_assert!(window.contains(whole));
                let (a, b) = times.split_at(cut.min(times.len()));
                let parts = [fold(a, window), fold(b, window)].into_iter().flatten();
                prop_assert_eq!(combiner.merge(window, parts), Some(whole));
                let merged = combiner.merge(window, fold(&times, half));
                prop_assert!(merged <= Some(whole));
                times.reverse();
                prop_assert_eq!(fold(&times, window), Some(whole));
            }
        }
    }
}
