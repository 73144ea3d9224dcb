use ferrobeam_core::combiners::{Natural, ByOrd, Top};
use ferrobeam_core::prelude::*;

#[derive(State)]
#[state(crate = "ferrobeam_core")]
struct Plain {
    count: u64,
}

#[derive(State)]
#[state(crate = "ferrobeam_core")]
struct FloatKey {
    prices: Map<f64, u64>,
}

#[derive(State)]
#[state(crate = "ferrobeam_core")]
struct NoDefault {
    best: Combining<Top<u64, Natural<ByOrd>>>,
}

fn main() {}
