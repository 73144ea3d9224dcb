//! Word count with all that a real job has: named steps, a composite, metrics, shards.
//!
//! `wordcount --input 'DIR/*.txt' --output counts` writes `counts-00000-of-00001.txt` with lines `word: count`. Words are
//! separated by white space and lower-cased.

use ferrobeam::Error;
use ferrobeam::prelude::*;
use serde::{Deserialize, Serialize};
use std::io::Write;

#[derive(clap::Args, Serialize, Deserialize)]
struct WordCount {
    /// Text files, as a glob; .gz, .zst and .bz2 are decompressed
    #[arg(long)]
    input: String,
    /// Where the counts go: PREFIX gives PREFIX-00000-of-0000N.txt
    #[arg(long, value_name = "PREFIX")]
    output: String,
    /// The number of output files
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=99_999))]
    shards: u32,
}

const LINES: Counter = Counter::new("wordcount", "lines");
const EMPTY_LINES: Counter = Counter::new("wordcount", "empty lines");
const LINE_LENGTH: Distribution = Distribution::new("wordcount", "line length in bytes");

/// A composite is a function of a collection.
fn count_words(lines: PCollection<String>) -> PCollection<(String, u64)> {
    lines.flat_map_into(tokenize).named("Tokenize").count_per_element().named("Count")
}

fn tokenize(line: String, words: &mut Emitter<'_, String>) {
    LINES.inc();
    LINE_LENGTH.update(line.len() as i64);
    if line.trim().is_empty() {
        EMPTY_LINES.inc();
    }
    line.split_whitespace().for_each(|word| words.emit(word.to_lowercase()));
}

fn main() -> ferrobeam::Result<()> {
    ferrobeam::run_then(
        |root: &Root, options: &WordCount| {
            root.apply(text::read(&options.input))
                .apply(count_words)
                .map(|(word, count)| format!("{word}: {count}"))
                .named("Format")
                .apply(text::write(&options.output).shards(options.shards));
            Ok(())
        },
        |result, _| {
            let lengths = result.metrics.distribution(&LINE_LENGTH);
            let (lines, empty) = (result.metrics.counter(&LINES), result.metrics.counter(&EMPTY_LINES));
            let mean = lengths.mean().unwrap_or_default();
            let text = format!("lines        {lines}\nempty lines  {empty}\nline length  {mean:.1} bytes on average\n");
            let cannot = |source| Error::Io { what: "cannot print what was counted".to_owned(), source };
            std::io::stdout().write_all(text.as_bytes()).map_err(cannot)
        },
    )
}
