//! What runners hold of a splittable step: elements, restrictions and the states of watermark estimators are bytes.

use crate::dofn::erased::Wiring;
use crate::error::Result;
use crate::time::Timestamp;
use crate::windowing::{PaneInfo, Window};
use bytes::Bytes;
use std::time::Duration;

/// A splittable step: a factory of its operator. This is what the code table holds.
pub trait AnySplittable: Send + Sync {
    /// Makes an operator in front of its consumers.
    ///
    /// # Errors
    /// [`Error::Wire`](crate::Error::Wire) if a consumer wants another type.
    fn wire(&self, wiring: Wiring<'_>) -> Result<Box<dyn SplittableOperator>>;
}

/// The operator of a splittable step.
///
/// Protocol: `start_bundle (split | process | truncate)* finish_bundle`. After an error the bundle is lost and the operator
/// is dropped.
pub trait SplittableOperator: Send {
    /// Begins a bundle, downstream first.
    fn start_bundle(&mut self) -> Result<()>;

    /// Cuts all the work of an element into parts. Nothing is emitted.
    fn split(&mut self, element: &Element<'_>) -> Result<Vec<Part>>;

    /// Works on a part until it is done, stops by itself, or `order` says so.
    fn process(&mut self, element: &Element<'_>, part: &Part, order: &Order) -> Result<Processed>;

    /// What of a part is still to be done when the pipeline drains: the finite rest of it, or nothing.
    fn truncate(&mut self, element: &Element<'_>, part: &Part) -> Result<Option<Part>>;

    /// Ends the bundle; everything that was emitted has been passed on when it returns.
    fn finish_bundle(&mut self) -> Result<()>;
}

/// An encoded element in one window.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    /// The element.
    pub bytes: &'a Bytes,
    /// Its event time.
    pub time: Timestamp,
    /// Its window.
    pub window: Window,
    /// The firing that it belongs to.
    pub pane: PaneInfo,
}

/// A part of the work of one element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The restriction.
    pub restriction: Bytes,
    /// The state of the watermark estimator that goes on with it.
    pub estimator: Bytes,
    /// The watermark of what it will emit; it never goes back from a part to its residual.
    pub watermark: Timestamp,
}

/// When to stop, and what to give away then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Order {
    /// After so many claims, or rows of a run of claims, the part is split. At least one.
    pub claims: usize,
    /// Which part of what is unclaimed is kept and worked on: 0.0 gives all of it away, a checkpoint.
    pub keep: f64,
    /// After so many claims more, the rest of what was kept is given away, too.
    pub further: usize,
    /// The processing time.
    pub now: Timestamp,
    /// Rows are handed on one by one, to see on which one a step behind fails.
    pub one_by_one: bool,
}

/// What has come of working on a part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Processed {
    /// What was given away: nothing, what a split gave, what the step stopped at, or both. Disjoint, and with what was
    /// claimed the whole part.
    pub residuals: Vec<Residual>,
    /// How much was done and how much is left, in the restriction's own unit, when it stopped.
    pub progress: Option<(f64, f64)>,
}

/// Work that is left.
#[derive(Clone, Debug, PartialEq)]
pub struct Residual {
    /// The work, with the estimator's watermark as it was when it was split off.
    pub part: Part,
    /// Not before so much processing time has passed.
    pub resume_after: Duration,
}
