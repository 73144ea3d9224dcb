//! For scripts: transforms, collections and stages by id.

use super::facts::Facts;
use crate::fuse::{Junction, Plan, urn};
use ferrobeam_core::Result;
use ferrobeam_core::graph::Graph;
use ferrobeam_core::windowing::WindowingStrategy;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(super) fn json(graph: &Graph, plan: &Plan) -> Result<Value> {
    let mut transforms = Map::new();
    for (id, transform) in &graph.components().transforms {
        let at = graph.step_name(transform).map(|name| format!("{}:{}", name.at.file(), name.at.line())).ok();
        let facts = Facts::of(graph, id)?;
        transforms.insert(
            id.clone(),
            json!({
                "name": transform.unique_name,
                "urn": urn(transform),
                "inputs": transform.inputs,
                "outputs": transform.outputs,
                "parts": transform.subtransforms,
                "at": at,
                "windowing": facts.windowing.and_then(|(collection, _)| windowing_id(graph, collection)),
                "state": facts.state.into_iter().collect::<BTreeMap<_, _>>(),
                "timers": facts.timers.into_iter().collect::<BTreeMap<_, _>>(),
                "needs": facts.needs,
                "holds": facts.holds,
            }),
        );
    }
    let (mut collections, mut windowings) = (Map::new(), Map::new());
    for (id, collection) in &graph.components().pcollections {
        let (coder, windowing) = (graph.coder(id)?, graph.windowing(id)?);
        windowings.insert(collection.windowing_strategy_id.clone(), strategy(windowing));
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
        "windowings": windowings,
        "stages": stages.collect::<Vec<_>>(),
        "groupings": junctions(&plan.groupings),
        "reshuffles": junctions(&plan.reshuffles),
        "flattens": junctions(&plan.flattens),
        "late_outputs": junctions(&plan.late_outputs),
    }))
}

fn windowing_id<'a>(graph: &'a Graph, collection: &str) -> Option<&'a str> {
    graph.components().pcollections.get(collection).map(|collection| collection.windowing_strategy_id.as_str())
}

fn strategy(strategy: &WindowingStrategy) -> Value {
    json!({
        "windows": strategy.windows.to_string(),
        "already_merged": strategy.already_merged,
        "trigger": strategy.trigger.to_string(),
        "accumulation_mode": format!("{:?}", strategy.accumulation_mode),
        "timestamp_combiner": format!("{:?}", strategy.timestamp_combiner),
        "closing_behavior": format!("{:?}", strategy.closing_behavior),
        "on_time_behavior": format!("{:?}", strategy.on_time_behavior),
        "allowed_lateness_ms": strategy.allowed_lateness.as_millis() as u64,
    })
}
