//! Work on one element that can be cut and moved.

pub mod estimator;
pub mod operator;
pub(crate) mod output;
pub(crate) mod step;
#[cfg(test)]
pub(crate) mod tests;
pub mod tracker;

use crate::Element;
use crate::dofn::finalize;
use crate::dofn::restriction::Restriction;
use crate::dofn::side::{SideCache, View};
use crate::error::BoxError;
use crate::time::Timestamp;
use crate::windowing::{PaneInfo, Window};
use estimator::WatermarkEstimator;
use std::sync::Arc;
use std::time::Duration;
use tracker::Tracker;

/// A function from an element to any number of elements, whose work on one element can be cut, moved and interrupted.
///
/// What there is to do for an element is described by a [`Restriction`]. The runner calls `process` with parts of it, on
/// any worker, and interrupts it by refusing claims; what was not claimed is processed later or elsewhere. Only a claim can
/// emit. Life cycle and repetition are those of a [`DoFn`](crate::dofn::DoFn).
///
/// ```
/// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
/// /// The numbers below each number.
/// #[derive(Clone)]
/// struct Below;
///
/// impl SplittableDoFn for Below {
///     type In = u64;
///     type Out = u64;
///     type Restriction = OffsetRange;
///     type Estimator = ();
///
///     fn initial_restriction(&self, end: &u64) -> Result<OffsetRange, BoxError> {
///         Ok(OffsetRange::new(0, *end))
///     }
///     fn process(
///         &mut self,
///         _: &u64,
///         tracker: &mut Tracker<'_, OffsetRange, u64>,
///         _: &mut ElementContext<'_>,
///     ) -> Result<Continuation, BoxError> {
///         let mut next = tracker.restriction().next();
///         while let Some(mut claim) = tracker.claim(next) {
///             claim.emit(next);
///             next += 1;
///         }
///         Ok(Continuation::Done)
///     }
/// }
///
/// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
/// # direct.run(|root| {
/// let numbers = root.create([2u64, 3]).par_do_splittable(Below);
/// assert_that(&numbers).contains_in_any_order([0, 1, 0, 1, 2]);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub trait SplittableDoFn: Clone + Send + 'static {
    /// What comes in.
    type In: Element;
    /// What goes out by the main output.
    type Out: Element;
    /// A part of the work on one element.
    type Restriction: Restriction;
    /// How far event time has got in it: `()`, [`Manual`](estimator::Manual), [`Monotonic`](estimator::Monotonic),
    /// [`WallTime`](estimator::WallTime), or one of your own.
    type Estimator: WatermarkEstimator;

    /// Whether the work on each element ends. A restriction that has no end fails the step if this says so.
    const BOUNDED: bool = true;

    /// Whether it calls [`after_commit`](ElementContext::after_commit): engines must know beforehand.
    const FINALIZES: bool = false;

    /// All the work on an element.
    ///
    /// # Errors
    /// Any error fails the bundle.
    fn initial_restriction(&self, element: &Self::In) -> Result<Self::Restriction, BoxError>;

    /// Cuts it, if possible into about `parts` parts, which are disjoint and make up the whole.
    ///
    /// # Errors
    /// Any error fails the bundle.
    fn split(
        &self,
        element: &Self::In,
        whole: Self::Restriction,
        parts: usize,
    ) -> Result<Vec<Self::Restriction>, BoxError> {
        let _ = (element, parts);
        Ok(vec![whole])
    }

    /// Works on a part: claims position after position, and emits by the claims.
    ///
    /// # Errors
    /// Any error fails the bundle. So does returning [`Continuation::Done`] before all of a bounded restriction is claimed.
    fn process(
        &mut self,
        element: &Self::In,
        tracker: &mut Tracker<'_, Self::Restriction, Self::Out, Self::Estimator>,
        ctx: &mut ElementContext<'_>,
    ) -> Result<Continuation, BoxError>;

    /// What is still to be done when the pipeline drains; by default what the restriction itself says.
    ///
    /// # Errors
    /// Any error fails the bundle.
    fn truncate(&self, element: &Self::In, part: Self::Restriction) -> Result<Option<Self::Restriction>, BoxError> {
        let _ = element;
        Ok(part.truncate())
    }

    /// Called once before the first bundle: opens connections, loads models.
    fn setup(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// Called before the work of each bundle.
    fn start_bundle(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// Called after the work of each bundle. Nothing is claimed then, so it emits nothing.
    fn finish_bundle(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// Called once when the instance goes, whether the last bundle succeeded or not. It has nobody to report to.
    fn teardown(&mut self) {}
}

/// Why a splittable step has returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuation {
    /// A claim was refused, or all is claimed. Of a restriction without an end: nothing more will come.
    Done,
    /// There is nothing to claim now: what is unclaimed is processed again after so much processing time, or later.
    ResumeAfter(Duration),
}

/// What a splittable step may know of its element.
pub struct ElementContext<'a> {
    pub(crate) element: operator::Element<'a>,
    pub(crate) sides: &'a mut SideCache,
}

impl ElementContext<'_> {
    /// The element's event time.
    pub fn timestamp(&self) -> Timestamp {
        self.element.time
    }

    /// The element's window; an element in several is processed once for each.
    pub fn window(&self) -> Window {
        self.element.window
    }

    /// The firing that the element belongs to.
    pub fn pane(&self) -> PaneInfo {
        self.element.pane
    }

    /// The side input in the window that belongs to the element's.
    ///
    /// # Errors
    /// The view was not declared at the step, or its collection does not have the form that it asks for.
    pub fn side<V: View>(&mut self, view: &V) -> Result<Arc<V::Seen>, BoxError> {
        self.sides.load(view, self.element.window)?;
        self.sides.get(view).cloned()
    }

    /// Calls back once the bundle is committed, and with it where the work on what is left begins: the moment to
    /// acknowledge what was read. See [`Context::after_commit`](crate::dofn::Context::after_commit).
    pub fn after_commit(&mut self, callback: impl FnOnce() -> Result<(), BoxError> + Send + 'static) {
        finalize::after_commit(Box::new(callback));
    }

    /// Calls back once what was read cannot be lost any more: see
    /// [`Context::when_durable`](crate::dofn::Context::when_durable).
    pub fn when_durable(&mut self, callback: impl FnOnce() -> Result<(), BoxError> + Send + 'static) {
        finalize::when_durable(Box::new(callback));
    }
}
