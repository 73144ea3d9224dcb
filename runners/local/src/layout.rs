//! The plan of a pipeline as all workers see it: nodes, and who takes what they make.

use ferrobeam_core::graph::{Graph, StepCode};
use ferrobeam_core::testing::TestStreamEvent;
use ferrobeam_core::windowing::TimestampCombiner;
use ferrobeam_core::{Error, Result};
use ferrobeam_runner_core::engine::{NodeId, Side};
use ferrobeam_runner_core::fuse::{Plan, SideInput, fuse};
use ferrobeam_runner_core::nodes::{Draft, Plot, drafts};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::LocalRunner;
use crate::wiring::Code;

/// A pipeline that is about to run.
pub(crate) struct Layout<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) plan: Plan,
    /// Producers before consumers.
    pub(crate) nodes: Vec<Node>,
    /// Who takes a collection; twice if they take it twice.
    consumers: BTreeMap<String, Vec<Consumer>>,
    sides: BTreeMap<String, Side>,
}

/// A part of a pipeline, of which each worker has an instance.
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// The nodes that make what it takes.
    pub(crate) producers: Vec<NodeId>,
    /// Whether all that it takes is one empty element at the beginning.
    pub(crate) starts: bool,
}

/// What a node is.
pub(crate) enum Kind {
    /// Begins with one empty element.
    Impulse { output: String },
    /// Plays a script.
    Script { output: String, step: String, events: Arc<[TestStreamEvent]> },
    /// Passes on what comes. It is a node so that a chain of diamonds has no more edges than it has steps.
    Flatten { output: String },
    /// Passes on what is too late for its windows.
    Late { input: String, output: String },
    /// A stage, by its number in the plan.
    Stage(usize),
    /// Combines what its own worker has for a grouping, by the number of that in the plan; goes to this node.
    Partial(usize, NodeId),
    /// A grouping, by its number in the plan.
    Grouping(usize),
    /// Keeps a side input.
    View { collection: String, readers: Readers },
}

/// The stages that look at a side input, with the allowed lateness of what they process; none if one of them maps windows
/// in a way of its own, so that nobody knows what it will ask for.
pub(crate) type Readers = Option<Vec<(NodeId, Duration)>>;

/// Who takes a collection.
#[derive(Clone, Copy)]
pub(crate) struct Consumer {
    pub(crate) node: NodeId,
    /// Whether the elements are dealt out to the workers on their way.
    pub(crate) deals: bool,
}

impl<'a> Layout<'a> {
    /// # Errors
    /// The graph is not one that this version knows.
    pub(crate) fn new(graph: &'a Graph, workers: usize) -> Result<Self> {
        let plan = fuse(graph)?;
        let (mut nodes, mut makers) = (Vec::new(), BTreeMap::<String, BTreeSet<NodeId>>::new());
        let (mut direct, mut reshuffles) = (BTreeMap::<String, Vec<NodeId>>::new(), Vec::new());
        for Draft { plot, inputs, outputs } in drafts(&plan)? {
            let producers: BTreeSet<NodeId> =
                inputs.iter().filter_map(|input| makers.get(*input)).flatten().copied().collect();
            let output = || outputs.first().map_or_else(String::new, |output| (*output).to_owned());
            let input = || inputs.first().map_or_else(String::new, |input| (*input).to_owned());
            let kind = match plot {
                Plot::Relay { deals: true } => {
                    makers.insert(output(), producers);
                    reshuffles.extend(inputs.iter().map(|input| ((*input).to_owned(), output())));
                    continue;
                }
                Plot::Relay { deals: false } => Kind::Flatten { output: output() },
                Plot::Impulse => Kind::Impulse { output: output() },
                Plot::Script(transform) => match graph.code(graph.transform(transform)?)? {
                    Some(StepCode::TestStream(events)) => {
                        Kind::Script { output: output(), step: transform.to_owned(), events: events.clone() }
                    }
                    _ => return Err(Error::Graph(vec![format!("`{transform}` has no script")])),
                },
                Plot::Late => Kind::Late { input: input(), output: output() },
                Plot::Stage(number, _) => Kind::Stage(number),
                Plot::Grouping(number) => Kind::Grouping(number),
                Plot::View => Kind::View { collection: input(), readers: Some(Vec::new()) },
            };
            let is_impulse = |id: &NodeId| matches!(nodes.get(*id), Some(Node { kind: Kind::Impulse { .. }, .. }));
            let starts = !producers.is_empty() && producers.iter().all(is_impulse);
            let mut id = nodes.len();
            inputs.iter().for_each(|input| direct.entry((*input).to_owned()).or_default().push(id));
            let mut producers: Vec<NodeId> = producers.into_iter().collect();
            if let Kind::Grouping(number) = kind
                && Code::of(graph, &plan.groupings[number], workers)?.partial.is_some()
            {
                nodes.push(Node { kind: Kind::Partial(number, id + 1), producers, starts: false });
                producers = vec![id];
                id += 1;
            }
            outputs.iter().for_each(|output| drop(makers.insert((*output).to_owned(), BTreeSet::from([id]))));
            nodes.push(Node { kind, producers, starts });
        }
        let mut layout =
            Layout { graph, plan, nodes, consumers: resolved(direct, &reshuffles), sides: BTreeMap::new() };
        layout.add_sides()?;
        Ok(layout)
    }

    fn add_sides(&mut self) -> Result<()> {
        let (graph, mut readers) = (self.graph, BTreeMap::<String, Readers>::new());
        for (id, node) in self.nodes.iter().enumerate() {
            let Kind::Stage(number) = &node.kind else { continue };
            let stage = &self.plan.stages[*number];
            let lateness = graph.windowing(&stage.input)?.allowed_lateness;
            for side in &stage.sides {
                let of_view = readers.entry(side.collection.clone()).or_insert(Some(Vec::new()));
                match (&mut *of_view, graph.side_mapping(&side.transform, &side.name)) {
                    (Some(readers), None) => readers.push((id, lateness)),
                    _ => *of_view = None,
                }
            }
        }
        for node in &mut self.nodes {
            let Kind::View { collection, readers: of_view } = &mut node.kind else { continue };
            *of_view = readers.remove(collection).unwrap_or_default();
            let none = graph.coder(collection)?.side_rows().none();
            let side = Side::new(graph.windowing(collection)?.clone(), none, LocalRunner::NAME);
            self.sides.insert(collection.clone(), side);
        }
        Ok(())
    }

    /// Who takes a collection.
    pub(crate) fn consumers(&self, collection: &str) -> &[Consumer] {
        self.consumers.get(collection).map_or(&[], Vec::as_slice)
    }

    /// What has fired of a collection that is a side input.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn fired(&self, collection: &str) -> Result<&Side> {
        let missing = || Error::Graph(vec![format!("`{collection}` is no side input")]);
        self.sides.get(collection).ok_or_else(missing)
    }

    /// A side input as its reader sees it.
    ///
    /// # Errors
    /// There is no such reader.
    pub(crate) fn side(&self, side: &SideInput) -> Result<Side> {
        self.fired(&side.collection)?.seen_by(self.graph, &side.transform, &side.name)
    }

    /// Whether scripts say when time passes.
    pub(crate) fn has_script(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node.kind, Kind::Script { .. }))
    }

    /// Whether a node begins with a source.
    pub(crate) fn is_splittable(&self, node: NodeId) -> bool {
        matches!(&self.nodes[node].kind, Kind::Stage(number) if self.plan.stages[*number].splittable.is_some())
    }

    /// Whether the output watermark of a node matters to what comes in: the time of a pane is that of its elements.
    pub(crate) fn looks_at_output(&self, id: NodeId) -> bool {
        let Kind::Grouping(number) = &self.nodes[id].kind else { return false };
        let windowing = self.graph.windowing(&self.plan.groupings[*number].input);
        windowing.is_ok_and(|windowing| windowing.timestamp_combiner != TimestampCombiner::EndOfWindow)
    }
}

/// The consumers of each collection, also those behind reshuffles.
fn resolved(direct: BTreeMap<String, Vec<NodeId>>, reshuffles: &[(String, String)]) -> BTreeMap<String, Vec<Consumer>> {
    let mut consumers: BTreeMap<String, Vec<Consumer>> = BTreeMap::new();
    for (collection, nodes) in direct {
        let of_collection = nodes.into_iter().map(|node| Consumer { node, deals: false });
        consumers.insert(collection, of_collection.collect());
    }
    // Producers come first, so that the last one has all its consumers.
    for (input, output) in reshuffles.iter().rev() {
        let behind = consumers.get(output).cloned().unwrap_or_default();
        let behind = behind.into_iter().map(|consumer| Consumer { deals: true, ..consumer });
        let behind: Vec<Consumer> = behind.collect();
        consumers.entry(input.clone()).or_default().extend(behind);
    }
    consumers
}
