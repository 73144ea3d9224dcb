//! The reference runner: slow, single-threaded and suspicious.
//!
//! A seed decides all that the model leaves open: how work is cut into bundles, which bundle runs next, in which order
//! elements come, into how many parts a source is split, whether a combine is lifted, whether an operator is used
//! again or made anew. What the model promises holds under every seed; what only happens to hold shows under some.
//! Every element goes through its coder on every edge, every key through the law of keys, functions that travel as
//! bytes are read back from them, and bundles may be made to fail and run again. A failing run names its seed.
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
mod outputs;
mod parts;
mod rows;
mod run;
mod schedule;
mod sides;
mod stage;
mod waits;

use ferrobeam_core::graph::Graph;
use ferrobeam_core::runner::{PipelineResult, Runner};
use ferrobeam_core::{Error, Result, Root};
pub use rows::Row;
pub use run::Observed;
use schedule::Schedule;
pub use schedule::Trace;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

/// The reference runner.
#[derive(Clone, Debug)]
pub struct DirectRunner {
    seed: u64,
    /// Decisions that were made before, in place of the seed.
    script: Option<Arc<[u32]>>,
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
        let seed = RandomState::new().hash_one("seed") % 1_000_000;
        DirectRunner { seed, script: None, failing_bundles: 0.0, drain_after: None }
    }

    /// Fixes the schedule.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        DirectRunner { seed, script: None, ..self }
    }

    /// Repeats the decisions of an earlier run, one after the other, and then takes the calmest of all: everything in
    /// order, in whole bundles, once. So an empty script is the calmest run of all.
    ///
    /// Simulations print scripts that show a failure. A script is for the pipeline that it comes from: in another one the
    /// same numbers decide other things.
    #[must_use]
    pub fn script(self, decisions: impl IntoIterator<Item = u32>) -> Self {
        DirectRunner { script: Some(decisions.into_iter().collect()), ..self }
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

    /// Runs a pipeline and tells what these collections of it got, by their ids in the graph; and what the schedule
    /// decided, if that is to be traced. Errors do not name the seed.
    pub fn observe(
        &self,
        graph: &Graph,
        collections: &BTreeSet<String>,
        is_traced: bool,
    ) -> (Result<PipelineResult>, Observed) {
        let watch = Watch { runner: self, collections, is_traced, observed: RefCell::default() };
        let runner: &dyn Runner = &watch;
        (runner.run_graph(graph), watch.observed.take())
    }

    fn schedule(&self) -> Schedule {
        match &self.script {
            Some(script) => Schedule::script(script.to_vec()),
            None => Schedule::new(self.seed, self.failing_bundles),
        }
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
        let mut run = run::Run::new(graph, self.schedule(), self.drain_after, &BTreeSet::new())?;
        let metrics = run.finish().map_err(|source| match &self.script {
            Some(_) => source,
            None => Error::Replay { source: Box::new(source), seed: self.seed },
        })?;
        Ok(PipelineResult { metrics, is_drained: run.is_drained() })
    }
}

/// A run that is looked at.
struct Watch<'a> {
    runner: &'a DirectRunner,
    collections: &'a BTreeSet<String>,
    is_traced: bool,
    observed: RefCell<Observed>,
}

impl Runner for Watch<'_> {
    fn name(&self) -> &'static str {
        DirectRunner::NAME
    }

    fn unsupported(&self, graph: &Graph) -> Vec<String> {
        self.runner.unsupported(graph)
    }

    fn execute(&self, graph: &Graph) -> Result<PipelineResult> {
        let schedule = self.runner.schedule();
        let schedule = if self.is_traced { schedule.traced() } else { schedule };
        let mut run = run::Run::new(graph, schedule, self.runner.drain_after, self.collections)?;
        let (metrics, is_drained) = (run.finish(), run.is_drained());
        self.observed.replace(run.into_observed());
        Ok(PipelineResult { metrics: metrics?, is_drained })
    }
}
