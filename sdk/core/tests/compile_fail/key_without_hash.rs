use ferrobeam_core::prelude::*;

#[derive(Clone, Element)]
#[element(crate = "ferrobeam_core")]
struct User {
    id: u64,
}

fn add(scores: PCollection<(User, u64)>) {
    scores.sum_per_key().discard();
}

fn main() {}
