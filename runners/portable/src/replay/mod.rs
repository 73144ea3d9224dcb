//! An engine that is played: serves Beam's Fn API to a worker in this process, by conversations that its user writes.
//!
//! For tests and benchmarks of the harness. Stages are cut out of a real graph and rewritten as engines do ([`Stage`]);
//! whatever a worker sends waits here until somebody asks for it ([`Engine`]).

mod engine;
mod hear;
mod job_server;
mod proxy;
mod rows;
mod services;
mod stage;
mod states;
#[cfg(test)]
mod tests;

pub use engine::Engine;
pub use job_server::JobServer;
pub use proxy::{Proxy, Stream};
pub use rows::{Port, at};
pub use stage::Stage;
pub use states::States;
