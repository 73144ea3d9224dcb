//! What the model promises of a pipeline's collections, whatever the schedule.

use ferrobeam_core::Result;
use ferrobeam_core::graph::{Graph, StepName};
use ferrobeam_core::windowing::{AccumulationMode, Trigger, WindowingStrategy};
use ferrobeam_model::pipeline::is_bounded;
use ferrobeam_runner_core::fuse::{Junction, Plan, fuse, inputs};
use std::collections::{BTreeMap, BTreeSet};

/// A collection of which something is promised.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    pub(super) collection: String,
    pub(super) step: StepName,
    pub(super) content: Content,
    /// It comes out of a grouping, and its lists are in no order.
    pub(super) is_grouped: bool,
}

/// What is the same under each schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Content {
    /// Each element, with timestamp, windows and pane.
    Elements,
    /// What each key and window has come to in the end; how many panes it took may differ.
    Panes { accumulating: bool, merging: bool },
}

/// From some collections to others.
struct Edge {
    transform: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
    /// When what comes out depends on when it fires.
    fires: Vec<String>,
}

/// The collections that are compared, producers first: what groupings make, what steps with state and steps whose work is
/// split make, what is asserted, and what nobody consumes. What lies between follows from these, or is nobody's matter: a
/// step may well emit one thing for each of its bundles, if the sum of it is the same in the end.
pub(super) fn promises(graph: &Graph) -> Result<Vec<Promise>> {
    let plan = fuse(graph)?;
    let edges = edges(graph, &plan)?;
    let depends = depend_on_the_schedule(graph, &edges)?;
    let consumed: BTreeSet<&String> = edges.iter().flat_map(|edge| &edge.inputs).collect();
    let mut promises = BTreeMap::new();
    let mut add = |collection: &String, transform: &str, content, is_grouped| -> Result<()> {
        let step = graph.step_name(graph.transform(transform)?)?.clone();
        promises.insert(collection.clone(), Promise { collection: collection.clone(), step, content, is_grouped });
        Ok(())
    };
    let splits_or_keeps = plan.stages.iter().flat_map(|stage| stage.splittable.iter().chain(&stage.stateful));
    let splits_or_keeps: BTreeSet<&String> = splits_or_keeps.collect();
    let makers: BTreeMap<&String, &String> =
        edges.iter().flat_map(|edge| edge.outputs.iter().map(|output| (output, &edge.transform))).collect();
    for edge in &edges {
        if is_assertion(&graph.step_name(graph.transform(&edge.transform)?)?.name) {
            for input in edge.inputs.iter().filter(|input| !depends.contains(*input)) {
                if let Some(maker) = makers.get(input) {
                    add(input, maker, Content::Elements, false)?;
                }
            }
        }
        for output in edge.outputs.iter().filter(|output| !depends.contains(*output)) {
            if !consumed.contains(output) || splits_or_keeps.contains(&edge.transform) {
                add(output, &edge.transform, Content::Elements, false)?;
            }
        }
    }
    for Junction { transform, input, output } in &plan.groupings {
        let windowing = graph.windowing(input)?;
        if !depends.contains(output) {
            add(output, transform, Content::Elements, true)?;
        } else if !depends.contains(input) && !windowing.trigger.may_lose_data(windowing.allowed_lateness) {
            let accumulating = windowing.accumulation_mode == AccumulationMode::Accumulating;
            add(output, transform, Content::Panes { accumulating, merging: windowing.needs_merge() }, true)?;
        }
    }
    let order: BTreeMap<&String, usize> = (graph.leaves().into_iter().enumerate())
        .filter_map(|(place, id)| Some((place, graph.transform(id).ok()?)))
        .flat_map(|(place, transform)| transform.outputs.values().map(move |output| (output, place)))
        .collect();
    let mut promises: Vec<Promise> = promises.into_values().collect();
    promises.sort_by_key(|promise| order.get(&promise.collection).copied());
    Ok(promises)
}

/// The step in which an assertion takes its collection: a comparison there shows the elements themselves.
fn is_assertion(name: &str) -> bool {
    let mut path = name.rsplit('/');
    path.next() == Some("Data") && path.next().is_some_and(|composite| composite.split('#').next() == Some("Assert"))
}

fn edges(graph: &Graph, plan: &Plan) -> Result<Vec<Edge>> {
    let mut edges = Vec::new();
    for id in plan.stages.iter().flat_map(|stage| &stage.transforms) {
        let transform = graph.transform(id)?;
        let (sides, mut main) = inputs(id, transform);
        let fires: Vec<String> = sides.into_iter().map(|side| side.collection).collect();
        main.extend(fires.iter().cloned());
        let outputs = transform.outputs.values().cloned().collect();
        edges.push(Edge { transform: id.clone(), inputs: main, outputs, fires });
    }
    let passing = plan.reshuffles.iter().chain(&plan.flattens).chain(&plan.late_outputs);
    for (junction, fires) in passing.map(|junction| (junction, false)).chain(plan.groupings.iter().map(|j| (j, true))) {
        let Junction { transform, input, output } = junction;
        edges.push(Edge {
            transform: transform.clone(),
            inputs: vec![input.clone()],
            outputs: vec![output.clone()],
            fires: if fires { vec![input.clone()] } else { Vec::new() },
        });
    }
    Ok(edges)
}

/// The collections whose elements the schedule decides.
fn depend_on_the_schedule(graph: &Graph, edges: &[Edge]) -> Result<BTreeSet<String>> {
    let mut depends = BTreeSet::new();
    for edge in edges {
        for input in &edge.fires {
            let is_bounded = graph
                .components()
                .pcollections
                .get(input)
                .is_some_and(|collection| collection.is_bounded == i32::from(is_bounded::Enum::Bounded));
            if !fires_by_the_watermark(graph.windowing(input)?, is_bounded) {
                depends.extend(edge.outputs.iter().cloned());
            }
        }
    }
    loop {
        let before = depends.len();
        for edge in edges {
            if edge.inputs.iter().any(|input| depends.contains(input)) {
                depends.extend(edge.outputs.iter().cloned());
            }
        }
        if depends.len() == before {
            return Ok(depends);
        }
    }
}

/// Whether each key and window fires when the watermark says that it is whole, and not again: late elements, which only
/// unbounded data can have, fire one by one or together, as they come.
fn fires_by_the_watermark(windowing: &WindowingStrategy, is_bounded: bool) -> bool {
    let waits = match &windowing.trigger {
        Trigger::Default | Trigger::Never => true,
        Trigger::AfterWatermark { early, .. } => early.is_none(),
        _ => false,
    };
    waits && (is_bounded || windowing.allowed_lateness.is_zero())
}
