//! The steps of a graph as engines take them: known composites are one step each.

use ferrobeam_core::graph::{Graph, StepName};
use ferrobeam_core::windowing::WindowingStrategy;
use ferrobeam_core::{Error, Result};
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::transforms as urns;
use prost::Message;

/// Composites that engines run themselves, or whose parts mean the same.
const KNOWN: [&str; 2] = [urns::COMBINE_PER_KEY, urns::RESHUFFLE];

/// A step of the graph.
pub(super) struct Step<'a> {
    pub(super) graph: &'a Graph,
    pub(super) id: &'a str,
    pub(super) transform: &'a pb::PTransform,
    pub(super) name: &'a StepName,
}

/// All steps, producers before consumers.
pub(super) fn steps(graph: &Graph) -> Result<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    let mut todo: Vec<&str> = graph.proto().root_transform_ids.iter().rev().map(String::as_str).collect();
    while let Some(id) = todo.pop() {
        let transform = graph.transform(id)?;
        let step = Step { graph, id, transform, name: graph.step_name(transform)? };
        if transform.subtransforms.is_empty() || KNOWN.contains(&step.urn()) {
            steps.push(step);
        } else {
            todo.extend(transform.subtransforms.iter().rev().map(String::as_str));
        }
    }
    Ok(steps)
}

impl<'a> Step<'a> {
    pub(super) fn urn(&self) -> &'a str {
        self.transform.spec.as_ref().map_or("", |spec| &spec.urn)
    }

    /// Whether workers have something to do in it.
    pub(super) fn is_ours(&self) -> bool {
        !self.transform.environment_id.is_empty() || self.urn() == urns::COMBINE_PER_KEY
    }

    /// The payload of a step that runs a function for each element.
    pub(super) fn par_do(&self) -> Result<Option<pb::ParDoPayload>> {
        match &self.transform.spec {
            Some(spec) if spec.urn == urns::PAR_DO => Ok(Some(self.decoded(&spec.payload)?)),
            _ => Ok(None),
        }
    }

    pub(super) fn decoded<T: Message + Default>(&self, payload: &[u8]) -> Result<T> {
        T::decode(payload).map_err(|e| Error::Graph(vec![format!("the payload of {}: {e}", self.name)]))
    }

    /// How the collection that it groups is windowed, if it groups.
    pub(super) fn grouped(&self) -> Result<Option<&'a WindowingStrategy>> {
        if ![urns::GROUP_BY_KEY, urns::COMBINE_PER_KEY].contains(&self.urn()) {
            return Ok(None);
        }
        self.transform.inputs.values().next().map(|input| Ok(&**self.graph.windowing(input)?)).transpose()
    }
}
