//! Assertions about collections, simulations of whole pipelines, and the laws of what users write themselves.
//!
//! [`assert_that`] says what a collection holds; [`simulate`] runs a pipeline under a thousand schedules and finds what
//! only holds under some.

mod compare;
mod promise;
mod shrink;
mod side_effects;
mod simulate;

pub use ferrobeam_core::testing::*;
pub use side_effects::SideEffects;
pub use simulate::{Simulation, simulate};
