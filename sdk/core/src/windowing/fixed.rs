//! Windows of one size, one after another.

use super::builder::Windowing;
use super::{Window, whole_millis};
use crate::Timestamp;
use std::time::Duration;

/// Windows of one size, one after another, aligned to the epoch.
///
/// ```
/// use ferrobeam_core::{prelude::*, time::*};
/// let hours_at_half_past = FixedWindows::of(hours(1)).offset(minutes(30));
/// # Root::build(|root| {
/// #   root.create([1u64]).window(hours_at_half_past).discard();
/// #   Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FixedWindows {
    pub(super) size: i64,
    pub(super) offset: i64,
}

impl FixedWindows {
    /// Windows of this size, in whole milliseconds.
    pub fn of(size: Duration) -> Windowing<FixedWindows> {
        Windowing::new(FixedWindows { size: whole_millis(size), offset: 0 })
    }

    pub(super) fn mistake(&self) -> Option<String> {
        (self.size < 1).then(|| "fixed windows must be a millisecond long or more".to_owned())
    }

    #[inline]
    pub(super) fn window(&self, at: Timestamp) -> Window {
        let at = at.millis();
        let start = at - (at - self.offset).rem_euclid(self.size.max(1));
        Window::cut(start, start + self.size.max(1))
    }
}

impl<S> Windowing<FixedWindows, S> {
    /// Lets a window start so much after the epoch, and so all others.
    pub fn offset(mut self, offset: Duration) -> Self {
        self.windows.offset = whole_millis(offset) % self.windows.size.max(1);
        self
    }
}
