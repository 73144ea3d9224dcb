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
mod control;
#[cfg(test)]
mod fixture;
mod grouping;
mod interrupt;
mod keyed;
mod layout;
mod memory;
mod nodes;
mod outbox;
mod pace;
mod pool;
mod process;
mod quiet;
mod report;
mod rounds;
mod run;
mod shared;
mod stage;
mod tally;
mod view;
mod wiring;
mod worker;

pub use control::RunHandle;
use ferrobeam_core::graph::Graph;
use ferrobeam_core::runner::{PipelineResult, Runner};
use ferrobeam_core::{Result, Root};
pub use report::Show;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

/// The local runner.
#[derive(Clone, Debug, Default)]
pub struct LocalRunner {
    /// None for one for each core.
    workers: Option<usize>,
    skips_waiting: bool,
    limits: memory::Limits,
    drain_after: Option<Duration>,
    handle: RunHandle,
    drains_when_interrupted: bool,
    show: Show,
    prometheus: Option<Arc<TcpListener>>,
    explains: Option<fn(&str)>,
}

impl LocalRunner {
    /// The name that `--runner` knows it by.
    pub const NAME: &'static str = "local";

    /// More workers than this are refused: each has an instance of every step and a queue from every other.
    pub const MOST_WORKERS: usize = 1024;

    /// A runner with a worker for each core.
    pub fn new() -> Self {
        LocalRunner::default()
    }

    /// With so many workers, at least one. Running fails if they are more than [`MOST_WORKERS`](Self::MOST_WORKERS).
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

    /// With so many bytes of memory, about: the resident set may be a fifth larger. What groupings, state
    /// and side inputs have no room for goes to files. A window of a side input comes back as a whole when a step looks at it.
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

    /// Lets stores hold so many bytes, and the rest of the program as much as it wants: for tests of what goes to files.
    #[doc(hidden)]
    #[must_use]
    pub fn store_limit(mut self, bytes: usize) -> Self {
        self.limits.stores = Some(bytes);
        self
    }

    /// Drains the pipeline when it has run for so long, if its sources have not ended by themselves: see
    /// [`RunHandle::drain`]. It is processing time that counts, as it passes in this run.
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    /// use ferrobeam_local::LocalRunner;
    /// use std::time::Duration;
    ///
    /// let result = LocalRunner::new().drain_after(Duration::from_secs(60)).run(|root| {
    ///     root.create([1, 2, 3]).discard();
    ///     Ok(())
    /// })?;
    /// assert!(!result.is_drained);
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[must_use]
    pub fn drain_after(self, length: Duration) -> Self {
        LocalRunner { drain_after: Some(length), ..self }
    }

    /// Lets a handle end its runs.
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    /// use ferrobeam_local::{LocalRunner, RunHandle};
    ///
    /// let handle = RunHandle::new();
    /// handle.cancel();
    /// let run = LocalRunner::new().controlled_by(&handle).run(|root| {
    ///     root.create([1, 2, 3]).discard();
    ///     Ok(())
    /// });
    /// assert_eq!(run.unwrap_err().to_string(), "the local runner stopped: it was cancelled");
    /// ```
    #[must_use]
    pub fn controlled_by(self, handle: &RunHandle) -> Self {
        LocalRunner { handle: handle.clone(), ..self }
    }

    /// Ctrl-C, or the signals `TERM` and `HUP`, drains a run; a second one cancels it; a third one ends the process. What is
    /// [shown](Self::show) says so. `HUP` comes when the terminal is closed; where it is ignored, as behind `nohup`, it stays so.
    ///
    /// Meant for programs that do nothing else than run a pipeline: when its runs are over, these signals are ignored for as
    /// long as the process lives.
    #[must_use]
    pub fn drain_when_interrupted(self) -> Self {
        LocalRunner { drains_when_interrupted: true, ..self }
    }

    /// What is told on standard error: nothing, unless this says otherwise. Runs that take less than a second get one line.
    #[must_use]
    pub fn show(self, show: Show) -> Self {
        LocalRunner { show, ..self }
    }

    /// Answers `GET /metrics` at this address while a run lasts, in the text format of Prometheus: elements, watermarks and
    /// what waits, by step, and the metrics of user code. Whoever reaches the address can read that.
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    /// use ferrobeam_local::LocalRunner;
    /// use std::net::TcpListener;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    /// LocalRunner::new().prometheus(listener).run(|root| {
    ///     root.create([1, 2, 3]).discard();
    ///     Ok(())
    /// })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[must_use]
    pub fn prometheus(self, listener: TcpListener) -> Self {
        LocalRunner { prometheus: Some(Arc::new(listener)), ..self }
    }

    /// Gives the plan as it was executed to `say` when a run has ended well: what ran together, which way groupings went, and
    /// how many rows, bundles and how much time it was.
    #[must_use]
    pub fn explain_run(self, say: fn(&str)) -> Self {
        LocalRunner { explains: Some(say), ..self }
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
        run::run(graph, self)
    }
}
