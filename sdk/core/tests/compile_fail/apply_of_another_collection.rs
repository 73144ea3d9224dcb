use ferrobeam_core::prelude::*;

fn twice(numbers: PCollection<u64>) -> PCollection<u64> {
    numbers.map(|x| 2 * x)
}

fn apply_it(words: PCollection<String>) {
    words.apply(twice).discard();
}

fn main() {}
