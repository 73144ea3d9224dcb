//! Who waits for what, in words, for the error of a pipeline that does not come to its end.

use crate::fuse::Stage;
use ferrobeam_core::graph::Graph;

/// The step of a stage that waits, and what for: so many elements are `ready`, and so many wait for side inputs.
#[must_use]
pub fn of_stage(graph: &Graph, stage: &Stage, ready: usize, waiting: usize) -> (String, String) {
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

/// The transform that makes a collection.
#[must_use]
pub fn maker_of<'a>(graph: &'a Graph, collection: &str) -> Option<&'a str> {
    let makes = |id: &&String| {
        graph.transform(id).is_ok_and(|transform| {
            transform.subtransforms.is_empty() && transform.outputs.values().any(|output| output == collection)
        })
    };
    graph.components().transforms.keys().find(makes).map(String::as_str)
}

/// The step that makes a collection, in words.
#[must_use]
pub fn maker(graph: &Graph, collection: &str) -> String {
    maker_of(graph, collection).map_or_else(|| collection.to_owned(), |id| step(graph, id))
}

/// The step of a transform in words.
#[must_use]
pub fn step(graph: &Graph, transform: &str) -> String {
    let step = graph.transform(transform).and_then(|transform| graph.step_name(transform));
    step.map_or_else(|_| transform.to_owned(), ToString::to_string)
}
