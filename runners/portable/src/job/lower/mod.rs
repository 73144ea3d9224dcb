//! The graph made fit for an engine. What the graph means stays; so does the fingerprint in its payloads.

mod coders;
mod combine;
#[cfg(test)]
mod tests;

use crate::engine::Engine;
use ferrobeam_core::Result;
use ferrobeam_core::graph::{FnRef, Graph};
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::{environments, transforms};
use prost::Message;

/// The graph's proto for an engine: the environment is a real one, and combines are as the engine wants them.
///
/// # Errors
/// The graph is broken: a combine without a payload, an id that nothing has.
pub(crate) fn lower(graph: &Graph, target: Engine, environment: pb::Environment) -> Result<pb::Pipeline> {
    let mut pipeline = graph.proto().clone();
    let components = pipeline.components.get_or_insert_default();
    for known in components.environments.values_mut().filter(|known| known.urn == environments::DEFAULT) {
        // What our workers can do is the graph's to say; where they are is the user's.
        let capabilities = known.capabilities.iter().chain(&environment.capabilities).cloned().collect();
        let resource_hints = known.resource_hints.iter().chain(&environment.resource_hints);
        let resource_hints = resource_hints.map(|(hint, value)| (hint.clone(), value.clone())).collect();
        *known = pb::Environment { capabilities, resource_hints, ..environment.clone() };
    }
    if matches!(target, Engine::Flink | Engine::Spark) {
        flattens_are_ours(graph, components);
    }
    combine::lower(graph, target, components)?;
    coders::lower(target, components);
    Ok(pipeline)
}

/// Makes each Flatten a step of our environment, which only joins ways inside a stage. The fuser of Flink and Spark puts it into
/// stages anyway, and a second time beside them if it is the engine's and one of its inputs comes from the engine.
fn flattens_are_ours(graph: &Graph, components: &mut pb::Components) {
    let environment = components.environments.keys().next().cloned().unwrap_or_default();
    // One of nothing stays the engine's, for a stage has an input.
    for transform in components.transforms.values_mut().filter(|transform| !transform.inputs.is_empty()) {
        if let Some(spec) = transform.spec.as_mut().filter(|spec| spec.urn == transforms::FLATTEN) {
            let step = FnRef { step: transform.unique_name.clone(), fingerprint: graph.fingerprint() };
            spec.payload = step.encode_to_vec().into();
            transform.environment_id.clone_from(&environment);
        }
    }
}
