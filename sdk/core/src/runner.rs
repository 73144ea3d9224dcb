//! What runs a pipeline: the interface that all runners share.

use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::metrics::Metrics;
use crate::root::Root;

/// What runs a pipeline.
pub trait Runner {
    /// The name that `--runner` knows it by.
    fn name(&self) -> &'static str;

    /// What the pipeline uses and this runner lacks, a sentence each; empty if it will run.
    fn unsupported(&self, graph: &Graph) -> Vec<String>;

    /// Runs a pipeline that is supported, to its end.
    ///
    /// # Errors
    /// User code's, with step, file and line; the runner's own.
    fn execute(&self, graph: &Graph) -> Result<PipelineResult>;
}

/// What remains of a pipeline that ran.
#[derive(Clone, Debug, Default)]
pub struct PipelineResult {
    /// The metrics of all committed bundles.
    pub metrics: Metrics,
}

impl dyn Runner + '_ {
    /// Builds and runs a pipeline.
    ///
    /// # Errors
    /// See [`Root::build`] and [`run_graph`](Self::run_graph).
    pub fn run(&self, construct: impl FnOnce(&Root) -> Result<()>) -> Result<PipelineResult> {
        self.run_graph(&Root::build(construct)?)
    }

    /// Runs a pipeline; cleans up after one that failed.
    ///
    /// # Errors
    /// [`Error::Unsupported`] before anything runs; see [`execute`](Runner::execute).
    pub fn run_graph(&self, graph: &Graph) -> Result<PipelineResult> {
        let features = self.unsupported(graph);
        if !features.is_empty() {
            return Err(Error::Unsupported { runner: self.name().to_owned(), features });
        }
        let result = self.execute(graph).and_then(|result| all_assertions_ran(self.name(), graph, result));
        if result.is_err() {
            graph.cleanups().iter().for_each(|cleanup| cleanup());
        }
        result
    }
}

/// An assertion that did not run has not passed.
fn all_assertions_ran(runner: &'static str, graph: &Graph, result: PipelineResult) -> Result<PipelineResult> {
    let (ran, all) = (result.metrics.counter(&crate::testing::ASSERTIONS), graph.assertions());
    if ran == all as i64 {
        return Ok(result);
    }
    Err(Error::Runner {
        runner,
        message: format!("{ran} of {all} assertions ran, and one that did not has not passed"),
    })
}
