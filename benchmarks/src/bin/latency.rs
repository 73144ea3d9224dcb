//! How long a window's result takes: events come all the time, at a rate, and are summed up by key and second of event time,
//! which is the time when they come. Prints how much later than the end of its window each result was there, and what the
//! process had of the processors.
//!
//! `--rate 0` is a source that has nothing, and is asked a hundred times a second.
#![allow(clippy::print_stdout, reason = "a program that tells what it measured")]

use ferrobeam::prelude::*;
use ferrobeam::time::{millis, seconds};
use ferrobeam_benchmarks::{mix, processor_time};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[derive(clap::Args, Serialize, Deserialize)]
struct Latency {
    /// How many events there are a second
    #[arg(long, default_value_t = 100_000)]
    rate: u64,
    /// For how many seconds they come
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// In how many parts, which are read side by side
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    parts: u64,
    /// How many keys they have
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    keys: u64,
}

/// Between the offsets of two parts.
const APART: u64 = 1 << 40;

/// Microseconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64
}

/// Events that are there when their time has come; each part has every so many'th.
struct Events {
    rate: u64,
    all: u64,
    length: Duration,
    parts: u64,
    keys: u64,
    /// When the first was due, in microseconds.
    began: OnceLock<u64>,
}

impl Events {
    /// When an event is due.
    fn due(&self, number: u64) -> u64 {
        *self.began.get_or_init(now) + number * 1_000_000 / self.rate.max(1)
    }
}

impl Source for Events {
    type Out = (u64, u64);
    type Restriction = OffsetRange;
    type Reader = ();
    const BOUNDED: bool = false;

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        let each = self.all.div_ceil(self.parts).max(1);
        Ok((0..self.parts).map(|part| OffsetRange::new(part * APART, part * APART + each)).collect())
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, (u64, u64)>) -> Result<(), BoxError> {
        let now = now();
        if self.rate == 0 && now < self.due(0) + self.length.as_micros() as u64 {
            claims.resume_after(millis(10));
            return Ok(());
        }
        while claims.has_room() {
            let next = claims.restriction().next();
            let number = next % APART * self.parts + next / APART;
            let due = self.due(number);
            if due > now {
                claims.set_watermark(Timestamp::from_millis((now / 1000).cast_signed()));
                claims.resume_after(millis(1));
                return Ok(());
            }
            let Some(mut claim) = claims.claim(next) else { return Ok(()) };
            if number < self.all {
                claim.emit_at((mix(number) % self.keys, 1), Timestamp::from_millis((due / 1000).cast_signed()));
            }
        }
        Ok(())
    }
}

/// What was measured: microseconds behind the ends of windows, and the sum of all results.
#[derive(Clone, Default)]
struct Results(Arc<Mutex<(Vec<i64>, u64)>>);

impl DoFn for Results {
    type In = (u64, u64);
    type Out = ();

    fn process(&mut self, (_, sum): (u64, u64), ctx: &mut Context<'_, ()>) -> Result<(), BoxError> {
        let end = 1000 * (ctx.window().max_timestamp().millis() + 1);
        let mut results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        results.0.push(now().cast_signed() - end);
        results.1 += sum;
        Ok(())
    }
}

fn main() -> ferrobeam::Result<()> {
    let results = Results::default();
    let measured = results.clone();
    ferrobeam::run_then(
        move |root: &Root, options: &Latency| {
            let Latency { rate, seconds: length, parts, keys } = *options;
            root.read(Events {
                rate,
                all: rate * length,
                length: seconds(length),
                parts,
                keys,
                began: OnceLock::new(),
            })
            .window(FixedWindows::of(seconds(1)))
            .sum_per_key()
            .par_do(results.clone())
            .discard();
            Ok(())
        },
        |_, options| {
            let results = measured.0.lock().unwrap_or_else(PoisonError::into_inner);
            // The last window ends by the end of its source, which may be before its own.
            let mut late: Vec<i64> = results.0.iter().copied().filter(|late| *late >= 0).collect();
            late.sort_unstable();
            let at =
                |part: f64| late.get((late.len() as f64 * part) as usize).map_or(0.0, |late| *late as f64 / 1000.0);
            let used = processor_time(Path::new("/proc/self/stat"));
            let used = used.map_err(|e| ferrobeam::Error::Options(format!("/proc/self/stat: {e}")))?;
            let last = late.last().map_or(0.0, |late| *late as f64 / 1000.0);
            println!(
                "events {} results {} p50 {:.1} p99 {:.1} max {last:.1} cpu {:.2}",
                results.1,
                results.0.len(),
                at(0.5),
                at(0.99),
                100.0 * used.as_secs_f64() / options.seconds as f64
            );
            Ok(())
        },
    )
}
