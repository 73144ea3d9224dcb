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
