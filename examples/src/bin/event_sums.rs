//! A stream without an end in sight, summed up by key and window, in files that appear once.
//!
//! `event_sums --output DIR --events 1000` writes a file `sums-START-SHARD-00000-of-00001.txt` for every window of five seconds
//! and every shard, when the window is over. Its lines are `key,pane,events,sum`: the panes are numbered, early ones first,
//! each has all that came so far, and the last one has all of the window. A line `key,state,events,sum` says the same by way
//! of a step that keeps its own state.
//!
//! On Flink, with checkpoints, this holds whatever dies: `cargo xtask faults` shows it.

use ferrobeam::io::files::Shards;
use ferrobeam::prelude::*;
use ferrobeam::time::{millis, seconds};
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

#[derive(clap::Args, Serialize, Deserialize)]
struct EventSums {
    /// The directory of the files, which must exist
    #[arg(long)]
    output: String,
    /// How many events each of the four parts of the stream has; they are a tenth of a second apart
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    events: u64,
    /// When the first of them come, in seconds since 1970; those of the past are there at once
    #[arg(long, default_value_t = 0)]
    start: u64,
}

const PARTS: u64 = 4;
const KEYS: u64 = 7;
const SHARDS: u64 = 2;

/// The events, which are numbers: those of the first part from 0 on, then those of the second, ..
struct Events {
    events: u64,
    start: u64,
}

impl Source for Events {
    type Out = u64;
    type Restriction = OffsetRange;
    type Reader = ();
    const BOUNDED: bool = false;

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        Ok((0..PARTS).map(|part| OffsetRange::new(part * self.events, (part + 1) * self.events)).collect())
    }

    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }

    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
        let began = SystemTime::UNIX_EPOCH + seconds(self.start);
        // A start in the future has not been.
        let passed = began.elapsed().unwrap_or_default();
        while claims.has_room() {
            let next = claims.restriction().next();
            let at = millis(next % self.events * 100);
            if at > passed {
                // Not at once: Flink prefers what is due to all else, also to checkpoints.
                claims.resume_after(millis(500));
                return Ok(());
            }
            let Some(mut claim) = claims.claim(next) else { return Ok(()) };
            let at = Timestamp::from_millis(0) + at;
            claim.emit_at(next, at);
            claims.set_watermark(at);
        }
        Ok(())
    }
}

/// Counts and sums up by hand, until the window is over.
#[derive(Clone)]
struct Total;

#[derive(State)]
struct Totals {
    total: Value<(u64, u64)>,
}

#[derive(Timers)]
enum Over {
    #[timer(event_time)]
    Window,
}

impl StatefulDoFn for Total {
    type Key = u64;
    type In = u64;
    type Out = (u64, String);
    type State = Totals;
    type Timer = Over;

    fn process(
        &mut self,
        _: &u64,
        event: u64,
        state: &mut Totals,
        ctx: &mut StatefulContext<'_, Self::Out, Over>,
    ) -> Result<(), BoxError> {
        let (events, sum) = state.total.get().copied().unwrap_or_default();
        state.total.set((events + 1, sum + event));
        ctx.set(Over::Window, ctx.window().max_timestamp());
        Ok(())
    }

    fn on_timer(
        &mut self,
        key: &u64,
        _: Over,
        state: &mut Totals,
        ctx: &mut StatefulContext<'_, Self::Out, Over>,
    ) -> Result<(), BoxError> {
        let (events, sum) = state.total.get().copied().unwrap_or_default();
        ctx.emit((key % SHARDS, format!("{key},state,{events},{sum}")));
        Ok(())
    }
}

/// Makes a line of each pane.
#[derive(Clone)]
struct Line;

impl DoFn for Line {
    type In = (u64, (u64, u64));
    type Out = (u64, String);
    fn process(&mut self, (key, (events, sum)): Self::In, ctx: &mut Context<'_, Self::Out>) -> Result<(), BoxError> {
        let pane = ctx.pane().index;
        ctx.emit((key % SHARDS, format!("{key},{pane},{events},{sum}")));
        Ok(())
    }
}

/// Writes a shard of a window, under a name that is always the same.
#[derive(Clone)]
struct Write {
    directory: String,
}

impl DoFn for Write {
    type In = (u64, Grouped<String>);
    type Out = ();
    fn process(&mut self, (shard, lines): Self::In, ctx: &mut Context<'_, ()>) -> Result<(), BoxError> {
        let Window::Interval { start, .. } = ctx.window() else { return Err("not a window of five seconds".into()) };
        let shards = Shards::new(&format!("{}/sums-{:010}-{shard}", self.directory, start.millis()), 1, ".txt");
        shards.prepare()?;
        let mut writer = shards.create(0)?;
        for line in lines.iter() {
            writer.write_line(line.as_bytes())?;
        }
        Ok(shards.commit(&[writer.finish()?])?)
    }
}

fn main() -> ferrobeam::Result<()> {
    ferrobeam::run(|root: &Root, options: &EventSums| {
        let events = root.read(Events { events: options.events, start: options.start }).named("Read");
        let windows = FixedWindows::of(seconds(5));
        let trigger = AfterWatermark::new().early(after_delay(millis(500)));
        let keyed = events.key_by(|event| event % KEYS).named("Key");
        let early = keyed.window(windows.clone().trigger(trigger).accumulating());
        let lines = early.combine_per_key((count(), sum())).named("Sum").par_do(Line).named("Line");
        let totals = keyed.window(windows.clone()).par_do_stateful(Total).named("Total");
        let lines = flatten([&lines.window(windows.clone()), &totals.window(windows)]);
        let write = Write { directory: options.output.clone() };
        lines.group_by_key().named("Shards").par_do(write).named("Write").discard();
        Ok(())
    })
}
