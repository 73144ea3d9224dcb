//! The parts of a running pipeline, in an order in which producers come before consumers.

use crate::grouping::Grouping;
use crate::keyed::Keyed;
use crate::parts::Parts;
use crate::schedule::Schedule;
use crate::sides::{Side, View};
use crate::stage::{StageNode, Work};
use ferrobeam_core::graph::{Graph, StepCode};
use ferrobeam_core::testing::TestStreamEvent;
use ferrobeam_core::windowing::WindowingStrategy;
use ferrobeam_core::{Error, Result};
use ferrobeam_runner_core::engine::{NodeId, Passing, Watermarks};
use ferrobeam_runner_core::fuse::{Plan, SideInput, Stage};
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
}

/// What a node will be.
enum Plot<'a> {
    Impulse,
    Script(&'a str),
    Relay,
    Late,
    Stage(usize, &'a Stage),
    Grouping(usize),
    View,
}

/// A node before it is made: what it takes and makes.
struct Draft<'a> {
    plot: Plot<'a>,
    inputs: Vec<&'a str>,
    outputs: Vec<&'a str>,
}

impl Nodes {
    pub(crate) fn new(graph: &Graph, plan: &Plan, schedule: &mut Schedule) -> Result<Self> {
        let drafts = sorted(drafts(plan))?;
        let mut all = Nodes {
            nodes: Vec::new(),
            consumers: BTreeMap::new(),
            watermarks: Watermarks::default(),
            views: BTreeMap::new(),
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
    let step = graph.step_name(graph.transform(&side.transform).ok()?).ok()?;
    Some(view.side(graph.side_mapping(&side.transform, &side.name).map(|mapping| (step.clone(), mapping.clone()))))
}

fn drafts(plan: &Plan) -> Vec<Draft<'_>> {
    let mut drafts = Vec::new();
    let mut add = |plot, inputs, outputs| drafts.push(Draft { plot, inputs, outputs });
    for output in &plan.impulses {
        add(Plot::Impulse, vec![], vec![output.as_str()]);
    }
    for (transform, output) in &plan.scripts {
        add(Plot::Script(transform), vec![], vec![output.as_str()]);
    }
    for (id, stage) in plan.stages.iter().enumerate() {
        let outputs = stage.outputs.iter().map(String::as_str).collect();
        add(Plot::Stage(id, stage), vec![stage.input.as_str()], outputs);
    }
    for (id, junction) in plan.groupings.iter().enumerate() {
        add(Plot::Grouping(id), vec![junction.input.as_str()], vec![junction.output.as_str()]);
    }
    for junction in &plan.reshuffles {
        add(Plot::Relay, vec![junction.input.as_str()], vec![junction.output.as_str()]);
    }
    for junctions in plan.flattens.chunk_by(|a, b| a.transform == b.transform) {
        let inputs = junctions.iter().map(|junction| junction.input.as_str()).collect();
        add(Plot::Relay, inputs, junctions.iter().take(1).map(|junction| junction.output.as_str()).collect());
    }
    for junction in &plan.late_outputs {
        add(Plot::Late, vec![junction.input.as_str()], vec![junction.output.as_str()]);
    }
    let sides: BTreeSet<&str> =
        plan.stages.iter().flat_map(|s| &s.sides).map(|side| side.collection.as_str()).collect();
    for side in sides {
        add(Plot::View, vec![side], vec![]);
    }
    drafts
}

/// Producers before consumers.
fn sorted(drafts: Vec<Draft<'_>>) -> Result<Vec<Draft<'_>>> {
    let mut makers: BTreeMap<&str, usize> = BTreeMap::new();
    for (id, draft) in drafts.iter().enumerate() {
        makers.extend(draft.outputs.iter().map(|output| (*output, id)));
    }
    let mut missing: Vec<usize> = vec![0; drafts.len()];
    let mut behind: Vec<Vec<usize>> = vec![Vec::new(); drafts.len()];
    for (id, draft) in drafts.iter().enumerate() {
        for maker in draft.inputs.iter().filter_map(|input| makers.get(input)) {
            missing[id] += 1;
            behind[*maker].push(id);
        }
    }
    let mut ready: BTreeSet<usize> = (0..drafts.len()).filter(|id| missing[*id] == 0).collect();
    let mut order = vec![usize::MAX; drafts.len()];
    let mut place = 0;
    while let Some(id) = ready.pop_first() {
        order[id] = place;
        place += 1;
        for &next in &behind[id] {
            missing[next] -= 1;
            if missing[next] == 0 {
                ready.insert(next);
            }
        }
    }
    if place < drafts.len() {
        return Err(Error::Graph(vec!["the pipeline goes round in a circle".to_owned()]));
    }
    let mut drafts: Vec<_> = drafts.into_iter().enumerate().collect();
    drafts.sort_by_key(|(id, _)| order[*id]);
    Ok(drafts.into_iter().map(|(_, draft)| draft).collect())
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
        Plot::Relay => Node::Relay { output: output() },
        Plot::Late => {
            let output = output();
            Node::Late { windowing: graph.windowing(&output)?.clone(), output }
        }
        Plot::Script(transform) => match graph.code(graph.transform(transform)?)? {
            Some(StepCode::TestStream(events)) => Node::Script { output: output(), events: events.clone(), next: 0 },
            _ => return Err(Error::Graph(vec![format!("`{transform}` has no script")])),
        },
        Plot::Grouping(id) => Node::Grouping(Box::new(Grouping::new(graph, &plan.groupings[id], schedule.coin())?)),
        Plot::Stage(id, stage) => Node::Stage(Box::new(StageNode::new(id, sides[id].clone(), work(graph, stage)?))),
        Plot::View => match draft.inputs.first().and_then(|collection| views.remove(collection)) {
            Some(view) => Node::View(Box::new(view)),
            None => return Ok(None),
        },
    };
    Ok(Some(node))
}

fn work(graph: &Graph, stage: &Stage) -> Result<Work> {
    let Some(stateful) = &stage.stateful else {
        return Ok(if stage.splittable.is_some() { Work::Parts(Parts::default()) } else { Work::Rows(Vec::new()) });
    };
    let transform = graph.transform(stateful)?;
    let Some(StepCode::Stateful(code)) = graph.code(transform)? else {
        return Err(Error::Graph(vec![format!("`{stateful}` has no state")]));
    };
    let (step, coder) = (graph.step_name(transform)?.clone(), graph.coder(&stage.input)?.clone());
    let windowing = graph.windowing(&stage.input)?.clone();
    Ok(Work::Keyed(Box::new(Keyed::new(step, code.clone(), coder, windowing))))
}
