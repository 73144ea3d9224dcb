//! For scripts: transforms, collections and stages by id.

use crate::fuse::{Junction, Plan, urn};
use ferrobeam_core::Result;
use ferrobeam_core::graph::Graph;
use serde_json::{Map, Value, json};

pub(super) fn json(graph: &Graph, plan: &Plan) -> Result<Value> {
    let mut transforms = Map::new();
    for (id, transform) in &graph.components().transforms {
        let at = graph.step_name(transform).map(|name| format!("{}:{}", name.at.file(), name.at.line())).ok();
        transforms.insert(
            id.clone(),
            json!({
                "name": transform.unique_name,
                "urn": urn(transform),
                "inputs": transform.inputs,
                "outputs": transform.outputs,
                "parts": transform.subtransforms,
                "at": at,
            }),
        );
    }
    let mut collections = Map::new();
    for (id, collection) in &graph.components().pcollections {
        let coder = graph.coder(id)?;
        collections.insert(
            id.clone(),
            json!({
                "name": collection.unique_name,
                "type": coder.type_name(),
                "coder": collection.coder_id,
                "windowing": collection.windowing_strategy_id,
            }),
        );
    }
    let stages = plan.stages.iter().map(|stage| {
        json!({
            "input": stage.input,
            "splittable": stage.splittable,
            "stateful": stage.stateful,
            "transforms": stage.transforms,
            "side_inputs": stage.sides.iter().map(|side| &side.collection).collect::<Vec<_>>(),
            "outputs": stage.outputs,
        })
    });
    let junctions = |junctions: &[Junction]| -> Vec<Value> {
        let one = |j: &Junction| json!({"transform": j.transform, "input": j.input, "output": j.output});
        junctions.iter().map(one).collect()
    };
    Ok(json!({
        "fingerprint": format!("{:016x}", graph.fingerprint()),
        "roots": graph.proto().root_transform_ids,
        "transforms": transforms,
        "collections": collections,
        "stages": stages.collect::<Vec<_>>(),
        "groupings": junctions(&plan.groupings),
        "reshuffles": junctions(&plan.reshuffles),
        "flattens": junctions(&plan.flattens),
    }))
}
