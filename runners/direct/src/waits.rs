//! Who waits for what, for the error of a pipeline that does not come to its end.

use crate::nodes::{Node, Nodes};
use ferrobeam_core::Timestamp;
use ferrobeam_core::graph::Graph;
use ferrobeam_runner_core::fuse::Plan;
use ferrobeam_runner_core::waits::of_stage;

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
