//! Windows and panes.

mod pane;
mod window;

pub use pane::{PaneInfo, Timing};
pub use window::Window;
