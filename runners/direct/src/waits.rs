//! Who waits for what, for the error of a pipeline that does not come to its end.

use crate::nodes::{Node, Nodes};
use ferrobeam_core::Timestamp;
use ferrobeam_core::graph::Graph;
use ferrobeam_runner_core::fuse::{Plan, Stage};

/// A line for each node that is not done: what it waits for, how far its input has come, and what holds it.
pub(crate) fn told(graph: &Graph, plan: &Plan, nodes: &Nodes) -> String {
    let (mut text, watermarks) = (String::new(), &nodes.watermarks);
    for (id, node) in nodes.nodes.iter().enumerate() {
        let is_done = watermarks.output(id) == Timestamp::MAX;
        let (name, waits) = match node {
            Node::Stage(stage) => match stage.waits() {
                (0, 0) if is_done => continue,
                (ready, waiting) => of_stage(graph, &plan.stages[stage.stage], ready, waiting),
            },
            Node::Grouping(grouping) if !is_done => {
                (grouping.name().to_string(), "it has panes that have not fired".to_owned())
            }
            _ => continue,
        };
        let held = watermarks.held(id).map_or_else(String::new, |at| format!(", held at {at}"));
        text += &format!("\n  - {name}: {waits}; its input has come to {}{held}", watermarks.input(id));
    }
    text
}

/// The step that waits, and what for.
fn of_stage(graph: &Graph, stage: &Stage, ready: usize, waiting: usize) -> (String, String) {
    let all = ready + waiting;
    let mut waits = if all == 1 { "1 element waits".to_owned() } else { format!("{all} elements wait") };
    let sides = stage.sides.iter().filter(|_| waiting > 0);
    let first = sides.clone().map(|side| &side.transform).chain(&stage.transforms).next();
    if waiting > 0 {
        let makers: Vec<String> = sides.map(|side| maker(graph, &side.collection)).collect();
        waits += &format!(", {waiting} of them for the side inputs that {} makes", makers.join(" and "));
    }
    (first.map_or_else(String::new, |id| step(graph, id)), waits)
}

/// The step that makes a collection.
pub(crate) fn maker_of<'a>(graph: &'a Graph, collection: &str) -> Option<&'a str> {
    let makes = |id: &&String| {
        graph.transform(id).is_ok_and(|transform| {
            transform.subtransforms.is_empty() && transform.outputs.values().any(|output| output == collection)
        })
    };
    graph.components().transforms.keys().find(makes).map(String::as_str)
}

/// The step that makes a collection, in words.
fn maker(graph: &Graph, collection: &str) -> String {
    maker_of(graph, collection).map_or_else(|| collection.to_owned(), |id| step(graph, id))
}

/// The step of a transform in words.
pub(crate) fn step(graph: &Graph, transform: &str) -> String {
    let step = graph.transform(transform).and_then(|transform| graph.step_name(transform));
    step.map_or_else(|_| transform.to_owned(), ToString::to_string)
}
