use ferrobeam_core::prelude::*;

fn join(names: PCollection<(u64, String)>, scores: PCollection<(u32, f64)>) {
    names.inner_join(&scores).discard();
}

fn main() {}
