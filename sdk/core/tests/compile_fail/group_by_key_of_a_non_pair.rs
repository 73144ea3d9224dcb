use ferrobeam_core::prelude::*;

fn group(words: PCollection<String>) {
    words.group_by_key().discard();
}

fn main() {}
