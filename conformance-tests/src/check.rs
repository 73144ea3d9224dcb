//! What cases say about errors, metrics and what user code did.

use crate::CaseResult;
use ferrobeam::graph::Graph;
use ferrobeam::runner::PipelineResult;
use ferrobeam::{Error, Result};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

/// Fails the case unless a condition holds.
macro_rules! ensure {
    ($holds:expr, $($text:tt)*) => {
        if !$holds {
            return Err(format!($($text)*).into());
        }
    };
}
pub(crate) use ensure;

/// How the complaint about another error than the expected one begins.
pub(crate) const NOT_SAID: &str = "the error does not say";

/// Two values are the same.
pub(crate) fn same<T: PartialEq + Debug>(actual: T, expected: T) -> CaseResult {
    ensure!(actual == expected, "{actual:?} instead of {expected:?}");
    Ok(())
}

/// The run failed, and its error says all of this.
pub(crate) fn fails(result: Result<PipelineResult>, texts: &[&str]) -> CaseResult {
    match result {
        Ok(_) => Err(format!("the pipeline succeeded instead of failing with {texts:?}").into()),
        // A runner that refuses a pipeline has not failed it.
        Err(refused @ Error::Unsupported { .. }) => Err(refused.into()),
        Err(error) => says(&error.to_string(), texts),
    }
}

/// The pipeline cannot be built, and the error says all of this.
pub(crate) fn is_refused(graph: Result<Graph>, texts: &[&str]) -> CaseResult {
    match graph {
        Ok(_) => Err(format!("the pipeline was built instead of refused with {texts:?}").into()),
        Err(Error::Graph(mistakes)) => says(&mistakes.join("\n"), texts),
        Err(other) => Err(format!("another error than that of a graph: {other}").into()),
    }
}

fn says(error: &str, texts: &[&str]) -> CaseResult {
    let missing: Vec<_> = texts.iter().filter(|text| !error.contains(**text)).collect();
    ensure!(missing.is_empty(), "{NOT_SAID} {missing:?}: {error}");
    Ok(())
}

/// What user code did, seen from outside: only for runners whose user code runs in this process.
#[derive(Clone)]
pub(crate) struct Log<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone> Log<T> {
    pub(crate) fn new() -> Self {
        Log(Arc::default())
    }

    pub(crate) fn add(&self, entry: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    pub(crate) fn entries(&self) -> Vec<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
