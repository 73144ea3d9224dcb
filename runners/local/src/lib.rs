//! The local runner: all cores of one machine, elements typed from source to sink.
//!
//! Each worker thread has an instance of every stage and a share of every key space. Batches go from worker to worker over
//! bounded queues; nothing is encoded on the way.
//!
//! ```
//! use ferrobeam_core::{prelude::*, testing::assert_that};
//! use ferrobeam_local::LocalRunner;
//!
//! LocalRunner::new().workers(2).run(|root| {
//!     let words = root.create(["to", "be", "or", "not", "to", "be"].map(str::to_owned));
//!     let counts = words.map(|word| (word, 1u64)).combine_per_key(sum());
//!     assert_that(&counts.filter(|(_, n)| *n > 1))
//!         .contains_in_any_order([("to".to_owned(), 2), ("be".to_owned(), 2)]);
//!     Ok(())
//! })?;
//! # Ok::<(), ferrobeam_core::Error>(())
//! ```

mod by_window;
mod clock;
mod grouping;
mod keyed;
mod layout;
mod memory;
mod outbox;
mod pace;
mod pool;
mod quiet;
mod rounds;
mod run;
mod shared;
mod stage;
mod view;
mod wiring;
mod worker;

use ferrobeam_core::graph::Graph;
use ferrobeam_core::runner::{PipelineResult, Runner};
use ferrobeam_core::{Result, Root};

/// The local runner.
#[derive(Clone, Debug, Default)]
pub struct LocalRunner {
    /// None for one for each core.
    workers: Option<usize>,
    skips_waiting: bool,
    limits: memory::Limits,
}

impl LocalRunner {
    /// The name that `--runner` knows it by.
    pub const NAME: &'static str = "local";

    /// A runner with a worker for each core.
    pub fn new() -> Self {
        LocalRunner::default()
    }

    /// With so many workers, at least one.
    #[must_use]
    pub fn workers(self, workers: usize) -> Self {
        LocalRunner { workers: Some(workers.max(1)), ..self }
    }

    /// Processing time passes only when nothing else is left to do, and then at once up to where something is due: for tests
    /// of pipelines that wait. It begins at [`Timestamp::EPOCH`](ferrobeam_core::Timestamp::EPOCH).
    ///
    /// With a [`TestStream`](ferrobeam_core::testing::TestStream) it is so anyway.
    #[must_use]
    pub fn skip_waiting(self) -> Self {
        LocalRunner { skips_waiting: true, ..self }
    }

    /// With so many bytes of memory, about: the resident set may be a fifth larger. What groupings have no room for goes to files.
    ///
    /// Running fails if it is too small for the workers to start with.
    #[must_use]
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.limits.memory = Some(usize::try_from(bytes).unwrap_or(usize::MAX));
        self
    }

    /// With those files below this directory, and not below the system's temporary one.
    ///
    /// They are removed at the end; those of a process that was killed are removed by the next one with the same directory.
    #[must_use]
    pub fn spill_dir(mut self, dir: impl Into<std::path::PathBuf>) -> Self {
        self.limits.dir = Some(dir.into());
        self
    }

    /// Lets groupings hold so many bytes, and the rest of the program as much as it wants: for tests of what goes to files.
    #[doc(hidden)]
    #[must_use]
    pub fn store_limit(mut self, bytes: usize) -> Self {
        self.limits.stores = Some(bytes);
        self
    }

    /// Builds and runs a pipeline.
    ///
    /// # Errors
    /// Mistakes in the pipeline; user code's errors, with step, file and line.
    pub fn run(&self, construct: impl FnOnce(&Root) -> Result<()>) -> Result<PipelineResult> {
        let runner: &dyn Runner = self;
        runner.run(construct)
    }
}

impl Runner for LocalRunner {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn unsupported(&self, _: &Graph) -> Vec<String> {
        Vec::new()
    }

    fn execute(&self, graph: &Graph) -> Result<PipelineResult> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let workers = self.workers.unwrap_or_else(cores);
        run::run(graph, workers, self.skips_waiting, self.limits.start(workers)?)
    }
}
