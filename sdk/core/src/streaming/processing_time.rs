//! The time at which an element is processed, as its event time.

use crate::dofn::restriction::OffsetRange;
use crate::dofn::splittable::tracker::Tracker;
use crate::dofn::splittable::{Continuation, ElementContext, SplittableDoFn};
use crate::error::BoxError;
use crate::{Element, PCollection, PTransform};
use std::marker::PhantomData;

/// Gives each element the processing time of this step for its timestamp, or leaves the one that it has if that is later.
///
/// Behind it, windows are windows of processing time. They close by the watermark, which does not pass the event time of the
/// source: for a stream whose event times matter nowhere, let the source itself take the time of its arrival (ingestion
/// time), which most offer. What the data say of their time is taken by
/// [`with_timestamps`](crate::PCollection::with_timestamps).
///
/// ```
/// # use ferrobeam_core::{prelude::*, testing::assert_that};
/// # ferrobeam_direct::DirectRunner::new().run(|root| {
/// // The processing time of this runner begins in 1970.
/// let seen = root.create(["a".to_owned()]).apply(WithProcessingTime);
/// assert_that(&seen.latest_globally()).is_singleton("a".to_owned());
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "a transform does nothing until it is applied"]
pub struct WithProcessingTime;

impl<T: Element> PTransform<PCollection<T>> for WithProcessingTime {
    type Output = PCollection<T>;

    #[track_caller]
    fn expand(self, elements: PCollection<T>) -> PCollection<T> {
        elements.par_do_splittable(Stamp(PhantomData)).named("Stamp")
    }
}

/// Splittable because that is what knows the runner's clock; there is one thing to claim.
#[derive(Clone)]
struct Stamp<T>(PhantomData<fn(T)>);

impl<T: Element> SplittableDoFn for Stamp<T> {
    type In = T;
    type Out = T;
    type Restriction = OffsetRange;
    type Estimator = ();

    fn initial_restriction(&self, _: &T) -> Result<OffsetRange, BoxError> {
        Ok(OffsetRange::new(0, 1))
    }

    fn process(
        &mut self,
        element: &T,
        tracker: &mut Tracker<'_, OffsetRange, T>,
        ctx: &mut ElementContext<'_>,
    ) -> Result<Continuation, BoxError> {
        let at = tracker.now().max(ctx.timestamp());
        if let Some(mut claim) = tracker.claim(0) {
            claim.emit_at(element.clone(), at);
        }
        Ok(Continuation::Done)
    }
}
