//! The tags that trend, by what somebody has typed so far: a completion for a search field that keeps up with the last minutes.
//!
//! `trending --input 'logs/*.jsonl' --output tags` reads lines such as
//! `{"tags": ["rust", "beam"], "ctime": "2026-11-21T01:02:03.456Z"}` and writes `tags-*.jsonl`: for each minute and each
//! beginning of a tag, up to three letters, a line with the tags that were there most often in the ten minutes up to then:
//! `{"window_end": "2026-11-21T01:03:00Z", "prefix": "ru", "tags": [{"tag": "rust", "at_least": 71, "at_most": 71}], ..}`.
//!
//! There may be any number of tags: a sketch of fixed size counts them. With few both numbers are the same; with many they are
//! apart by no more than a thousandth (`--error`) of the number of tags with that beginning. Events that come later than
//! `--out-of-order` allows do not count.
//!
//! `loggen --output logs` makes such a log. With `--follow` the input is a directory whose files grow, and Ctrl-C ends it.

use clap::builder::RangedU64ValueParser as Usize;
use ferrobeam::prelude::*;
use ferrobeam::time::minutes;
use ferrobeam_examples::{Logs, Place, event_time};
use serde::{Deserialize, Serialize};

#[derive(clap::Args, Serialize, Deserialize)]
struct Trending {
    /// Minutes that count
    #[arg(long, value_name = "MINUTES", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1440))]
    window: u64,
    /// How many tags there are for a prefix
    #[arg(long, default_value_t = 5, value_parser = Usize::<usize>::new().range(1..=1000))]
    top: usize,
    /// The longest prefix
    #[arg(long, value_name = "LETTERS", default_value_t = 3, value_parser = Usize::<usize>::new().range(1..=100))]
    letters: usize,
    /// How much too large a count may be, as a share of the tags with a prefix
    #[arg(long, value_name = "SHARE", default_value_t = 0.001, value_parser = share)]
    error: f64,
    #[command(flatten)]
    #[serde(flatten)]
    logs: Logs,
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|error: std::num::ParseFloatError| error.to_string())?;
    if (1e-6..=1.0).contains(&share) { Ok(share) } else { Err("not between 0.000001 and 1".to_owned()) }
}

#[derive(Clone, Debug, Deserialize, Element)]
struct Post {
    tags: Vec<String>,
    #[serde(rename = "ctime", deserialize_with = "event_time")]
    at: Timestamp,
}

/// A line of the output.
#[derive(Clone, Debug, Serialize, Element)]
struct Completions {
    #[serde(flatten)]
    place: Place,
    prefix: String,
    tags: Vec<Tagged>,
}

#[derive(Clone, Debug, Serialize, Element)]
struct Tagged {
    tag: String,
    at_least: u64,
    at_most: u64,
}

/// What a tag begins with, a letter more each time.
fn prefixes(tag: &str, letters: usize) -> impl Iterator<Item = &str> {
    tag.char_indices().take(letters).map(|(at, letter)| &tag[..at + letter.len_utf8()])
}

#[derive(Clone)]
struct ToLine;

impl DoFn for ToLine {
    type In = (String, Vec<(String, (u64, u64))>);
    type Out = Completions;

    fn process(&mut self, (prefix, tags): Self::In, ctx: &mut Context<'_, Completions>) -> Result<(), BoxError> {
        let tags = tags.into_iter().map(|(tag, (at_least, at_most))| Tagged { tag, at_least, at_most }).collect();
        ctx.emit(Completions { place: Place::of(ctx)?, prefix, tags });
        Ok(())
    }
}

fn main() -> ferrobeam::Result<()> {
    ferrobeam::run(|root: &Root, options: &Trending| {
        let Trending { window, top, letters, error, logs } = options;
        let letters = *letters;
        let completions = logs
            .read(root, |post: &Post| post.at)
            .flat_map_into(move |post, out| {
                for tag in post.tags {
                    prefixes(&tag, letters).for_each(|prefix| out.emit((prefix.to_owned(), tag.clone())));
                }
            })
            .window(SlidingWindows::of(minutes(*window)).every(minutes(1)))
            .combine_per_key(frequent(*top).with_error(*error))
            .par_do(ToLine);
        logs.write(&completions);
        Ok(())
    })
}
