//! The graph made fit for an engine. What the graph means stays; so does the fingerprint in its payloads.

mod coders;
mod combine;
mod flatten;
mod merging;
#[cfg(test)]
mod tests;
mod windows;

use crate::engine::Engine;
use ferrobeam_core::Result;
use ferrobeam_core::graph::Graph;
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::environments;

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
    merging::lower(graph, target, &mut pipeline)?;
    let components = pipeline.components.get_or_insert_default();
    flatten::lower(graph, target, components)?;
    combine::lower(graph, target, components)?;
    windows::lower(graph, target, components)?;
    coders::lower(target, components);
    Ok(pipeline)
}
