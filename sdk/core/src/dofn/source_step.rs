//! The two steps of a source: one that cuts it into restrictions, and one whose elements these are.

use super::erased::{AnyReceiver, AnyStep, MAIN, Next, Receiver, Wiring, share};
use super::guard::guard;
use super::restriction::Restriction;
use super::source::{Claims, Source};
use super::splittable::estimator::Manual;
use super::splittable::step::put;
use super::splittable::tracker::Tracker;
use super::splittable::{Continuation, ElementContext, SplittableDoFn};
use crate::batch::{Batch, Meta};
use crate::error::{BoxError, Result};
use crate::graph::StepName;
use crate::time::Timestamp;
use bytes::Bytes;
use std::sync::Arc;

/// The step that cuts a source into restrictions, at run time.
pub(crate) struct SplitStep<S>(pub(crate) Arc<S>);

impl<S: Source> AnyStep for SplitStep<S> {
    fn wire(&self, wiring: Wiring<'_>) -> Result<AnyReceiver> {
        Ok(AnyReceiver::new(Splitter {
            step: wiring.step.clone(),
            source: self.0.clone(),
            parts: wiring.parts,
            next: wiring.outputs.take::<S::Restriction>(MAIN)?,
        }))
    }

    fn share(&self, input: AnyReceiver, producers: usize) -> Result<Vec<AnyReceiver>> {
        Ok(share(input.typed::<()>()?, producers))
    }
}

struct Splitter<S: Source> {
    step: StepName,
    source: Arc<S>,
    parts: usize,
    next: Next<S::Restriction>,
}

impl<S: Source> Receiver<()> for Splitter<S> {
    fn start_bundle(&mut self) -> Result<()> {
        self.next.start_bundle()
    }

    fn receive(&mut self, batch: Batch<()>) -> Result<()> {
        for _ in batch.values {
            let values = guard(&self.step, || self.source.split(self.parts))?;
            if !values.is_empty() {
                self.next.receive(Batch { values, meta: Meta::at(Timestamp::MIN) })?;
            }
        }
        Ok(())
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.next.finish_bundle()
    }
}

/// Reads a source: each restriction is an element, and all the work on it.
pub(crate) struct Read<S: Source> {
    source: Arc<S>,
    open: Option<Open<S::Reader>>,
}

/// A reader that stands where a residual begins.
struct Open<R> {
    reader: R,
    /// The residual; taking it up again needs no opening.
    residual: Bytes,
}

impl<S: Source> Read<S> {
    pub(crate) fn new(source: Arc<S>) -> Self {
        Read { source, open: None }
    }
}

impl<S: Source> Clone for Read<S> {
    fn clone(&self) -> Self {
        Read::new(self.source.clone())
    }
}

impl<S: Source> SplittableDoFn for Read<S> {
    type In = S::Restriction;
    type Out = S::Out;
    type Restriction = S::Restriction;
    type Estimator = Manual;

    const BOUNDED: bool = S::BOUNDED;
    const FINALIZES: bool = S::FINALIZES;

    fn initial_restriction(&self, restriction: &S::Restriction) -> Result<S::Restriction, BoxError> {
        Ok(restriction.clone())
    }

    fn process(
        &mut self,
        _: &S::Restriction,
        tracker: &mut Tracker<'_, S::Restriction, S::Out, Manual>,
        _: &mut ElementContext<'_>,
    ) -> Result<Continuation, BoxError> {
        let encoded = put(tracker.restriction())?;
        let mut reader = match self.open.take() {
            Some(open) if open.residual == encoded => open.reader,
            _ => self.source.open(tracker.restriction())?,
        };
        loop {
            let Tracker { work, out } = &mut *tracker;
            let tracker = Tracker { work, out };
            let mut claims = Claims { tracker, moves_watermark: !S::BOUNDED, resume_after: None };
            self.source.read(&mut reader, &mut claims)?;
            let Claims { mut tracker, resume_after, .. } = claims;
            if tracker.out.halt.is_some() {
                // The reader may be beyond what was refused.
                return Ok(Continuation::Done);
            }
            match resume_after {
                Some(delay) => {
                    tracker.work.give_away(0.0, delay);
                    if !tracker.work.restriction.is_done() {
                        return Err("its restriction gave nothing away when it stopped".into());
                    }
                }
                None if tracker.out.left == 0 => {
                    if !tracker.goes_on() {
                        return Ok(Continuation::Done);
                    }
                }
                None if tracker.work.restriction.is_done() => {}
                // Too early, as the operator will find.
                None if tracker.work.restriction.is_bounded() => return Ok(Continuation::Done),
                None => return Err("it returned with room left, and said nothing by `resume_after`".into()),
            }
            if tracker.work.restriction.is_done() {
                let residual = tracker.work.given.last().map(|given| put(&given.restriction)).transpose()?;
                self.open = residual.map(|residual| Open { reader, residual });
                return Ok(Continuation::Done);
            }
        }
    }

    fn truncate(&self, _: &S::Restriction, part: S::Restriction) -> Result<Option<S::Restriction>, BoxError> {
        self.source.truncate(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dofn::restriction::OffsetRange;
    use crate::dofn::splittable::tests::{Driver, at, restriction};
    use std::sync::Mutex;
    use std::time::Duration;

    /// The offsets of a range, in event time; looks for room as sources should, or only claims.
    #[derive(Clone, Default)]
    struct Offsets<const BOUNDED: bool> {
        looks: bool,
        /// What it finds nothing at, the first time.
        empty: Option<u64>,
        stops_early: bool,
        opened: Arc<Mutex<Vec<u64>>>,
    }

    impl<const BOUNDED: bool> Source for Offsets<BOUNDED> {
        type Out = u64;
        type Restriction = OffsetRange;
        /// What is to be read next.
        type Reader = u64;
        const BOUNDED: bool = BOUNDED;

        fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
            Ok(vec![OffsetRange::new(0, 50), OffsetRange::new(50, 100)])
        }
        fn open(&self, range: &OffsetRange) -> Result<u64, BoxError> {
            self.opened.lock().unwrap().push(range.next());
            Ok(range.next())
        }
        fn read(&self, next: &mut u64, claims: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
            while !self.stops_early && (!self.looks || claims.has_room()) {
                if self.empty == Some(*next) && claims.now() < at(6000) {
                    claims.resume_after(Duration::from_secs(3));
                    return Ok(());
                }
                // It reads before it claims, as readers of records do.
                let record = *next;
                *next += 1;
                let Some(mut claim) = claims.claim(record) else { return Ok(()) };
                let time = at(record.cast_signed());
                claim.emit_at(record, time);
                claims.set_watermark(time);
            }
            Ok(())
        }
    }

    fn driver<const BOUNDED: bool>(source: Offsets<BOUNDED>, range: &OffsetRange) -> Driver {
        let mut driver = Driver::new(Read::new(Arc::new(source)), range);
        driver.time = Timestamp::MIN;
        driver
    }

    fn all(rows: &[(u64, Timestamp)]) -> bool {
        rows.iter().map(|row| row.0).eq(0..100)
    }

    #[test]
    fn a_reader_stays_open_where_it_was_not_refused() {
        for looks in [true, false] {
            let source = Offsets::<true> { looks, ..Offsets::default() };
            let mut driver = driver(source.clone(), &OffsetRange::new(0, 100));
            assert!(all(&driver.finish(&[(30, 0.0)])));
            let expected: &[u64] = if looks { &[0] } else { &[0, 30, 60, 90] };
            assert_eq!(*source.opened.lock().unwrap(), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn every_record_is_read_once(
            looks in proptest::prelude::any::<bool>(),
            empty in proptest::option::of(0u64..100),
            orders in proptest::collection::vec((1usize..60, 0.0..1.0f64), 1..5),
            further in 1usize..60,
        ) {
            let source = Offsets::<true> { looks, empty, ..Offsets::default() };
            let mut driver = driver(source, &OffsetRange::new(0, 100));
            (driver.now, driver.further) = (at(5995), further);
            assert!(all(&driver.finish(&orders)));
        }
    }

    #[test]
    fn an_unbounded_source_waits_and_its_watermark_moves() {
        let source = Offsets::<false> { looks: true, empty: Some(40), ..Offsets::default() };
        let mut driver = driver(source.clone(), &OffsetRange::unbounded(0));
        let part = driver.split().unwrap().remove(0);
        assert_eq!(part.watermark, Timestamp::MIN);
        let [full] = &driver.process(&part, 30, 0.0).unwrap().residuals[..] else { panic!("one residual") };
        assert_eq!((full.resume_after, full.part.watermark), (Duration::ZERO, at(29)));
        let [idle] = &driver.process(&full.part, 30, 0.5).unwrap().residuals[..] else { panic!("one residual") };
        assert_eq!((idle.resume_after, idle.part.watermark), (Duration::from_secs(3), at(39)));
        assert_eq!(restriction::<OffsetRange>(&idle.part), OffsetRange::unbounded(40));
        driver.now = at(6000);
        driver.process(&idle.part, 30, 0.5).unwrap();
        assert_eq!(driver.rows().len(), 70);
        assert_eq!(*source.opened.lock().unwrap(), [0]);
        assert_eq!(driver.truncate(&part).unwrap(), None);
    }

    #[test]
    fn a_bounded_source_holds_its_watermark() {
        let source = Offsets::<true> { looks: true, ..Offsets::default() };
        let mut driver = driver(source, &OffsetRange::new(0, 100));
        let part = driver.split().unwrap().remove(0);
        let processed = driver.process(&part, 30, 0.0).unwrap();
        assert_eq!(processed.residuals[0].part.watermark, Timestamp::MIN);
        assert_eq!(driver.truncate(&part).unwrap(), Some(part));
    }

    #[test]
    fn a_source_that_stops_early_fails() {
        let source = Offsets::<true> { stops_early: true, ..Offsets::default() };
        let mut bounded = driver(source, &OffsetRange::new(0, 100));
        let part = bounded.split().unwrap().remove(0);
        let error = bounded.process(&part, 30, 0.0).unwrap_err().to_string();
        assert!(error.contains("before all of its restriction was claimed"), "{error}");
        let source = Offsets::<false> { stops_early: true, ..Offsets::default() };
        let mut unbounded = driver(source, &OffsetRange::unbounded(0));
        let part = unbounded.split().unwrap().remove(0);
        let error = unbounded.process(&part, 30, 0.0).unwrap_err().to_string();
        assert!(error.contains("said nothing by `resume_after`"), "{error}");
    }
}
