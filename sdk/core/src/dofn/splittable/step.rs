//! The operator of a [`SplittableDoFn`]: life cycle, coders, and what has come of a call.

use super::estimator::WatermarkEstimator;
use super::operator::{AnySplittable, Element, Order, Part, Processed, SplittableOperator};
use super::output::{Halt, Output};
use super::tracker::{Given, Tracker, Work};
use super::{Continuation, ElementContext, SplittableDoFn};
use crate::coder::{self, CoderError, Decoded};
use crate::dofn::dofn_step::TagFactory;
use crate::dofn::erased::Wiring;
use crate::dofn::finalize::guarded;
use crate::dofn::guard::guard;
use crate::dofn::restriction::Restriction;
use crate::dofn::side::SideCache;
use crate::error::{BoxError, Result};
use crate::graph::{CoderOf, EdgeCoder, StepName};
use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};

/// A step made of a `SplittableDoFn`.
pub(crate) struct SplittableStep<D> {
    /// Behind a mutex only to spare users a `Sync` bound; it is locked once per wiring.
    prototype: Mutex<D>,
    tags: Vec<TagFactory>,
}

impl<D: SplittableDoFn> SplittableStep<D> {
    pub(crate) fn new(dofn: D, tags: Vec<TagFactory>) -> Self {
        SplittableStep { prototype: Mutex::new(dofn), tags }
    }
}

impl<D: SplittableDoFn> AnySplittable for SplittableStep<D> {
    fn wire(&self, wiring: Wiring<'_>) -> Result<Box<dyn SplittableOperator>> {
        let out = Output::wire(wiring.outputs, &self.tags)?;
        let dofn = guard(wiring.step, || Ok(self.prototype.lock().unwrap_or_else(PoisonError::into_inner).clone()))?;
        Ok(Box::new(Operator {
            step: wiring.step.clone(),
            dofn,
            ready: false,
            parts: wiring.parts,
            sides: SideCache::new(wiring.sides),
            out,
        }))
    }

    fn coder(&self) -> Arc<dyn EdgeCoder> {
        CoderOf::<(D::Restriction, D::Estimator)>::shared()
    }

    fn unit(&self) -> &'static str {
        D::Restriction::UNIT
    }
}

struct Operator<D: SplittableDoFn> {
    step: StepName,
    dofn: D,
    ready: bool,
    parts: usize,
    sides: SideCache,
    out: Output<D::Out>,
}

impl<D: SplittableDoFn> SplittableOperator for Operator<D> {
    fn start_bundle(&mut self) -> Result<()> {
        self.sides.start_bundle();
        self.out.start_bundle()?;
        if !self.ready {
            // Torn down also if `setup` fails half-way: it may have opened something.
            self.ready = true;
            guard(&self.step, || self.dofn.setup())?;
        }
        guard(&self.step, || self.dofn.start_bundle())
    }

    fn initial(&mut self, element: &Element<'_>) -> Result<Part> {
        guard(&self.step, || {
            let whole = self.dofn.initial_restriction(&take(element.bytes)?)?;
            let work = put(&(whole, D::Estimator::start(element.time)))?;
            Ok(Part { work, watermark: element.time })
        })
    }

    fn split(&mut self, element: &Element<'_>, whole: &Part) -> Result<Vec<Part>> {
        guard(&self.step, || {
            let (restriction, estimator): (D::Restriction, D::Estimator) = take(&whole.work)?;
            let restrictions = self.dofn.split(&take(element.bytes)?, restriction, self.parts)?;
            let part = |restriction: D::Restriction| {
                if D::BOUNDED && !restriction.is_bounded() {
                    return Err("it says that its work ends, but made a restriction that does not".into());
                }
                Ok(Part { work: put(&(restriction, estimator.clone()))?, watermark: whole.watermark })
            };
            restrictions.into_iter().map(part).collect::<Result<_, BoxError>>()
        })
    }

    fn size(&mut self, part: &Part) -> Result<f64> {
        guard(&self.step, || {
            let (restriction, _): (D::Restriction, D::Estimator) = take(&part.work)?;
            Ok(restriction.progress().1)
        })
    }

    fn process(&mut self, element: &Element<'_>, part: &Part, order: &Order) -> Result<Processed> {
        let Operator { step, dofn, sides, out, .. } = self;
        out.begin(element, order);
        let processed = guarded(step, D::FINALIZES, || {
            let value: D::In = take(element.bytes)?;
            let (restriction, estimator) = take(&part.work)?;
            let mut work: Work<D::Restriction, D::Estimator> = Work {
                restriction,
                estimator,
                watermark: part.watermark,
                keep: order.keep,
                further: order.further,
                now: order.now,
                pace: order.pace.clone(),
                given: Vec::new(),
            };
            let mut ctx = ElementContext { element: *element, sides };
            let result = dofn.process(&value, &mut Tracker { work: &mut work, out }, &mut ctx);
            match out.halt.take() {
                // A step behind that fails is nothing that user code could have handled.
                Some(Halt::Failed(error)) => return Err(error.into()),
                Some(Halt::Mistake(mistake)) => return Err(with_restriction::<D>(&mistake, part)),
                Some(Halt::Refused) | None => {}
            }
            end::<D>(&mut work, result?, part)?;
            processed(&work)
        })?;
        self.out.flush()?;
        Ok(processed)
    }

    fn truncate(&mut self, element: &Element<'_>, part: &Part) -> Result<Option<Part>> {
        guard(&self.step, || {
            let (restriction, estimator): (D::Restriction, D::Estimator) = take(&part.work)?;
            let left = self.dofn.truncate(&take(element.bytes)?, restriction)?;
            let Some(left) = left else { return Ok(None) };
            if !left.is_bounded() {
                return Err(with_restriction::<D>("what it truncates its restriction to has no end", part));
            }
            Ok(Some(Part { work: put(&(left, estimator))?, watermark: part.watermark }))
        })
    }

    fn finish_bundle(&mut self) -> Result<()> {
        guard(&self.step, || self.dofn.finish_bundle())?;
        self.out.finish_bundle()
    }
}

impl<D: SplittableDoFn> Drop for Operator<D> {
    fn drop(&mut self) {
        if self.ready {
            // Nobody can take an error here, and a panic in user code must not become one in the runner.
            let _ = guard(&self.step, || {
                self.dofn.teardown();
                Ok(())
            });
        }
    }
}

/// Takes what user code has left as its word says.
fn end<D: SplittableDoFn>(
    work: &mut Work<D::Restriction, D::Estimator>,
    continuation: Continuation,
    part: &Part,
) -> Result<(), BoxError> {
    match continuation {
        Continuation::Done if work.restriction.is_done() || !work.restriction.is_bounded() => Ok(()),
        Continuation::Done => Err(with_restriction::<D>("it returned before all of its restriction was claimed", part)),
        Continuation::ResumeAfter(delay) => {
            if !work.give_away(0.0, delay) && !work.restriction.is_done() {
                return Err(with_restriction::<D>("it stopped, but its restriction gave nothing away", part));
            }
            Ok(())
        }
    }
}

fn processed<R: Restriction, E: WatermarkEstimator>(work: &Work<R, E>) -> Result<Processed, BoxError> {
    let (done, mut left) = work.restriction.progress();
    left += work.given.iter().map(|given| given.restriction.progress().1).sum::<f64>();
    let residuals = work.given.iter().map(Given::residual).collect::<Result<_, CoderError>>()?;
    Ok(Processed { residuals, progress: Some((done, left)) })
}

/// A mistake, and the restriction on which it happened, as it was when the call began.
#[cold]
fn with_restriction<D: SplittableDoFn>(mistake: &str, part: &Part) -> BoxError {
    let restriction =
        match take::<(D::Restriction, D::Estimator)>(&part.work).and_then(|(restriction, _)| put(&restriction)) {
            Ok(restriction) => coder::describe(&coder::spec_of::<D::Restriction>(), &restriction),
            Err(error) => error.to_string(),
        };
    format!("{mistake} (the restriction: {restriction})").into()
}

/// What these bytes are, in the nested context.
fn take<T: crate::Element>(bytes: &Bytes) -> Decoded<T> {
    let mut input = &bytes[..];
    let value = coder::take_as(&mut input)?;
    match input.len() {
        0 => Ok(value),
        bytes => Err(coder::CoderProblem::Trailing { bytes }.into()),
    }
}

pub(crate) fn put<T: crate::Element>(value: &T) -> Result<Bytes, CoderError> {
    let mut bytes = Vec::new();
    coder::put(value, &mut bytes)?;
    Ok(bytes.into())
}
