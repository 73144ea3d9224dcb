//! Counts the words of a text, and writes a checksum of the counts. `peers/go/word_count` and `peers/python/word_count.py` do
//! the same.

use ferrobeam::prelude::*;
use ferrobeam_benchmarks::{checksum, words};
use serde::{Deserialize, Serialize};

#[derive(clap::Args, Serialize, Deserialize)]
struct WordCount {
    /// A text file
    #[arg(long)]
    input: String,
    /// Where the checksum goes
    #[arg(long)]
    output: String,
}

fn main() -> ferrobeam::Result<()> {
    ferrobeam::run(|root: &Root, options: &WordCount| {
        root.apply(text::read(&options.input))
            .flat_map_into(|line, words| line.split_whitespace().for_each(|word| words.emit(word.to_owned())))
            .count_per_element()
            .map(|(word, count)| words::check(&word, count))
            .apply(checksum::write(&options.output));
        Ok(())
    })
}
