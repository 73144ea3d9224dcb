use ferrobeam_core::prelude::*;

fn group(prices: PCollection<(f64, String)>) {
    prices.group_by_key().discard();
}

fn main() {}
