use ferrobeam_core::prelude::*;

fn count_all(prices: PCollection<f64>) {
    prices.count_per_element().discard();
}

fn main() {}
