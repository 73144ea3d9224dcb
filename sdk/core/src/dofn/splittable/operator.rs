//! What runners hold of a splittable step: elements, restrictions and the states of watermark estimators are bytes.

use crate::dofn::erased::Wiring;
use crate::error::Result;
use crate::graph::EdgeCoder;
use crate::time::Timestamp;
use crate::windowing::{PaneInfo, Window};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// A splittable step: a factory of its operator. This is what the code table holds.
pub trait AnySplittable: Send + Sync {
    /// Makes an operator in front of its consumers.
    ///
    /// # Errors
    /// [`Error::Wire`](crate::Error::Wire) if a consumer wants another type.
    fn wire(&self, wiring: Wiring<'_>) -> Result<Box<dyn SplittableOperator>>;

    /// The coder of the parts of its work, as they are in [`Part::work`].
    fn coder(&self) -> Arc<dyn EdgeCoder>;

    /// What sizes and progress count: [`Restriction::UNIT`](crate::dofn::restriction::Restriction::UNIT).
    fn unit(&self) -> &'static str;
}

/// The operator of a splittable step.
///
/// Protocol: `start_bundle (initial | split | size | process | truncate)* finish_bundle`. After an error the bundle is lost and the operator
/// is dropped.
pub trait SplittableOperator: Send {
    /// Begins a bundle, downstream first.
    fn start_bundle(&mut self) -> Result<()>;

    /// All the work of an element.
    fn initial(&mut self, element: &Element<'_>) -> Result<Part>;

    /// Cuts all the work of an element into parts. Nothing is emitted.
    fn split(&mut self, element: &Element<'_>, whole: &Part) -> Result<Vec<Part>>;

    /// How much work a part is, in the restriction's own unit.
    fn size(&mut self, part: &Part) -> Result<f64>;

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
    /// The restriction and the state of the watermark estimator that goes on with it, a pair.
    pub work: Bytes,
    /// The watermark of what it will emit; it never goes back from a part to its residual.
    pub watermark: Timestamp,
}

/// When to stop, and what to give away then.
#[derive(Clone)]
pub struct Order {
    /// After so many claims, or rows of a run of claims, the part is split, or the pace asked. At least one.
    pub claims: usize,
    /// Which part of what is unclaimed is kept and worked on: 0.0 gives all of it away, a checkpoint.
    pub keep: f64,
    /// After so many claims more, the rest of what was kept is given away, too.
    pub further: usize,
    /// The processing time.
    pub now: Timestamp,
    /// Rows are handed on one by one, to see on which one a step behind fails.
    pub one_by_one: bool,
    /// Who decides in place of `keep` and `further`, while the work goes on.
    pub pace: Option<Arc<dyn Pace>>,
}

/// Decides while a part is worked on: for runners whose wishes come from elsewhere.
pub trait Pace: Send + Sync {
    /// What to do next; the progress is what was done and what is left, in the restriction's own unit.
    fn turn(&self, progress: (f64, f64)) -> Turn;

    /// Takes what was split off, if it wants to: then it is not among the residuals of [`Processed`].
    fn takes(&self, primary: &Part, residual: &Residual) -> bool;
}

/// What to do next with a part that is worked on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turn {
    /// Go on for so many claims, then ask again.
    GoOn {
        /// At least one.
        claims: usize,
    },
    /// Split off what is beyond a fraction of the unclaimed rest; then go on for so many claims.
    GiveAway {
        /// From 0.0, all of it is given away, to 1.0.
        keep: f64,
        /// At least one.
        claims: usize,
    },
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
    /// How much it is, in the restriction's own unit.
    pub size: f64,
    /// Not before so much processing time has passed.
    pub resume_after: Duration,
}
