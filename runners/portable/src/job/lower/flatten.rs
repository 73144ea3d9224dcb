//! Flattens for Flink and Spark: every input goes through a step of ours of its own first.
//!
//! Their fuser puts a Flatten into each stage that makes one of its inputs, and also runs it beside the stages if an input is
//! there for others to take. Doing both to one Flatten breaks the graph (<https://github.com/apache/beam/issues/34647>). With a
//! step between, nobody else takes an input, and all of them are made in stages.

use crate::engine::Engine;
use ferrobeam_core::graph::{DO_FN, FnRef, Graph};
use ferrobeam_core::{Error, Result};
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::transforms as urns;
use prost::Message;

pub(super) fn lower(graph: &Graph, target: Engine, components: &mut pb::Components) -> Result<()> {
    if !matches!(target, Engine::Flink | Engine::Spark) {
        return Ok(());
    }
    let is_flatten = |transform: &pb::PTransform| {
        transform.spec.as_ref().is_some_and(|spec| spec.urn == urns::FLATTEN) && !transform.inputs.is_empty()
    };
    let flattens = components.transforms.iter().filter(|(_, transform)| is_flatten(transform));
    let flattens: Vec<_> = flattens.map(|(id, transform)| (id.clone(), transform.clone())).collect();
    flattens.into_iter().try_for_each(|(id, flatten)| replace(graph, &id, flatten, components))
}

/// Makes a Flatten a composite: a step for each input, and the Flatten.
fn replace(graph: &Graph, id: &str, mut flatten: pb::PTransform, components: &mut pb::Components) -> Result<()> {
    let missing = |what: &str| Error::Graph(vec![format!("`{}`: there is no {what}", flatten.unique_name)]);
    let environment_id = components.environments.keys().next().ok_or_else(|| missing("environment"))?.clone();
    // The code of a Flatten hands on what comes.
    let step = FnRef { step: flatten.unique_name.clone(), fingerprint: graph.fingerprint() };
    let payload = pb::ParDoPayload { do_fn: Some(step.function(DO_FN)), ..Default::default() };
    let spec = Some(pb::FunctionSpec { urn: urns::PAR_DO.to_owned(), payload: payload.encode_to_vec().into() });
    let mut composite = pb::PTransform { spec: None, ..flatten.clone() };
    for (name, input) in &flatten.inputs {
        let (step_id, made) = (format!("{id}-{name}"), format!("{id}-{name}.out"));
        let unique_name = format!("{}/{name}", flatten.unique_name);
        let mut collection = components.pcollections.get(input).ok_or_else(|| missing("such input"))?.clone();
        collection.unique_name = format!("{unique_name}.out");
        components.pcollections.insert(made.clone(), collection);
        let step = pb::PTransform {
            unique_name,
            spec: spec.clone(),
            inputs: [("in".to_owned(), input.clone())].into(),
            outputs: [("out".to_owned(), made)].into(),
            environment_id: environment_id.clone(),
            ..Default::default()
        };
        components.transforms.insert(step_id.clone(), step);
        composite.subtransforms.push(step_id);
    }
    for (name, input) in &mut flatten.inputs {
        *input = format!("{id}-{name}.out");
    }
    let join = format!("{id}-join");
    flatten.unique_name.push_str("/Join");
    components.transforms.insert(join.clone(), flatten);
    composite.subtransforms.push(join);
    components.transforms.insert(id.to_owned(), composite);
    Ok(())
}
