//! Which firing of a window a value belongs to.

use crate::Element;
use serde::{Deserialize, Serialize};

/// When a pane fired, seen from the watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Element)]
pub enum Timing {
    /// Before the watermark passed the end of the window.
    Early,
    /// As the watermark passed the end of the window; at most one pane of a window.
    OnTime,
    /// After the on-time pane.
    Late,
    /// It did not come out of a grouping.
    Unknown,
}

/// Which firing of its key and window a value belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Element)]
pub struct PaneInfo {
    /// When it fired.
    pub timing: Timing,
    /// How many panes fired before, early ones too.
    pub index: u64,
    /// How many panes that are not early fired before; -1 for an early pane.
    pub nonspeculative_index: i64,
    /// Whether it is the first pane.
    pub is_first: bool,
    /// Whether no pane can follow.
    pub is_last: bool,
}

impl PaneInfo {
    /// The pane of a value that no trigger has fired.
    pub const NO_FIRING: PaneInfo =
        PaneInfo { timing: Timing::Unknown, index: 0, nonspeculative_index: 0, is_first: true, is_last: true };
}

impl Default for PaneInfo {
    fn default() -> Self {
        PaneInfo::NO_FIRING
    }
}
