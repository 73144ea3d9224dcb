use ferrobeam_core::prelude::*;

#[derive(Clone, Element)]
#[element(crate = "ferrobeam_core")]
struct Point {
    x: f64,
}

fn group(labels: PCollection<(Point, String)>) {
    labels.group_by_key().discard();
}

fn main() {}
