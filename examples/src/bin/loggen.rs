//! Writes logs of page views as a web server would, for `page_views` and its like.
//!
//! `loggen --output logs --events 1000000 --rate 100000` appends lines to `logs/views.jsonl`, with times up to two minutes out of
//! order and one in a hundred later than that, and begins a new file, `logs/views.1.jsonl` and so on, at each 64 MiB. One
//! seed always makes the same lines.

use clap::Parser;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Parser)]
struct Loggen {
    /// The directory of the logs
    #[arg(long)]
    output: PathBuf,
    /// How many events there are
    #[arg(long, default_value_t = 100_000)]
    events: u64,
    /// How many a second; 0 for as many as there can be
    #[arg(long, default_value_t = 0)]
    rate: u64,
    /// How many users there are
    #[arg(long, default_value_t = 10_000)]
    users: u64,
    /// How many pages
    #[arg(long, default_value_t = 100)]
    pages: u64,
    /// Seconds that an event is out of order at most
    #[arg(long, default_value_t = 120)]
    out_of_order: u64,
    /// Of how many events one is later than that
    #[arg(long, default_value_t = 100)]
    one_late_in: u64,
    /// The length of time in which all happen, in seconds
    #[arg(long, default_value_t = 3600)]
    length: u64,
    /// When the first one happens
    #[arg(long, default_value = "2026-11-21T00:00:00Z", value_parser = instant)]
    start: jiff::Timestamp,
    /// Begins another file after so many bytes
    #[arg(long, default_value_t = 64 << 20)]
    rotate: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn instant(text: &str) -> Result<jiff::Timestamp, String> {
    text.parse().map_err(|error: jiff::Error| error.to_string())
}

#[derive(Serialize)]
struct View {
    openid: String,
    page: String,
    ctime: String,
    /// What whoever counts has no use for.
    agent: &'static str,
}

/// A well mixed number for each number (splitmix64).
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Loggen {
    fn view(&self, number: u64) -> View {
        let mixed = mix(self.seed.wrapping_mul(0x1234_5678_9ABC_DEF1).wrapping_add(number));
        let more = mix(mixed);
        let on_time = self.length * 1000 * number / self.events.max(1);
        let mut behind = more % (self.out_of_order * 1000 + 1);
        if self.one_late_in > 0 && (more >> 32).is_multiple_of(self.one_late_in) {
            // Up to twice as much again.
            behind += 2 * self.out_of_order * 1000;
        }
        let start = self.start.as_millisecond();
        let millis = (start + on_time as i64 - behind as i64).max(start);
        // Half of all views are of a tenth of the pages.
        let pages = if mixed >> 63 == 0 { self.pages.div_ceil(10) } else { self.pages };
        let ctime = jiff::Timestamp::from_millisecond(millis).unwrap_or(self.start);
        View {
            openid: format!("u{}", (mixed >> 8) % self.users.max(1)),
            page: format!("/{}", (mixed >> 40) % pages.max(1)),
            ctime: format!("{ctime:.3}"),
            agent: "loggen",
        }
    }

    fn write(&self) -> io::Result<()> {
        fs::create_dir_all(&self.output)?;
        let (mut files, mut written) = (0, 0);
        let mut out = BufWriter::new(append(&self.output, files)?);
        let begun = Instant::now();
        for number in 0..self.events {
            // A line is complete or not there, however the buffer is cut.
            let mut line = serde_json::to_vec(&self.view(number))?;
            line.push(b'\n');
            out.write_all(&line)?;
            written += line.len() as u64;
            if written >= self.rotate {
                out.flush()?;
                (files, written) = (files + 1, 0);
                out = BufWriter::new(append(&self.output, files)?);
            }
            if self.rate > 0 && number.is_multiple_of(self.rate.div_ceil(50)) {
                out.flush()?;
                let due = Duration::from_secs_f64(number as f64 / self.rate as f64);
                thread::sleep(due.saturating_sub(begun.elapsed()));
            }
        }
        out.flush()
    }
}

fn append(directory: &Path, number: u64) -> io::Result<File> {
    let name = if number == 0 { "views.jsonl".to_owned() } else { format!("views.{number}.jsonl") };
    File::options().create(true).append(true).open(directory.join(name))
}

fn main() -> io::Result<()> {
    Loggen::parse().write()
}
