//! What an engine cannot run, and where it would answer differently: all of it known before anything is submitted.

use super::steps::{Step, steps};
use super::{Engine, Feature, sides, sources, state, windows};
use ferrobeam_core::Result;
use ferrobeam_core::graph::Graph;

/// What decides besides the graph.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts {
    /// Whether the user wants a streaming job though all is bounded.
    pub(crate) streaming: bool,
    /// Whether the engine takes checkpoints.
    pub(crate) checkpoints: bool,
}

/// A job as it would be.
#[derive(Clone, Copy)]
pub(super) struct Job {
    pub(super) engine: Engine,
    /// Whether Flink or Spark would run it as a batch job.
    pub(super) is_batch: bool,
    pub(super) facts: Facts,
}

/// Something in the way, to be told with the step.
pub(super) struct Limit {
    pub(super) feature: Feature,
    /// What the step uses, what the engine does with it, and what to do instead.
    pub(super) text: String,
    /// Whether the engine does run it, and only answers differently.
    pub(super) differs: bool,
}

impl Limit {
    pub(super) fn lacks(feature: Feature, text: impl Into<String>) -> Limit {
        Limit { feature, text: text.into(), differs: false }
    }

    pub(super) fn differs(feature: Feature, text: impl Into<String>) -> Limit {
        Limit { feature, text: text.into(), differs: true }
    }
}

/// Why an engine should not get a pipeline, a sentence each; empty if it may.
///
/// Differences that the user accepts are left out. What an engine lacks cannot be accepted.
///
/// # Errors
/// The graph is broken.
pub(crate) fn check(graph: &Graph, engine: Engine, facts: Facts, accepted: &[Feature]) -> Result<Vec<String>> {
    let is_batch = matches!(engine, Engine::Flink | Engine::Spark) && graph.is_bounded() && !facts.streaming;
    let job = Job { engine, is_batch, facts };
    let mut told = Vec::new();
    let steps = steps(graph)?;
    for step in &steps {
        let mut limits = Vec::new();
        windows::limits(job, step, &mut limits)?;
        state::limits(job, step, &mut limits)?;
        sides::limits(job, step, &mut limits)?;
        sources::limits(job, step, &mut limits)?;
        told.extend(
            limits.into_iter().filter(|l| !l.differs || !accepted.contains(&l.feature)).map(|l| tell(step, &l)),
        );
    }
    told.extend(sources::of_all(job, &steps).into_iter().map(|limit| limit.text));
    Ok(told)
}

fn tell(step: &Step<'_>, limit: &Limit) -> String {
    let accept =
        if limit.differs { format!(" (or `--accept-engine-differences={}`)", limit.feature) } else { String::new() };
    format!("{} {}{accept}", step.name, limit.text)
}
