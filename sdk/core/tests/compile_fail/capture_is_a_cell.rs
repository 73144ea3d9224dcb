use ferrobeam_core::prelude::*;
use std::cell::Cell;

fn lengths(words: PCollection<String>) {
    let last = Cell::new(0);
    words.map(move |word| last.replace(word.len())).discard();
}

fn main() {}
