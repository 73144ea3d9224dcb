use ferrobeam_core::prelude::*;

fn add(words: PCollection<(String, String)>) {
    words.combine_per_key(mean::<u64>()).discard();
    words.combine_per_key(sum()).discard();
    words.combine_globally((count(), max::<u64, _>())).discard();
}

fn main() {}
