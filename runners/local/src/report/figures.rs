//! What there is to see of a run: a row for each step of the pipeline as it was written.

use crate::layout::{Kind, Layout};
use crate::shared::Shared;
use ferrobeam_core::graph::{Graph, StepCode};
use ferrobeam_core::{Result, Timestamp};
use ferrobeam_runner_core::engine::NodeId;
use std::collections::BTreeMap;

/// Which counters belong to which step.
pub(crate) struct Overview {
    steps: Vec<Step>,
}

struct Step {
    name: String,
    /// What it makes, or takes, if it makes nothing for anybody.
    collections: Vec<String>,
    /// The nodes that have parts of it.
    nodes: Vec<NodeId>,
    /// Those of them that begin with a part of it.
    begun: Vec<NodeId>,
    /// What its sources count.
    unit: &'static str,
}

/// How far a step has come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figures {
    pub(crate) name: String,
    pub(crate) elements: u64,
    pub(crate) watermark: Timestamp,
    /// How many rows wait for it.
    pub(crate) waiting: u64,
    /// How much of the input that has an end was read, how much there is, and in which unit.
    pub(crate) read: Option<(f64, f64, &'static str)>,
}

impl Overview {
    /// # Errors
    /// The plan is of another graph.
    pub(crate) fn new(layout: &Layout<'_>) -> Result<Self> {
        let graph = layout.graph;
        // Reshuffles are no nodes: what comes out of one is what has gone in.
        let before: BTreeMap<&str, &str> =
            layout.plan.reshuffles.iter().map(|junction| (&*junction.output, &*junction.input)).collect();
        let mut steps = Vec::new();
        for root in &graph.proto().root_transform_ids {
            let transform = graph.transform(root)?;
            let makes = transform.outputs.values().any(|made| is_taken(graph, made));
            let ends = if makes || transform.inputs.is_empty() { &transform.outputs } else { &transform.inputs };
            let collections = ends.values().map(|id| {
                let mut id = id.as_str();
                while let Some(input) = before.get(id) {
                    id = input;
                }
                id.to_owned()
            });
            let mut parts = Vec::new();
            primitives(graph, root, &mut parts)?;
            let mut step = Step {
                name: transform.unique_name.clone(),
                collections: collections.collect(),
                nodes: Vec::new(),
                begun: Vec::new(),
                unit: "",
            };
            for (id, node) in layout.nodes.iter().enumerate() {
                let of_node = transforms_of(layout, &node.kind);
                if of_node.iter().any(|transform| parts.contains(transform)) {
                    step.nodes.push(id);
                }
                if of_node.first().is_some_and(|first| parts.contains(first)) {
                    step.begun.push(id);
                    if let Some(StepCode::Splittable(code)) = graph.code(graph.transform(of_node[0])?)? {
                        step.unit = code.unit();
                    }
                }
            }
            steps.push(step);
        }
        Ok(Overview { steps })
    }

    /// How far all steps have come.
    pub(crate) fn look(&self, shared: &Shared) -> Vec<Figures> {
        let look = |step: &Step| {
            let progress = step.begun.iter().filter_map(|node| Some(shared.pools[*node].as_ref()?.progress()));
            let (done, all) = progress.fold((0.0, 0.0), |(done, all), (more, of)| (done + more, all + of));
            Figures {
                name: step.name.clone(),
                elements: step.collections.iter().map(|collection| shared.tally.elements(collection)).sum(),
                watermark: step.nodes.iter().map(|node| shared.output(*node)).min().unwrap_or(Timestamp::MAX),
                waiting: step.begun.iter().map(|node| shared.tally.work(*node).waiting).sum(),
                read: (all > 0.0).then_some((done, all, step.unit)),
            }
        };
        self.steps.iter().map(look).collect()
    }
}

fn is_taken(graph: &Graph, collection: &str) -> bool {
    graph.components().transforms.values().any(|transform| transform.inputs.values().any(|input| input == collection))
}

/// The transforms that a node runs, the first one first.
pub(super) fn transforms_of<'a>(layout: &'a Layout<'_>, kind: &'a Kind) -> Vec<&'a str> {
    match kind {
        Kind::Stage(number) => layout.plan.stages[*number].transforms.iter().map(String::as_str).collect(),
        Kind::Grouping(number) | Kind::Partial(number, _) => vec![&layout.plan.groupings[*number].transform],
        Kind::Script { step, .. } => vec![step],
        Kind::Impulse { output } | Kind::Flatten { output } | Kind::Late { output, .. } => {
            ferrobeam_runner_core::waits::maker_of(layout.graph, output).into_iter().collect()
        }
        Kind::View { .. } => Vec::new(),
    }
}

/// The parts of a transform that have no parts.
fn primitives<'a>(graph: &'a Graph, id: &'a str, into: &mut Vec<&'a str>) -> Result<()> {
    into.push(id);
    graph.transform(id)?.subtransforms.iter().try_for_each(|part| primitives(graph, part, into))
}
