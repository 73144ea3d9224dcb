//! Windows and panes.

mod pane;
mod strategy;
mod window;

pub use pane::{PaneInfo, Timing};
pub use strategy::WindowingStrategy;
pub use window::Window;
