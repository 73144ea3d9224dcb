//! Events that are made as they are read, with a watermark that moves.

use ferrobeam::prelude::*;
use std::marker::PhantomData;

/// A stretch of events that one part makes.
const STRIPE: u64 = 1024;
/// Between the offsets of two parts.
const APART: u64 = 1 << 40;

/// Events in parts, of which each has every so many'th stripe of 1024, so that event time stays in step.
pub struct Striped<T, E, W> {
    events: u64,
    parts: u64,
    /// Makes an event and its time.
    event: E,
    /// Before this no event from a number on happens.
    watermark: W,
    of: PhantomData<fn() -> T>,
}

impl<T, E, W> Striped<T, E, W>
where
    T: Element,
    E: Fn(u64) -> (T, i64) + Send + Sync + 'static,
    W: Fn(u64) -> i64 + Send + Sync + 'static,
{
    /// So many events, in so many parts.
    pub fn new(events: u64, parts: usize, event: E, watermark: W) -> Self {
        Striped { events, parts: parts.max(1) as u64, event, watermark, of: PhantomData }
    }

    /// The event at an offset.
    fn number(&self, offset: u64) -> u64 {
        let (part, at) = (offset / APART, offset % APART);
        ((at / STRIPE) * self.parts + part) * STRIPE + at % STRIPE
    }

    /// How many events a part has.
    fn size(&self, part: u64) -> u64 {
        let stripes = self.events.div_ceil(STRIPE);
        let own = (stripes + self.parts - 1 - part) / self.parts;
        let has_last = stripes > 0 && (stripes - 1) % self.parts == part;
        own * STRIPE - if has_last { stripes * STRIPE - self.events } else { 0 }
    }
}

impl<T, E, W> Source for Striped<T, E, W>
where
    T: Element,
    E: Fn(u64) -> (T, i64) + Send + Sync + 'static,
    W: Fn(u64) -> i64 + Send + Sync + 'static,
{
    type Out = T;
    type Restriction = OffsetRange;
    type Reader = ();

    const BOUNDED: bool = false;

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        let part = |part| OffsetRange::new(part * APART, part * APART + self.size(part));
        Ok((0..self.parts).map(part).collect())
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, T>) -> Result<(), BoxError> {
        claims.set_watermark(Timestamp::from_millis((self.watermark)(self.number(claims.restriction().next()))));
        claims.emit_run_at(|offset| {
            let (event, millis) = (self.event)(self.number(offset));
            (event, Timestamp::from_millis(millis))
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_is_in_one_part() {
        for (events, parts) in [(0, 1), (1, 3), (1024, 2), (10_000, 1), (10_000, 3), (9 * 1024, 4)] {
            let source = Striped::new(events, parts, |i| (i, 0), |_| 0);
            let ranges = source.split(1).unwrap();
            let offsets = ranges.iter().flat_map(|range| range.next()..range.end());
            let mut numbers: Vec<u64> = offsets.map(|offset| source.number(offset)).collect();
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..events));
        }
    }
}
