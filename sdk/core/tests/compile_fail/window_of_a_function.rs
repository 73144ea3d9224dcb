//! A function of windows is not a windowing yet, and neither is a length.
use ferrobeam_core::{prelude::*, time::*};

#[derive(Debug)]
struct Mine;

impl WindowFn for Mine {
    fn assign(&self, at: Timestamp, _: Window) -> WindowSet {
        Window::interval(at, at + minutes(1)).into()
    }
}

fn main() {
    let _ = Root::build(|root| {
        root.create([1u64]).window(Mine).discard();
        root.create([1u64]).window(SlidingWindows::of(minutes(1))).discard();
        Ok(())
    });
}
