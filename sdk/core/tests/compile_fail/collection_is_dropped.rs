#![deny(unused_must_use)]
use ferrobeam_core::prelude::*;

fn lengths(words: PCollection<String>) {
    words.map(|word| word.len());
    words.try_map(|word| word.parse::<u64>().map_err(|_| word));
}

fn main() {}
