//! Count, mean and standard deviation: a combine function of one's own.

use ferrobeam::prelude::*;

/// Mean and standard deviation in one pass, by the parallel form of Welford's algorithm (Chan, Golub and LeVeque, 1979),
/// which does not lose digits where the deviation is small beside the mean.
#[derive(Clone, Debug)]
pub struct Moments;

/// What some numbers have come to.
#[derive(Clone, Debug, Element)]
pub struct MomentsSoFar {
    count: u64,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
}

impl CombineFn for Moments {
    type In = f64;
    type Acc = MomentsSoFar;
    type Out = (u64, f64, f64);

    fn create_accumulator(&self) -> MomentsSoFar {
        MomentsSoFar { count: 0, mean: 0.0, squares: 0.0 }
    }

    fn add_input(&self, so_far: &mut MomentsSoFar, x: f64) {
        self.merge_accumulators(so_far, MomentsSoFar { count: 1, mean: x, squares: 0.0 });
    }

    fn merge_accumulators(&self, into: &mut MomentsSoFar, from: MomentsSoFar) {
        let count = into.count + from.count;
        if count == 0 {
            return;
        }
        let (distance, share) = (from.mean - into.mean, from.count as f64 / count as f64);
        into.squares += from.squares + distance * distance * into.count as f64 * share;
        into.mean += distance * share;
        into.count = count;
    }

    fn extract_output(&self, so_far: MomentsSoFar) -> (u64, f64, f64) {
        let variance = so_far.squares / so_far.count.saturating_sub(1).max(1) as f64;
        (so_far.count, so_far.mean, variance.sqrt())
    }
}
