//! Writes logs of page views as a web server would, for `page_views` and the other streaming examples.
//!
//! `loggen --output logs --events 1000000 --rate 100000` appends lines to `logs/views.jsonl`, with times up to two minutes out of
//! order and one in a hundred later than that, and begins a new file, `logs/views.1.jsonl` and so on, at each 64 MiB. One
//! seed always makes the same lines.
//!
//! There is something to be found: a user `u0` who pays often, one payment in two thousand that is made far from home, and each
//! ten minutes one in which a crawler makes half of all requests. With `--one-click-in 5` a fifth of the lines are clicks on pages
//! that were shown up to a quarter of an hour before.

#![allow(clippy::print_stderr, reason = "a program that tells why it failed")]

use clap::Parser;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

#[derive(Parser)]
struct Loggen {
    /// The directory of the logs
    #[arg(long)]
    output: PathBuf,
    /// How many events there are
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000_000))]
    events: u64,
    /// How many a second; 0 for as many as there can be
    #[arg(long, default_value_t = 0)]
    rate: u64,
    /// How many users there are
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    users: u64,
    /// How many pages
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pages: u64,
    /// Seconds that an event is out of order at most, up to a day
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(..=86_400))]
    out_of_order: u64,
    /// Of how many events one is later than that; 0 for none
    #[arg(long, default_value_t = 100)]
    one_late_in: u64,
    /// Of how many events one is a click on what was shown before; 0 for none
    #[arg(long, default_value_t = 0)]
    one_click_in: u64,
    /// The length of time in which all happen, in seconds, up to a day
    #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    length: u64,
    /// When the first one happens
    #[arg(long, default_value = "2026-11-21T00:00:00Z", value_parser = instant)]
    start: jiff::Timestamp,
    /// Begins another file after so many bytes
    #[arg(long, default_value_t = 64 << 20, value_parser = clap::value_parser!(u64).range(1..))]
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
    address: String,
    tags: Vec<&'static str>,
    amount: f64,
    city: &'static str,
    latitude: f64,
    longitude: f64,
    #[serde(skip_serializing_if = "is_false")]
    click: bool,
}

fn is_false(is_click: &bool) -> bool {
    !is_click
}

const CITIES: [(&str, f64, f64); 8] = [
    ("Berlin", 52.52, 13.41),
    ("Bonn", 50.73, 7.1),
    ("Lima", -12.05, -77.04),
    ("Nairobi", -1.29, 36.82),
    ("Osaka", 34.69, 135.5),
    ("Perth", -31.95, 115.86),
    ("Pune", 18.52, 73.86),
    ("Toronto", 43.65, -79.38),
];

/// The first ones are the most frequent.
const TAGS: [&str; 16] = [
    "rust",
    "ruby",
    "rugby",
    "beam",
    "bees",
    "beer",
    "flink",
    "flights",
    "spark",
    "sparrows",
    "streams",
    "strawberries",
    "java",
    "jazz",
    "windows",
    "watermarks",
];

/// A well mixed number for each number (splitmix64).
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Loggen {
    /// A number for each event and each use of it.
    fn draw(&self, number: u64, what: u64) -> u64 {
        mix(mix(self.seed.wrapping_mul(0x1234_5678_9ABC_DEF1).wrapping_add(number)).wrapping_add(what))
    }

    /// When an event happens, in milliseconds since the start.
    fn millis(&self, number: u64) -> u64 {
        let in_order = self.length * 1000 * number / self.events;
        let (behind, late) = (self.draw(number, 0), self.draw(number, 1));
        let mut behind = behind % (self.out_of_order * 1000 + 1);
        if self.one_late_in > 0 && late.is_multiple_of(self.one_late_in) {
            // Up to twice as much again.
            behind += 2 * self.out_of_order * 1000;
        }
        in_order.saturating_sub(behind)
    }

    fn time(&self, number: u64) -> String {
        let millis = self.start.as_millisecond().saturating_add(self.millis(number) as i64);
        format!("{:.3}", jiff::Timestamp::from_millisecond(millis).unwrap_or(self.start))
    }

    fn view(&self, number: u64) -> View {
        let draw = |what| self.draw(number, what);
        // Half of all views are of a tenth of the pages.
        let pages = if draw(2) % 2 == 0 { self.pages.div_ceil(10) } else { self.pages };
        let user = if draw(3) % 500 == 0 { 0 } else { draw(4) % self.users };
        let travels = draw(5) % 2000 == 0;
        let (city, latitude, longitude) = CITIES[((user + if travels { 4 } else { 0 }) % 8) as usize];
        let tag = |what| TAGS[(draw(what) % 16 * (draw(what + 1) % 16) / 16) as usize];
        let minute = self.millis(number) / 60_000;
        let address = if minute % 10 == 3 && draw(6) % 2 == 0 {
            format!("203.0.113.{}", minute / 10 % 256)
        } else {
            format!("10.{}.{}.{}", user >> 16 & 255, user >> 8 & 255, user & 255)
        };
        View {
            openid: format!("u{user}"),
            page: format!("/{}", draw(7) % pages),
            ctime: self.time(number),
            agent: "loggen",
            address,
            tags: if draw(8) % 2 == 0 { vec![tag(10)] } else { vec![tag(10), tag(12)] },
            amount: (100 + draw(9) % 5000) as f64 / 100.0,
            city,
            latitude,
            longitude,
            click: false,
        }
    }

    /// A view, or a click on one of the last quarter of an hour.
    fn event(&self, number: u64) -> View {
        let draw = self.draw(number, 14);
        if self.one_click_in == 0 || number == 0 || !draw.is_multiple_of(self.one_click_in) {
            return self.view(number);
        }
        let in_time = (self.events * 900 / self.length).clamp(1, number);
        let before = 1 + self.draw(number, 15) % in_time;
        View { ctime: self.time(number), click: true, ..self.view(number - before) }
    }

    fn write(&self) -> Result<(), String> {
        let (mut files, mut written) = (0, 0);
        let mut log = Log::open(&self.output, files)?;
        let begun = Instant::now();
        for number in 0..self.events {
            // A line is complete or not there, however the buffer is cut.
            let mut line = serde_json::to_vec(&self.event(number)).map_err(|error| error.to_string())?;
            line.push(b'\n');
            log.write(&line)?;
            written += line.len() as u64;
            if written >= self.rotate {
                log.flush()?;
                (files, written) = (files + 1, 0);
                log = Log::open(&self.output, files)?;
            }
            if self.rate > 0 && number.is_multiple_of(self.rate.div_ceil(50)) {
                log.flush()?;
                let due = Duration::from_secs_f64(number as f64 / self.rate as f64);
                thread::sleep(due.saturating_sub(begun.elapsed()));
            }
        }
        log.flush()
    }
}

/// A file that is appended to; errors say which.
struct Log {
    path: PathBuf,
    out: BufWriter<File>,
}

impl Log {
    fn open(directory: &Path, number: u64) -> Result<Log, String> {
        let name = if number == 0 { "views.jsonl".to_owned() } else { format!("views.{number}.jsonl") };
        let path = directory.join(name);
        let open = || {
            fs::create_dir_all(directory)?;
            File::options().create(true).append(true).open(&path)
        };
        let out = BufWriter::new(open().map_err(|error| cannot_write(&path, &error))?);
        Ok(Log { path, out })
    }

    fn write(&mut self, line: &[u8]) -> Result<(), String> {
        self.out.write_all(line).map_err(|error| cannot_write(&self.path, &error))
    }

    fn flush(&mut self) -> Result<(), String> {
        self.out.flush().map_err(|error| cannot_write(&self.path, &error))
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!("cannot write `{}`: {error}", path.display())
}

fn main() -> ExitCode {
    match Loggen::parse().write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loggen: {error}");
            ExitCode::FAILURE
        }
    }
}
