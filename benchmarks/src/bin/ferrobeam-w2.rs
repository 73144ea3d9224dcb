//! W2: adds up events by key and minute of event time, while event time goes on: windows close behind the watermark.

use clap::Parser;
use ferrobeam::prelude::*;
use ferrobeam_benchmarks::contest::{self, Flags};
use ferrobeam_benchmarks::striped::Striped;
use ferrobeam_benchmarks::sums;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ferrobeam::Result<()> {
    let flags = Flags::parse();
    let events = flags.n.unwrap_or(20_000_000);
    contest::run("w2", events, &ferrobeam::LocalRunner::new(), flags.p, |root, tally| {
        let event = move |i| {
            let sums::Event { key, value, millis } = sums::event(i, events);
            ((key as u32, value), millis)
        };
        root.read(Striped::new(events, flags.p, event, move |i| sums::watermark(i, events)))
            .window(FixedWindows::of(Duration::from_millis(sums::WINDOW as u64)))
            .sum_per_key()
            .par_do(tally.step(|(key, sum): &(u32, i64), window| {
                sums::check(u64::from(*key), window.max_timestamp().millis() / sums::WINDOW, *sum)
            }))
            .discard();
    })
}
