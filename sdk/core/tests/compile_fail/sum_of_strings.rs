use ferrobeam_core::prelude::*;

fn add(words: PCollection<(String, String)>) {
    words.sum_per_key().discard();
}

fn main() {}
