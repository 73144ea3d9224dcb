//! Windows that end after a gap without elements.

use super::builder::Windowing;
use super::{Window, whole_millis};
use crate::Timestamp;
use std::time::Duration;

/// Windows that end after a gap without elements, for each key.
///
/// An element's own window is the gap that it starts; windows of one key that overlap become one. Two elements that are
/// exactly the gap apart are in two sessions.
///
/// ```
/// use ferrobeam_core::{prelude::*, time::*};
/// let visits = Sessions::with_gap(minutes(30));
/// # Root::build(|root| {
/// #   root.create([1u64]).window(visits).discard();
/// #   Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sessions {
    pub(super) gap: i64,
}

impl Sessions {
    /// Sessions that end when so much time passes without an element, in whole milliseconds.
    pub fn with_gap(gap: Duration) -> Windowing<Sessions> {
        Windowing::new(Sessions { gap: whole_millis(gap) })
    }

    pub(super) fn mistake(&self) -> Option<String> {
        (self.gap < 1).then(|| "the gap of sessions must be a millisecond or more".to_owned())
    }

    #[inline]
    pub(super) fn window(&self, at: Timestamp) -> Window {
        Window::cut(at.millis(), at.millis() + self.gap.max(1))
    }
}
