use ferrobeam_core::prelude::*;

fn number(words: PCollection<String>) {
    let mut n = 0;
    words
        .map(move |word| {
            n += 1;
            (n, word)
        })
        .discard();
}

fn main() {}
