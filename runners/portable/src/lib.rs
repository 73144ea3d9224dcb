//! Runs pipelines on existing engines: Flink, Spark and Prism, over Beam's Job and Fn APIs.

mod engine;
mod environment;
mod harness;
mod interrupt;
mod job;
mod merging;
#[doc(hidden)]
pub mod replay;
mod runner;
mod server;
mod services;
mod worker;

use ferrobeam_core::{Error, Result};

pub use environment::Environment;
pub use runner::PortableRunner;
pub use worker::Role;

/// What went wrong between this program and an engine.
fn failure(message: impl Into<String>) -> Error {
    Error::Runner { runner: PortableRunner::NAME, message: message.into() }
}

/// Threads for streams; bundles have their own.
fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| failure(format!("cannot start threads: {error}")))
}
