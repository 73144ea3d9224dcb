//! Adds up two million events by key and minute, and writes a checksum of the sums. `peers/go/windowed_sum` and
//! `peers/python/windowed_sum.py` do the same.

use ferrobeam::prelude::*;
use ferrobeam_benchmarks::{checksum, sums};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(clap::Args, Serialize, Deserialize)]
struct WindowedSum {
    /// How many events there are
    #[arg(long, default_value_t = 2_000_000)]
    events: u64,
    /// Where the checksum goes
    #[arg(long)]
    output: String,
}

/// Events are made in parts of so many.
const PART: u64 = 10_000;

/// The events of a part.
#[derive(Clone)]
struct Events {
    all: u64,
}

impl DoFn for Events {
    type In = u64;
    type Out = (u64, i64);

    fn process(&mut self, part: u64, ctx: &mut Context<'_, (u64, i64)>) -> Result<(), BoxError> {
        for i in part * PART..self.all.min((part + 1) * PART) {
            let sums::Event { key, value, millis } = sums::event(i, self.all);
            ctx.emit_at((key, value), Timestamp::from_millis(millis));
        }
        Ok(())
    }
}

/// What a sum adds to the checksum.
#[derive(Clone)]
struct Check;

impl DoFn for Check {
    type In = (u64, i64);
    type Out = u64;

    fn process(&mut self, (key, sum): (u64, i64), ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
        let window = ctx.window().max_timestamp().millis() / sums::WINDOW;
        ctx.emit(sums::check(key, window, sum));
        Ok(())
    }
}

fn main() -> ferrobeam::Result<()> {
    ferrobeam::run(|root: &Root, options: &WindowedSum| {
        root.create(0..options.events.div_ceil(PART))
            .reshuffle()
            .par_do(Events { all: options.events })
            .window(FixedWindows::of(Duration::from_millis(sums::WINDOW as u64)))
            .sum_per_key()
            .par_do(Check)
            .window(GlobalWindows::new())
            .apply(checksum::write(&options.output));
        Ok(())
    })
}
