//! The conformance suite: what every runner must do, said once.
//!
//! A case is a function of a runner: it builds a pipeline, runs it there and looks at the result, mostly by assertions
//! inside the pipeline. It says nothing about how the runner works. [`CASES`] holds all of them; [`Ledger`] holds what
//! is known of each on each engine, and a surprise in either direction fails the build.
//!
//! ```
//! use ferrobeam_conformance::{CASES, Outcome};
//! use ferrobeam_direct::DirectRunner;
//!
//! let case = CASES.iter().find(|case| case.name == "assertions::a_wrong_element_fails").unwrap();
//! assert_eq!(case.run(&DirectRunner::new().seed(1)), Outcome::Pass);
//! ```

mod case;
mod cases;
mod check;
mod engines;
pub mod generated;
mod in_order;
mod ledger;
mod matrix;
mod model;
mod together;
mod worker;

pub use case::{Body, Case, CaseResult, Outcome, Profile};
pub use cases::CASES;
pub use engines::{OnEngine, Ran};
pub use ledger::{Expectation, Ledger, LedgerError};
pub use matrix::{capabilities, exceptions, matrix};
pub use model::model;
pub use worker::CasePipeline;

/// The local runner passes with each of these numbers of workers.
pub const WORKERS: [usize; 3] = [1, 2, 8];

/// The local runner with so many workers; it does not wait for time to pass.
#[must_use]
pub fn local(workers: usize) -> ferrobeam_local::LocalRunner {
    ferrobeam_local::LocalRunner::new().workers(workers).skip_waiting()
}
