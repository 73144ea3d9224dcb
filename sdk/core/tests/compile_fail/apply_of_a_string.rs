use ferrobeam_core::prelude::*;

fn apply_it(words: PCollection<String>) {
    words.apply("twice").discard();
}

fn main() {}
