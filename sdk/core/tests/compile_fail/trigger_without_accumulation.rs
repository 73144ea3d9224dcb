//! It must be said what the second pane contains.
use ferrobeam_core::{prelude::*, time::*};

fn main() {
    let _ = Root::build(|root| {
        let windowing = FixedWindows::of(minutes(1)).trigger(repeatedly(after_count(100))).allowed_lateness(hours(1));
        root.create([1u64]).window(windowing).discard();
        Ok(())
    });
}
