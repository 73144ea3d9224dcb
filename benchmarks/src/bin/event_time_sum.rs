//! Adds up events by key and minute while event time goes on: windows close behind the watermark. Writes a checksum of the sums.

use ferrobeam::prelude::*;
use ferrobeam_benchmarks::sums;
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(clap::Args, Serialize, Deserialize)]
struct EventTimeSum {
    /// How many events there are
    #[arg(long, default_value_t = 20_000_000)]
    events: u64,
    /// In how many parts the events are made, which are read side by side
    #[arg(long, default_value_t = 1)]
    parts: u64,
    /// Where the checksum goes
    #[arg(long)]
    output: String,
}

/// A stretch of events that one part makes.
const STRIPE: u64 = 1024;
/// Between the offsets of two parts.
const APART: u64 = 1 << 40;

/// All events, in parts of which each has every so many'th stripe.
struct Events {
    all: u64,
    parts: u64,
}

impl Events {
    /// The event at an offset.
    fn number(&self, offset: u64) -> u64 {
        let (part, at) = (offset / APART, offset % APART);
        ((at / STRIPE) * self.parts + part) * STRIPE + at % STRIPE
    }
}

impl Source for Events {
    type Out = (u64, i64);
    type Restriction = OffsetRange;
    /// What comes next.
    type Reader = u64;

    const BOUNDED: bool = false;

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        let stripes = self.all.div_ceil(STRIPE).div_ceil(self.parts);
        Ok((0..self.parts).map(|part| OffsetRange::new(part * APART, part * APART + stripes * STRIPE)).collect())
    }
    fn open(&self, range: &OffsetRange) -> Result<u64, BoxError> {
        Ok(range.next())
    }
    fn read(&self, next: &mut u64, claims: &mut Claims<'_, OffsetRange, (u64, i64)>) -> Result<(), BoxError> {
        while claims.has_room() {
            let number = self.number(*next);
            if next.is_multiple_of(STRIPE) {
                claims.set_watermark(Timestamp::from_millis(sums::watermark(number, self.all)));
            }
            let Some(mut claim) = claims.claim(*next) else { return Ok(()) };
            *next += 1;
            if number < self.all {
                let sums::Event { key, value, millis } = sums::event(number, self.all);
                claim.emit_at((key, value), Timestamp::from_millis(millis));
            }
        }
        Ok(())
    }
}

/// Counts the sums of a bundle and adds up what they add to the checksum.
#[derive(Clone, Default)]
struct Check {
    count: u64,
    sum: u64,
    last: Option<Window>,
}

impl DoFn for Check {
    type In = (u64, i64);
    type Out = (u64, u64);

    fn process(&mut self, (key, sum): (u64, i64), ctx: &mut Context<'_, (u64, u64)>) -> Result<(), BoxError> {
        let window = ctx.window();
        self.count += 1;
        self.sum = self.sum.wrapping_add(sums::check(key, window.max_timestamp().millis() / sums::WINDOW, sum));
        self.last = Some(window);
        Ok(())
    }
    fn finish_bundle(&mut self, ctx: &mut BundleContext<'_, (u64, u64)>) -> Result<(), BoxError> {
        let Check { count, sum, last } = std::mem::take(self);
        if let Some(window) = last {
            ctx.emit((count, sum), window.max_timestamp(), window);
        }
        Ok(())
    }
}

/// All counts and checksums.
#[derive(Clone)]
struct Total;

impl CombineFn for Total {
    type In = (u64, u64);
    type Acc = (u64, u64);
    type Out = String;

    fn create_accumulator(&self) -> (u64, u64) {
        (0, 0)
    }
    fn add_input(&self, total: &mut (u64, u64), more: (u64, u64)) {
        self.merge_accumulators(total, more);
    }
    fn merge_accumulators(&self, (count, sum): &mut (u64, u64), (more, of_more): (u64, u64)) {
        *count += more;
        *sum = sum.wrapping_add(of_more);
    }
    fn extract_output(&self, (count, sum): (u64, u64)) -> String {
        format!("{count} {sum:016x}")
    }
}

/// Writes what comes, which is one line, into a file: the sinks for text want bounded input.
#[derive(Clone)]
struct Write(String);

impl DoFn for Write {
    type In = ((), String);
    type Out = ();

    fn process(&mut self, ((), line): ((), String), _: &mut Context<'_, ()>) -> Result<(), BoxError> {
        Ok(std::fs::write(&self.0, line)?)
    }
}

fn main() -> ferrobeam::Result<()> {
    ferrobeam::run(|root: &Root, options: &EventTimeSum| {
        root.read(Events { all: options.events, parts: options.parts.max(1) })
            .window(FixedWindows::of(Duration::from_millis(sums::WINDOW as u64)))
            .sum_per_key()
            .par_do(Check::default())
            .window(GlobalWindows::new().trigger(Trigger::Never).discarding())
            .key_by(|_| ())
            .combine_per_key(Total)
            .par_do(Write(options.output.clone()))
            .discard();
        Ok(())
    })
}
