//! The harness, against an engine that is played.

mod bundles;
mod caches;
mod data;
mod fetches;
mod functions;
mod hostile;
mod job_servers;
mod large;
mod merging;
mod parts;
mod proxies;
mod questions;
mod sides;
mod splits;
mod splittable;
mod states;
mod status;
mod timers;

use super::{Engine, Port, Stage};
use ferrobeam_core::Element;
use ferrobeam_core::Result;
use ferrobeam_core::prelude::Root;
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::fn_execution::instruction_request::Request;

/// An engine with a worker for a pipeline.
fn engine(construct: impl FnOnce(&Root)) -> Engine {
    let graph = Root::build(|root| {
        construct(root);
        Ok(())
    });
    Engine::start(graph.unwrap()).unwrap()
}

/// The values that a bundle sent to a sink.
fn values<T: Element>(engine: &Engine, id: &str, sink: &Port) -> Vec<T> {
    let rows = sink.decode::<T>(&engine.output(id, sink).unwrap()).unwrap();
    rows.into_iter().map(|row| row.value).collect()
}

/// Runs a bundle of a stage with one source and one sink.
fn run<T: Element, U: Element>(
    engine: &Engine,
    id: &str,
    stage: &Stage,
    input: impl IntoIterator<Item = T>,
) -> Result<Vec<U>> {
    engine.run(id, stage, stage.sources[0].values(input).unwrap())?;
    Ok(values(engine, id, &stage.sinks[0]))
}

fn process(descriptor: &str) -> Request {
    let process_bundle_descriptor_id = descriptor.to_owned();
    Request::ProcessBundle(pb::ProcessBundleRequest { process_bundle_descriptor_id, ..Default::default() })
}
