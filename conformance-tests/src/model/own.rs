//! A window function of one's own.

use ferrobeam::batch::WindowSet;
use ferrobeam::prelude::*;
use ferrobeam::time::{millis, seconds};

/// Two windows that take turns: 12 seconds, then 8.
#[derive(Debug)]
pub(super) struct Shifts;

impl WindowFn for Shifts {
    fn assign(&self, at: Timestamp, _: Window) -> WindowSet {
        let into = at.millis().rem_euclid(20_000);
        let start = at - millis(into.unsigned_abs());
        let change = start + seconds(12);
        if into < 12_000 {
            Window::interval(start, change).into()
        } else {
            Window::interval(change, start + seconds(20)).into()
        }
    }

    fn assigns_to_one_window(&self) -> bool {
        true
    }
}
