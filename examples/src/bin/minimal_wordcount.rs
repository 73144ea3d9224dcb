//! Word count in ten lines: `minimal_wordcount --input 'DIR/*.txt' --output counts`.

use ferrobeam::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(clap::Args, Serialize, Deserialize)]
struct WordCount {
    /// Text files, as a glob
    #[arg(long)]
    input: String,
    /// Where the counts go: PREFIX gives PREFIX-00000-of-00001.txt
    #[arg(long)]
    output: String,
}

fn main() -> ferrobeam::Result<()> {
    ferrobeam::run(|root: &Root, options: &WordCount| {
        root.apply(text::read(&options.input))
            .flat_map_into(|line, out| line.split_whitespace().for_each(|word| out.emit(word.to_lowercase())))
            .count_per_element()
            .map(|(word, n)| format!("{word}: {n}"))
            .apply(text::write(&options.output));
        Ok(())
    })
}
