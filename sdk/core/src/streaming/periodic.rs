//! Points in time, one after the other, as they come.

use crate::dofn::restriction::OffsetRange;
use crate::dofn::splittable::estimator::Manual;
use crate::dofn::splittable::tracker::Tracker;
use crate::dofn::splittable::{Continuation, ElementContext, SplittableDoFn};
use crate::error::BoxError;
use crate::time::{Timestamp, millis};
use crate::{Element, PCollection, PTransform, Root};
use std::time::Duration;

/// Points in time: `start`, and then each `interval` later, before `stop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Element)]
pub struct SequenceDefinition {
    /// The first; at the beginning of time it is the last whole multiple of the interval that has come when the pipeline runs.
    pub start: Timestamp,
    /// None is here or later.
    pub stop: Timestamp,
    /// Milliseconds from one to the next, at least one.
    pub interval: u64,
}

/// Emits the points in time of each [`SequenceDefinition`], at that time and not before it has come; those that have passed at
/// once. Beam's `PeriodicSequence`.
///
/// The watermark keeps to the next one. A pipeline that drains ends all sequences.
///
/// ```
/// # use ferrobeam_core::{prelude::*, testing::assert_that};
/// # ferrobeam_direct::DirectRunner::new().run(|root| {
/// let at = Timestamp::from_millis;
/// let sequences = root.create([SequenceDefinition { start: at(500), stop: at(2600), interval: 1000 }]);
/// assert_that(&sequences.apply(PeriodicSequence)).contains_in_any_order([at(500), at(1500), at(2500)]);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "a transform does nothing until it is applied"]
pub struct PeriodicSequence;

impl PTransform<PCollection<SequenceDefinition>> for PeriodicSequence {
    type Output = PCollection<Timestamp>;

    #[track_caller]
    fn expand(self, sequences: PCollection<SequenceDefinition>) -> PCollection<Timestamp> {
        sequences.par_do_splittable(Ticks).named("Ticks")
    }
}

/// Emits a point in time each period: Beam's `PeriodicImpulse`.
///
/// Without [`starting_at`](PeriodicImpulse::starting_at) it begins with the pipeline, by the last whole multiple of the period
/// that has come; what passed before is not made up for. It goes on until the pipeline drains, or up to
/// [`until`](PeriodicImpulse::until).
///
/// ```
/// # use ferrobeam_core::{prelude::*, testing::assert_that, time::seconds};
/// # ferrobeam_direct::DirectRunner::new().run(|root| {
/// let at = Timestamp::from_millis;
/// // The processing time of this runner begins in 1970.
/// let ticks = root.apply(PeriodicImpulse::every(seconds(10)).until(at(25_000)));
/// assert_that(&ticks).contains_in_any_order([at(0), at(10_000), at(20_000)]);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct PeriodicImpulse {
    interval: u64,
    start: Timestamp,
    stop: Timestamp,
}

impl PeriodicImpulse {
    /// One each period, in whole milliseconds, at least one.
    pub fn every(period: Duration) -> Self {
        let interval = u64::try_from(period.as_millis()).unwrap_or(u64::MAX).max(1);
        PeriodicImpulse { interval, start: Timestamp::MIN, stop: Timestamp::MAX }
    }

    /// The first is here. If that has passed when the pipeline runs, all up to now are emitted at once.
    pub fn starting_at(self, start: Timestamp) -> Self {
        PeriodicImpulse { start, ..self }
    }

    /// None is here or later.
    pub fn until(self, stop: Timestamp) -> Self {
        PeriodicImpulse { stop, ..self }
    }
}

impl PTransform<&Root> for PeriodicImpulse {
    type Output = PCollection<Timestamp>;

    #[track_caller]
    fn expand(self, root: &Root) -> PCollection<Timestamp> {
        let PeriodicImpulse { interval, start, stop } = self;
        root.create([SequenceDefinition { start, stop, interval }]).named("Sequence").apply(PeriodicSequence)
    }
}

impl SequenceDefinition {
    /// Whether it begins when the pipeline does. Then point 0 is that of 1970.
    fn begins_now(&self) -> bool {
        self.start == Timestamp::MIN
    }

    fn origin(&self) -> Timestamp {
        if self.begins_now() { Timestamp::EPOCH } else { self.start }
    }

    fn point(&self, i: u64) -> Timestamp {
        self.origin() + millis(i.saturating_mul(self.interval))
    }

    /// The number of the first one, for a pipeline that begins now. It has come: whoever waits for it, as for a table that is
    /// loaded each hour, does not wait for the hour to be over.
    fn first(&self, now: Timestamp) -> u64 {
        if self.begins_now() { self.before(now + millis(1)).saturating_sub(1) } else { 0 }
    }

    /// How many points lie before a time.
    fn before(&self, end: Timestamp) -> u64 {
        let length = u64::try_from(end.saturating_since(self.origin()).as_millis()).unwrap_or(u64::MAX);
        length.div_ceil(self.interval.max(1))
    }
}

#[derive(Clone)]
struct Ticks;

impl SplittableDoFn for Ticks {
    type In = SequenceDefinition;
    type Out = Timestamp;
    type Restriction = OffsetRange;
    type Estimator = Manual;

    const BOUNDED: bool = false;

    fn initial_restriction(&self, sequence: &SequenceDefinition) -> Result<OffsetRange, BoxError> {
        let ends = sequence.stop < Timestamp::MAX;
        Ok(if ends { OffsetRange::new(0, sequence.before(sequence.stop)) } else { OffsetRange::unbounded(0) })
    }

    fn process(
        &mut self,
        sequence: &SequenceDefinition,
        tracker: &mut Tracker<'_, OffsetRange, Timestamp, Manual>,
        _: &mut ElementContext<'_>,
    ) -> Result<Continuation, BoxError> {
        let now = tracker.now();
        let mut next = tracker.restriction().next();
        if next == 0 {
            next = sequence.first(now);
        }
        loop {
            let point = sequence.point(next);
            tracker.set_watermark(point.min(Timestamp::END_OF_GLOBAL_WINDOW));
            if point > now && next < tracker.restriction().end() {
                return Ok(Continuation::ResumeAfter(point.saturating_since(now)));
            }
            let Some(mut claim) = tracker.claim(next) else { return Ok(Continuation::Done) };
            claim.emit_at(point, point);
            next += 1;
        }
    }

    /// Also one with an end may go on for years.
    fn truncate(&self, _: &SequenceDefinition, _: OffsetRange) -> Result<Option<OffsetRange>, BoxError> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_point_has_come_when_the_pipeline_begins() {
        let sequence = |start| SequenceDefinition { start, stop: Timestamp::MAX, interval: 10 };
        let at = Timestamp::from_millis;
        let first = |now| sequence(Timestamp::MIN).point(sequence(Timestamp::MIN).first(at(now))).millis();
        assert_eq!([0, 9, 10, 25].map(first), [0, 0, 10, 20]);
        assert_eq!(sequence(at(40)).first(at(60)), 0);
    }
}
