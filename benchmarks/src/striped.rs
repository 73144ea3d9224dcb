//! Events that are made as they are read, with a watermark that moves.

use ferrobeam::prelude::*;
use std::marker::PhantomData;

/// A stretch of events that one part makes.
const STRIPE: u64 = 1024;
/// Between the offsets of two parts.
const APART: u64 = 1 << 40;

/// So many numbers in so many parts, of which each has every so many'th stripe, so that event time stays in step.
#[derive(Clone, Copy)]
struct Stripes {
    numbers: u64,
    parts: u64,
}

impl Stripes {
    fn new(numbers: u64, parts: usize) -> Self {
        Stripes { numbers, parts: parts.max(1) as u64 }
    }

    /// The number at an offset.
    fn number(self, offset: u64) -> u64 {
        let (part, at) = (offset / APART, offset % APART);
        ((at / STRIPE) * self.parts + part) * STRIPE + at % STRIPE
    }

    /// How many numbers a part has.
    fn size(self, part: u64) -> u64 {
        let stripes = self.numbers.div_ceil(STRIPE);
        let own = (stripes + self.parts - 1 - part) / self.parts;
        let has_last = stripes > 0 && (stripes - 1) % self.parts == part;
        own * STRIPE - if has_last { stripes * STRIPE - self.numbers } else { 0 }
    }

    fn split(self) -> Vec<OffsetRange> {
        let part = |part| OffsetRange::new(part * APART, part * APART + self.size(part));
        (0..self.parts).map(part).collect()
    }
}

/// Events that are made as they are read, each with its time.
pub struct Striped<T, E, W> {
    stripes: Stripes,
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
        Striped { stripes: Stripes::new(events, parts), event, watermark, of: PhantomData }
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
        Ok(self.stripes.split())
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, T>) -> Result<(), BoxError> {
        let first = self.stripes.number(claims.restriction().next());
        claims.set_watermark(Timestamp::from_millis((self.watermark)(first)));
        claims.emit_run_at(|offset| {
            let (event, millis) = (self.event)(self.stripes.number(offset));
            (event, Timestamp::from_millis(millis))
        });
        Ok(())
    }
}

/// The numbers of events, for steps that make the event and find its time; until then it is the earliest that may come.
pub struct StripedNumbers<W> {
    stripes: Stripes,
    /// Before this no event from a number on happens.
    watermark: W,
}

impl<W: Fn(u64) -> i64 + Send + Sync + 'static> StripedNumbers<W> {
    /// So many numbers, in so many parts.
    pub fn new(events: u64, parts: usize, watermark: W) -> Self {
        StripedNumbers { stripes: Stripes::new(events, parts), watermark }
    }
}

impl<W: Fn(u64) -> i64 + Send + Sync + 'static> Source for StripedNumbers<W> {
    type Out = u64;
    type Restriction = OffsetRange;
    type Reader = ();

    const BOUNDED: bool = false;

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        Ok(self.stripes.split())
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
        let first = self.stripes.number(claims.restriction().next());
        let earliest = Timestamp::from_millis((self.watermark)(first));
        claims.set_watermark(earliest);
        claims.emit_run(earliest, |offset| self.stripes.number(offset));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_is_in_one_part() {
        for (events, parts) in [(0, 1), (1, 3), (1024, 2), (10_000, 1), (10_000, 3), (9 * 1024, 4)] {
            let stripes = Stripes::new(events, parts);
            let ranges = stripes.split();
            let offsets = ranges.iter().flat_map(|range| range.next()..range.end());
            let mut numbers: Vec<u64> = offsets.map(|offset| stripes.number(offset)).collect();
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..events));
        }
    }
}
