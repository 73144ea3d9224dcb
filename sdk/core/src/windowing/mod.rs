//! Windows and panes.

mod pane;
mod strategy;
pub mod trigger;
mod window;

pub use pane::{PaneInfo, Timing};
pub use strategy::WindowingStrategy;
pub use trigger::Trigger;
pub use window::Window;
