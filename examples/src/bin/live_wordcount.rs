//! Words of lines as they come, over a connection or the standard input, counted by time.
//!
//! `tail -f FILE | live_wordcount --output words` reads the standard input, `live_wordcount --connect localhost:9999 --output words`
//! what a server sends (`nc -lk 9999`). For each ten seconds (`--every`) in which something came there is a file
//! `words-START-END-*.txt` with a line `WORD: N` for each word. It ends when there are no more lines, or by Ctrl-C.

use ferrobeam::prelude::*;
use ferrobeam::time::seconds;
use serde::{Deserialize, Serialize};

#[derive(clap::Args, Serialize, Deserialize)]
struct LiveWordCount {
    /// Where a server sends lines; the standard input if it is not given
    #[arg(long, value_name = "HOST:PORT")]
    connect: Option<String>,
    /// For how many seconds words are counted together
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: u64,
    /// Where the counts go
    #[arg(long, value_name = "PREFIX")]
    output: String,
}

fn main() -> ferrobeam::Result<()> {
    ferrobeam::run(|root: &Root, options: &LiveWordCount| {
        let lines = match &options.connect {
            Some(address) => root.apply(live::tcp(address)),
            None => root.apply(live::stdin()),
        };
        lines
            .flat_map_into(|line, out| line.split_whitespace().for_each(|word| out.emit(word.to_lowercase())))
            .window(FixedWindows::of(seconds(options.every)))
            .count_per_element()
            .map(|(word, n)| format!("{word}: {n}"))
            .apply(text::write(&options.output).windowed());
        Ok(())
    })
}
