//! W1: counts the words of a text.

use clap::Parser;
use ferrobeam::prelude::*;
use ferrobeam_benchmarks::contest::{self, Flags};
use ferrobeam_benchmarks::words;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags::parse();
    let size = std::fs::metadata(&flags.f)?.len();
    contest::run("w1", size, &ferrobeam::LocalRunner::new(), flags.p, |root, tally| {
        root.apply(text::read(&flags.f))
            .flat_map_into(|line, words| line.split_whitespace().for_each(|word| words.emit(word.to_owned())))
            .count_per_element()
            .par_do(tally.step(|(word, count): &(String, u64), _| words::check(word, *count)))
            .discard();
    })?;
    Ok(())
}
