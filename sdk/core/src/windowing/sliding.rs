//! Windows of one size, a new one each period.

use super::builder::Windowing;
use super::{Placed, Window, whole_millis};
use crate::Timestamp;
use crate::batch::WindowSet;
use std::time::Duration;

/// Windows of one size, a new one each period, aligned to the epoch.
///
/// An element is in all windows that hold its timestamp. A period longer than the size leaves gaps: what falls into them
/// is in no window and does not go on, so such windows sample.
///
/// ```
/// use ferrobeam_core::{prelude::*, time::*};
/// let the_last_hour_each_minute = SlidingWindows::of(hours(1)).every(minutes(1));
/// let a_second_each_minute = SlidingWindows::of(seconds(1)).every(minutes(1));
/// # Root::build(|root| {
/// #   root.create([1u64]).window(the_last_hour_each_minute).window(a_second_each_minute).discard();
/// #   Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlidingWindows {
    pub(super) size: i64,
    pub(super) period: i64,
    pub(super) offset: i64,
}

/// The size of sliding windows whose period is still to be said.
#[derive(Clone, Copy, Debug)]
#[must_use = "say how often a window starts: `.every(..)`"]
pub struct SlidingSize(Duration);

impl SlidingSize {
    /// A window starts so often.
    pub fn every(self, period: Duration) -> Windowing<SlidingWindows> {
        Windowing::new(SlidingWindows { size: whole_millis(self.0), period: whole_millis(period), offset: 0 })
    }
}

/// More windows for one element are taken for a mistake: it would go through each grouping as often.
const MOST_WINDOWS: i64 = 100_000;

impl SlidingWindows {
    /// Windows of this size, in whole milliseconds; [`every`](SlidingSize::every) says how often they start.
    pub fn of(size: Duration) -> SlidingSize {
        SlidingSize(size)
    }

    pub(super) fn mistake(&self) -> Option<String> {
        if self.size < 1 || self.period < 1 {
            return Some("size and period of sliding windows must be a millisecond or more".to_owned());
        }
        let windows = self.size / self.period;
        let too_many = || format!("each element would be in {windows} sliding windows; {MOST_WINDOWS} are allowed");
        (windows > MOST_WINDOWS).then(too_many)
    }

    /// Whether no two windows overlap.
    pub(super) fn is_disjoint(&self) -> bool {
        self.period >= self.size
    }

    /// The windows of a timestamp, earliest first, and the timestamps around it that are in the same ones.
    pub(super) fn place(&self, at: Timestamp) -> Placed {
        let (at, size, period) = (at.millis(), self.size.max(1), self.period.max(1));
        let last_start = at - (at - self.offset).rem_euclid(period);
        let left = size - (at - last_start);
        let windows = if left > 0 { (left - 1) / period + 1 } else { 0 };
        let first_start = last_start - (windows - 1) * period;
        // The set changes where a window starts, and where the earliest one ends or the one before it has ended.
        let next_start = last_start + period;
        let to = if windows == 0 { next_start } else { next_start.min(first_start + size) };
        let from = last_start.max(first_start - period + size);
        let starts = (0..windows).map(|i| first_start + i * period);
        let mut set: Vec<Window> = starts.map(|start| Window::cut(start, start + size)).collect();
        // Only windows that were cut at both ends of time can be equal.
        set.dedup();
        Placed { windows: WindowSet::from(set), from: Timestamp::from_millis(from), to: Timestamp::from_millis(to) }
    }
}

impl<S> Windowing<SlidingWindows, S> {
    /// Lets a window start so much after the epoch, and so all others.
    pub fn offset(mut self, offset: Duration) -> Self {
        self.windows.offset = whole_millis(offset) % self.windows.period.max(1);
        self
    }
}
