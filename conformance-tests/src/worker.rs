//! Cases whose pipelines run in workers of their own: the launcher says which pipeline it is, and the worker runs the body of
//! the case up to it.

use crate::{CASES, Case};
use ferrobeam::graph::Graph;
use ferrobeam::runner::{PipelineResult, Runner};
use ferrobeam::{Error, Result};
use ferrobeam_direct::DirectRunner;
use ferrobeam_portable::PortableRunner;
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};

/// A pipeline of the suite.
#[derive(Debug, Deserialize, Serialize)]
pub struct CasePipeline {
    case: String,
    /// How many the case runs before it.
    before: usize,
}

impl CasePipeline {
    /// Constructs it. What the case runs before is run by the direct runner.
    ///
    /// # Errors
    /// There is no such case, or it does not come so far.
    pub fn construct(&self) -> Result<Graph> {
        let none = || Error::Options(format!("there is no case `{}` with {} pipelines", self.case, self.before + 1));
        let case = CASES.iter().find(|case| case.name == self.case).ok_or_else(none)?;
        let keeper = Keeper { before: Cell::new(self.before), kept: RefCell::default() };
        // The case does not like that its pipeline does not run.
        let _ = case.run(&keeper);
        keeper.kept.take().ok_or_else(none)
    }
}

/// Runs so many pipelines, keeps the next one, and fails from then on.
struct Keeper {
    before: Cell<usize>,
    kept: RefCell<Option<Graph>>,
}

impl Runner for Keeper {
    fn name(&self) -> &'static str {
        "keeper"
    }

    fn unsupported(&self, _: &Graph) -> Vec<String> {
        Vec::new()
    }

    fn execute(&self, graph: &Graph) -> Result<PipelineResult> {
        if let Some(before) = self.before.get().checked_sub(1) {
            self.before.set(before);
            return DirectRunner::new().seed(0).execute(graph);
        }
        self.kept.borrow_mut().get_or_insert_with(|| graph.clone());
        Err(Error::Runner { runner: self.name(), message: "it is kept for a worker".to_owned() })
    }
}

/// The runner of one case on an engine, which tells workers whose pipeline it is.
pub(crate) struct OfCase<'a> {
    engine: &'a PortableRunner,
    case: &'a Case,
    before: Cell<usize>,
}

impl<'a> OfCase<'a> {
    pub(crate) fn new(engine: &'a PortableRunner, case: &'a Case) -> Self {
        OfCase { engine, case, before: Cell::new(0) }
    }
}

impl Runner for OfCase<'_> {
    fn name(&self) -> &'static str {
        self.engine.name()
    }

    fn unsupported(&self, graph: &Graph) -> Vec<String> {
        self.engine.unsupported(graph)
    }

    fn reports_metrics(&self) -> bool {
        self.engine.reports_metrics()
    }

    fn execute(&self, graph: &Graph) -> Result<PipelineResult> {
        let pipeline = CasePipeline { case: self.case.name.to_owned(), before: self.before.get() };
        self.before.set(pipeline.before + 1);
        let broken = |error| Error::Options(format!("the options of a case: {error}"));
        let options = serde_json::to_value(pipeline).map_err(broken)?;
        self.engine.clone().options(options).execute(graph)
    }
}
