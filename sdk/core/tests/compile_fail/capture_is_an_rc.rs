use ferrobeam_core::prelude::*;
use std::rc::Rc;

fn lengths(words: PCollection<String>) {
    let extra = Rc::new(1);
    words.map(move |word| word.len() + *extra).discard();
}

fn main() {}
