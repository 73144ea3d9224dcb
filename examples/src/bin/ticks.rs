//! A clock that ticks for ever, counted by second: a stream to try Ctrl-C with.
//!
//! `ticks --rate 100` prints `START: COUNT` for each second of event time that is over, START in seconds since 1970. Ctrl-C ends
//! the clock, and prints what the last second had by then; `--runner=local --drain-after=60` does so after a minute.

use ferrobeam::prelude::*;
use ferrobeam::time::{millis, seconds};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::time::Duration;

#[derive(clap::Args, Serialize, Deserialize)]
struct Ticks {
    /// How many ticks a second there are
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// For how many seconds the clock ticks on when the pipeline is drained
    #[arg(long, default_value_t = 0)]
    rest: u32,
}

/// The numbers of the ticks since 1970, from now on.
struct Clock {
    apart: Duration,
    /// How many there still are when the pipeline is drained.
    rest: u64,
}

impl Source for Clock {
    type Out = u64;
    type Restriction = OffsetRange;
    /// The first tick that there is.
    type Reader = Option<u64>;
    const BOUNDED: bool = false;

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        Ok(vec![OffsetRange::unbounded(0)])
    }

    fn open(&self, range: &OffsetRange) -> Result<Option<u64>, BoxError> {
        Ok(Some(range.next()).filter(|next| *next > 0))
    }

    fn read(&self, first: &mut Option<u64>, claims: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
        let now = claims.now().saturating_since(Timestamp::EPOCH);
        let due = (now.as_nanos() / self.apart.as_nanos()) as u64;
        let mut next = first.map_or(due, |_| claims.restriction().next());
        while claims.has_room() {
            if next > due {
                let at = self.apart * u32::try_from(next - due).unwrap_or(1);
                claims.resume_after(at.max(millis(1)));
                return Ok(());
            }
            let at = Timestamp::EPOCH + Duration::from_nanos(next * self.apart.as_nanos() as u64);
            let Some(mut claim) = claims.claim(next) else { return Ok(()) };
            claim.emit_at(next, at);
            claims.set_watermark(at);
            *first = Some(next);
            next += 1;
        }
        Ok(())
    }

    fn truncate(&self, range: OffsetRange) -> Result<Option<OffsetRange>, BoxError> {
        Ok((range.next() > 0 && self.rest > 0).then(|| OffsetRange::new(range.next(), range.next() + self.rest)))
    }
}

/// Prints what comes: the sinks for text want bounded input.
#[derive(Clone)]
struct Print;

impl DoFn for Print {
    type In = ((), u64);
    type Out = ();

    fn process(&mut self, ((), count): ((), u64), ctx: &mut Context<'_, ()>) -> Result<(), BoxError> {
        // The end of the window is its last millisecond.
        let start = ctx.window().max_timestamp().millis() / 1000;
        Ok(writeln!(std::io::stdout(), "{start}: {count}")?)
    }
}

fn main() -> ferrobeam::Result<()> {
    ferrobeam::run(|root: &Root, options: &Ticks| {
        root.read(Clock { apart: seconds(1) / options.rate, rest: u64::from(options.rate) * u64::from(options.rest) })
            .window(FixedWindows::of(seconds(1)))
            .key_by(|_| ())
            .combine_per_key(count())
            .par_do(Print)
            .discard();
        Ok(())
    })
}
