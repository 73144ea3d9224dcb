//! The parts of a running pipeline, in an order in which producers come before consumers.

use crate::grouping::Grouping;
use crate::keyed::Keyed;
use crate::parts::Parts;
use crate::rows::Row;
use crate::schedule::Schedule;
use crate::sides::View;
use crate::stage::{StageNode, Work};
use ferrobeam_core::graph::{Graph, StepCode};
use ferrobeam_core::testing::TestStreamEvent;
use ferrobeam_core::windowing::WindowingStrategy;
use ferrobeam_core::{Error, Result};
use ferrobeam_runner_core::bundle::keyed::KeyedStep;
use ferrobeam_runner_core::engine::{NodeId, Passing, Side, Watermarks};
use ferrobeam_runner_core::fuse::{Plan, SideInput, Stage};
use ferrobeam_runner_core::nodes::{Draft, Plot, drafts};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A part of a running pipeline.
pub(crate) enum Node {
    /// Begins with one empty element.
    Impulse { output: String },
    /// Plays a script.
    Script { output: String, events: Arc<[TestStreamEvent]>, next: usize },
    /// Passes elements on: a flatten, a reshuffle.
    Relay { output: String },
    /// Passes on what is too late for its windows.
    Late { output: String, windowing: Arc<WindowingStrategy> },
    /// Runs user code.
    Stage(Box<StageNode>),
    /// Groups.
    Grouping(Box<Grouping>),
    /// Keeps a side input.
    View(Box<View>),
}

/// All parts.
pub(crate) struct Nodes {
    pub(crate) nodes: Vec<Node>,
    /// Who takes a collection; twice if they take it twice.
    pub(crate) consumers: BTreeMap<String, Vec<NodeId>>,
    pub(crate) watermarks: Watermarks,
    /// The nodes of the side inputs, by collection.
    pub(crate) views: BTreeMap<String, NodeId>,
    /// What the collections got that are observed.
    pub(crate) observed: BTreeMap<String, Vec<Row>>,
}

impl Nodes {
    pub(crate) fn new(graph: &Graph, plan: &Plan, schedule: &mut Schedule) -> Result<Self> {
        let drafts = drafts(plan)?;
        let mut all = Nodes {
            nodes: Vec::new(),
            consumers: BTreeMap::new(),
            watermarks: Watermarks::default(),
            views: BTreeMap::new(),
            observed: BTreeMap::new(),
        };
        let mut producers: BTreeMap<&str, NodeId> = BTreeMap::new();
        // Stages hold them, and watermarks do not flow through them.
        let mut views: BTreeMap<&str, View> = BTreeMap::new();
        for collection in plan.stages.iter().flat_map(|stage| &stage.sides).map(|side| side.collection.as_str()) {
            if !views.contains_key(collection) {
                views.insert(collection, View::new(graph, collection)?);
            }
        }
        let mut sides = Vec::new();
        for stage in &plan.stages {
            sides
                .push(stage.sides.iter().filter_map(|side| of_view(graph, views.get(side.collection.as_str())?, side)));
        }
        let sides: Vec<Vec<Side>> = sides.into_iter().map(Iterator::collect).collect();
        for draft in drafts {
            let before: BTreeSet<NodeId> =
                draft.inputs.iter().filter_map(|input| producers.get(input).copied()).collect();
            let before: Vec<NodeId> = before.into_iter().collect();
            let Some(node) = make(graph, plan, schedule, &draft, &mut views, &sides)? else { continue };
            let passing = match &node {
                Node::Grouping(_) | Node::View(_) => Passing::WhenTold,
                Node::Stage(stage) if plan.stages[stage.stage].stateful.is_some() => Passing::WhenTold,
                _ => Passing::AtOnce,
            };
            let id = all.watermarks.add(&before, passing);
            if let Node::View(view) = &node {
                all.views.insert(view.collection.clone(), id);
            }
            for input in draft.inputs {
                all.consumers.entry(input.to_owned()).or_default().push(id);
            }
            producers.extend(draft.outputs.into_iter().map(|output| (output, id)));
            all.nodes.push(node);
        }
        all.find_readers(graph, plan)?;
        Ok(all)
    }

    /// Tells each side input who looks at it.
    fn find_readers(&mut self, graph: &Graph, plan: &Plan) -> Result<()> {
        for id in 0..self.nodes.len() {
            let Node::Stage(stage) = &self.nodes[id] else { continue };
            let stage = &plan.stages[stage.stage];
            let lateness = graph.windowing(&stage.input)?.allowed_lateness;
            for side in &stage.sides {
                let view = self.views.get(&side.collection).copied();
                let Some(Node::View(view)) = view.and_then(|view| self.nodes.get_mut(view)) else { continue };
                match (&mut view.readers, graph.side_mapping(&side.transform, &side.name)) {
                    (Some(readers), None) => readers.push((id, lateness)),
                    (readers, _) => *readers = None,
                }
            }
        }
        Ok(())
    }

    /// A side input as its reader sees it.
    pub(crate) fn side(&self, graph: &Graph, side: &SideInput) -> Option<Side> {
        match self.nodes.get(*self.views.get(&side.collection)?)? {
            Node::View(view) => of_view(graph, view, side),
            _ => None,
        }
    }
}

fn of_view(graph: &Graph, view: &View, side: &SideInput) -> Option<Side> {
    view.side.seen_by(graph, &side.transform, &side.name).ok()
}

fn make<'a>(
    graph: &Graph,
    plan: &Plan,
    schedule: &mut Schedule,
    draft: &Draft<'a>,
    views: &mut BTreeMap<&'a str, View>,
    sides: &[Vec<Side>],
) -> Result<Option<Node>> {
    let output = || draft.outputs.first().map_or_else(String::new, |output| (*output).to_owned());
    let node = match draft.plot {
        Plot::Impulse => Node::Impulse { output: output() },
        Plot::Relay { .. } => Node::Relay { output: output() },
        Plot::Late => {
            let output = output();
            Node::Late { windowing: graph.windowing(&output)?.clone(), output }
        }
        Plot::Script(transform) => match graph.code(graph.transform(transform)?)? {
            Some(StepCode::TestStream(events)) => Node::Script { output: output(), events: events.clone(), next: 0 },
            _ => return Err(Error::Graph(vec![format!("`{transform}` has no script")])),
        },
        Plot::Grouping(id) => {
            let junction = &plan.groupings[id];
            let lift = schedule.pick(2) == 1;
            if lift && let Ok(step) = graph.step_name(graph.transform(&junction.transform)?) {
                schedule.say(|| format!("{step} is lifted, if it can be"));
            }
            Node::Grouping(Box::new(Grouping::new(graph, junction, lift)?))
        }
        Plot::Stage(id, stage) => Node::Stage(Box::new(StageNode::new(id, sides[id].clone(), work(graph, stage)?))),
        Plot::View => match draft.inputs.first().and_then(|collection| views.remove(collection)) {
            Some(view) => Node::View(Box::new(view)),
            None => return Ok(None),
        },
    };
    Ok(Some(node))
}

fn work(graph: &Graph, stage: &Stage) -> Result<Work> {
    if stage.stateful.is_none() {
        return Ok(if stage.splittable.is_some() { Work::Parts(Parts::default()) } else { Work::Rows(Vec::new()) });
    }
    Ok(Work::Keyed(Box::new(Keyed::new(KeyedStep::new(graph, stage, "direct")?))))
}
