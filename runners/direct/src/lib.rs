//! The reference runner: slow, single-threaded and suspicious.
//!
//! A seed decides all that the model leaves open: how work is cut into bundles, which bundle runs next, in which order
//! elements come, into how many parts a source is split, whether a combine is lifted, whether an operator is used
//! again or made anew. What the model promises holds under every seed; what only happens to hold shows under some.
//! Every element goes through its coder on every edge, every key through the law of keys, and bundles may be made to
//! fail and run again. A failing run names its seed.
//!
//! ```
//! use ferrobeam_core::{prelude::*, testing::assert_that};
//! use ferrobeam_direct::DirectRunner;
//!
//! DirectRunner::new().seed(42).run(|root| {
//!     let words = root.create(["to", "be", "or", "not", "to", "be"].map(str::to_owned));
//!     let counts = words.map(|word| (word, 1u64)).combine_per_key(sum());
//!     assert_that(&counts.filter(|(_, n)| *n > 1))
//!         .contains_in_any_order([("to".to_owned(), 2), ("be".to_owned(), 2)]);
//!     Ok(())
//! })?;
//! # Ok::<(), ferrobeam_core::Error>(())
//! ```

mod bundle;
mod edges;
mod grouping;
mod keyed;
mod nodes;
mod parts;
mod rows;
mod run;
mod schedule;
mod sides;
mod stage;

use ferrobeam_core::graph::Graph;
use ferrobeam_core::runner::{PipelineResult, Runner};
use ferrobeam_core::{Error, Result, Root};
use schedule::Schedule;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The reference runner.
#[derive(Clone, Debug)]
pub struct DirectRunner {
    seed: u64,
    failing_bundles: f64,
    drain_after: Option<Duration>,
}

impl Default for DirectRunner {
    fn default() -> Self {
        Self::new()
    }
}

impl DirectRunner {
    /// The name that `--runner` knows it by.
    pub const NAME: &'static str = "direct";

    /// A runner with a seed of its own choice.
    pub fn new() -> Self {
        // The standard library's per-process randomness; the seed is shown when a run fails.
        DirectRunner { seed: RandomState::new().hash_one("seed") % 1_000_000, failing_bundles: 0.0, drain_after: None }
    }

    /// Fixes the schedule.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        DirectRunner { seed, ..self }
    }

    /// Makes bundles fail after they ran, with this probability, and runs them again: user code sees elements twice,
    /// the result must not.
    #[must_use]
    pub fn failing_bundles(self, probability: f64) -> Self {
        DirectRunner { failing_bundles: probability.clamp(0.0, 0.9), ..self }
    }
}

impl DirectRunner {
    /// Drains the pipeline when so much processing time has passed and all work up to then is done: sources end, what is
    /// there goes through, windows close.
    ///
    /// The processing time of this runner stands at [`Timestamp::EPOCH`](ferrobeam_core::Timestamp::EPOCH) when it starts,
    /// and passes only when nothing else is left to do. An unbounded source would be read for ever without this.
    #[must_use]
    pub fn drain_after(self, length: Duration) -> Self {
        DirectRunner { drain_after: Some(length), ..self }
    }

    /// Builds and runs a pipeline.
    ///
    /// # Errors
    /// Mistakes in the pipeline; user code's errors, with step, file, line and element.
    pub fn run(&self, construct: impl FnOnce(&Root) -> Result<()>) -> Result<PipelineResult> {
        let runner: &dyn Runner = self;
        runner.run(construct)
    }
}

impl Runner for DirectRunner {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn unsupported(&self, _: &Graph) -> Vec<String> {
        Vec::new()
    }

    fn execute(&self, graph: &Graph) -> Result<PipelineResult> {
        let run = run::Run::new(graph, Schedule::new(self.seed, self.failing_bundles), self.drain_after)?;
        let metrics = run.finish().map_err(|error| Error::Replay { source: Box::new(error), seed: self.seed })?;
        Ok(PipelineResult { metrics })
    }
}
