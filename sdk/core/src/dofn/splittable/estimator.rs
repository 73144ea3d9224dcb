//! How far event time has got in a part of the work of one element.

use crate::Element;
use crate::time::Timestamp;

/// Says how far event time has got in a restriction: nothing earlier is expected of it.
///
/// The estimator itself travels: a residual gets a copy, taken with the split. What it says need not be in order; the
/// watermark of a residual never lies before that of the restriction that it was split off from.
pub trait WatermarkEstimator: Element {
    /// The estimator of a whole restriction; `at` is the timestamp of its element.
    fn start(at: Timestamp) -> Self;

    /// Sees the timestamp of everything that is emitted.
    fn observe(&mut self, at: Timestamp) {
        let _ = at;
    }

    /// The watermark at the processing time `now`.
    fn watermark(&self, now: Timestamp) -> Timestamp;
}

/// No estimator: the timestamp of the element holds until all work on it is done.
impl WatermarkEstimator for () {
    fn start(_: Timestamp) -> Self {}

    fn watermark(&self, _: Timestamp) -> Timestamp {
        Timestamp::MIN
    }
}

/// A watermark that the step sets itself ([`Tracker::set_watermark`](super::Tracker::set_watermark)).
#[derive(Clone, Debug, PartialEq, Element)]
pub struct Manual {
    pub(crate) watermark: Timestamp,
}

impl WatermarkEstimator for Manual {
    fn start(at: Timestamp) -> Self {
        Manual { watermark: at }
    }

    fn watermark(&self, _: Timestamp) -> Timestamp {
        self.watermark
    }
}

/// The latest timestamp that was emitted: of work whose output is in the order of event time.
#[derive(Clone, Debug, PartialEq, Element)]
pub struct Monotonic {
    latest: Timestamp,
}

impl WatermarkEstimator for Monotonic {
    fn start(at: Timestamp) -> Self {
        Monotonic { latest: at }
    }

    #[inline]
    fn observe(&mut self, at: Timestamp) {
        self.latest = self.latest.max(at);
    }

    fn watermark(&self, _: Timestamp) -> Timestamp {
        self.latest
    }
}

/// The processing time: of work whose output is stamped when it is emitted.
#[derive(Clone, Debug, PartialEq, Element)]
pub struct WallTime;

impl WatermarkEstimator for WallTime {
    fn start(_: Timestamp) -> Self {
        WallTime
    }

    fn watermark(&self, now: Timestamp) -> Timestamp {
        now
    }
}
