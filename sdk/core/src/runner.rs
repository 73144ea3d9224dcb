//! What runs a pipeline: the interface that all runners share.

use crate::dofn::guard::catch;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::metrics::{Metrics, Value};
use crate::root::Root;

/// What runs a pipeline.
pub trait Runner {
    /// The name that `--runner` knows it by.
    fn name(&self) -> &'static str;

    /// What the pipeline uses and this runner lacks, a sentence each; empty if it will run.
    fn unsupported(&self, graph: &Graph) -> Vec<String>;

    /// Whether its result has the metrics of user code, so that assertions can be counted. An engine may have none.
    fn reports_metrics(&self) -> bool {
        true
    }

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
    /// Whether it was drained: told to end its sources, of which what they had given by then is in the result.
    pub is_drained: bool,
}

impl dyn Runner + '_ {
    /// Builds and runs a pipeline.
    ///
    /// # Errors
    /// See [`Root::build`] and `run_graph`.
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
        // User code is also called where no step is known: elements are cloned and dropped between steps.
        let result = catch(|| self.execute(graph)).unwrap_or_else(|message| {
            let message = format!("a panic outside of any step, while an element was cloned or dropped: {message}");
            Err(Error::Runner { runner: self.name(), message })
        });
        let result = result.and_then(|result| match self.reports_metrics() {
            true => all_assertions_ran(self.name(), graph, result),
            false => Ok(result),
        });
        if result.is_err() {
            graph.cleanups().iter().for_each(|cleanup| cleanup());
        }
        result
    }
}

/// An assertion that did not run has not passed; nor has one whose step ran on anything else than its one group.
fn all_assertions_ran(runner: &'static str, graph: &Graph, result: PipelineResult) -> Result<PipelineResult> {
    // By step, for a check that ran twice must not make up for one that did not.
    let once = |(_, namespace, name, value): &(&str, &str, &str, &Value)| {
        crate::testing::ASSERTIONS.is(namespace, name) && **value == Value::Counter(1)
    };
    let (once, all) = (result.metrics.iter().filter(once).count(), graph.assertions());
    if once == all {
        return Ok(result);
    }
    Err(Error::Runner {
        runner,
        message: format!("{once} of {all} assertions ran once, and one that did not has not passed"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::StepName;
    use crate::testing::{ASSERTIONS, assert_that};

    /// Claims that the checks of these steps ran, each as often as it is named.
    struct Claims(&'static [&'static str]);

    impl Runner for Claims {
        fn name(&self) -> &'static str {
            "claims"
        }
        fn unsupported(&self, _: &Graph) -> Vec<String> {
            Vec::new()
        }
        fn execute(&self, _: &Graph) -> Result<PipelineResult> {
            let mut metrics = Metrics::default();
            for step in self.0 {
                let bundle = crate::metrics::collect(|| {
                    let _scope = crate::metrics::enter(&StepName::here(step));
                    ASSERTIONS.inc();
                });
                metrics.merge(bundle.1);
            }
            Ok(PipelineResult { metrics, is_drained: false })
        }
    }

    fn run(claims: &'static [&'static str]) -> Result<PipelineResult> {
        <dyn Runner>::run(&Claims(claims), |root| {
            let numbers = root.create([1u64]);
            assert_that(&numbers).contains_in_any_order([1]);
            assert_that(&numbers).is_singleton(1);
            Ok(())
        })
    }

    #[test]
    fn every_assertion_must_have_run_once() {
        assert!(run(&["Assert/Check", "Assert#2/Check"]).is_ok());
        assert!(run(&[]).is_err());
        assert!(run(&["Assert/Check"]).is_err());
        let error = run(&["Assert/Check", "Assert/Check"]).unwrap_err().to_string();
        assert!(error.contains("0 of 2 assertions ran once"), "{error}");
        assert!(run(&["Assert/Check", "Assert#2/Check", "Assert/Check"]).is_err());
    }
}
