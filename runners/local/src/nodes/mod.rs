//! A worker's instances of all nodes, and how far each has come.

mod limit;

use crate::grouping::GroupingNode;
use crate::layout::{Kind, Layout, Readers};
use crate::shared::Shared;
use crate::stage::{StageNode, misfit};
use crate::view::ViewNode;
use crate::wiring::{Wirer, owner};
use ferrobeam_core::dofn::erased::Parcel;
use ferrobeam_core::graph::{Feed, StepName, Transfer};
use ferrobeam_core::grouping::Spills;
use ferrobeam_core::windowing::WindowingStrategy;
use ferrobeam_core::{Result, Timestamp};
use ferrobeam_runner_core::bundle::by_key::ByKey;
use ferrobeam_runner_core::engine::{NodeId, Now, Side};
use std::sync::Arc;

/// All nodes on one worker.
pub(crate) struct Nodes {
    worker: usize,
    shared: Arc<Shared>,
    instances: Vec<Instance>,
    /// How far each has come.
    pub(crate) times: Vec<Times>,
    /// What people know each by, if there is a limit of memory.
    names: Vec<Option<String>>,
    /// Stages that are not here, for they have bundles, and what their state holds.
    away: Vec<(NodeId, usize)>,
    /// How often somebody looked whether there is too much in memory.
    looks: usize,
}

/// How far a node has come on this worker.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    /// The least output watermark of the producers, as it was before all was received that has been.
    pub(crate) seen: Timestamp,
    pub(crate) upstream: Timestamp,
    pub(crate) input: Timestamp,
    pub(crate) output: Timestamp,
    pub(crate) asks: Timestamp,
}

/// A node on a worker.
pub(crate) enum Instance {
    /// Begins with what it is fed with: an impulse.
    Start(Box<dyn Feed>),
    /// Passes on what it is fed with: a script, a flatten.
    Relay(Box<dyn Feed>),
    /// Passes on what is late.
    Late {
        feed: Box<dyn Feed>,
        transfer: Arc<dyn Transfer>,
        windowing: Arc<WindowingStrategy>,
    },
    Stage(Box<StageNode>),
    Grouping(Box<GroupingNode>),
    View(Box<ViewNode>, Readers),
    /// A side input that another worker keeps.
    Elsewhere(Side),
    /// A stage while it has a bundle.
    Busy,
}

impl Nodes {
    /// # Errors
    /// The graph does not fit the code.
    pub(crate) fn new(wirer: &Wirer<'_>, worker: usize, shared: Arc<Shared>) -> Result<Self> {
        let layout = wirer.layout;
        let instances = (0..layout.nodes.len()).map(|id| instance(wirer, id, worker)).collect::<Result<_>>()?;
        let min = Timestamp::MIN;
        let start = Times { seen: min, upstream: min, input: min, output: min, asks: min };
        let times = vec![start; layout.nodes.len()];
        let names = match shared.memory {
            Some(_) => (0..layout.nodes.len()).map(|id| limit::name(layout, id)).collect(),
            None => Vec::new(),
        };
        Ok(Nodes { worker, shared, instances, times, names, away: Vec::new(), looks: 0 })
    }

    /// No nodes.
    pub(crate) fn none(worker: usize, shared: Arc<Shared>) -> Self {
        let (instances, times, names) = (Vec::new(), Vec::new(), Vec::new());
        Nodes { worker, shared, instances, times, names, away: Vec::new(), looks: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.instances.len()
    }

    /// The nodes and how far each has come.
    pub(crate) fn each(&mut self) -> impl DoubleEndedIterator<Item = (&mut Instance, &mut Times)> + ExactSizeIterator {
        self.instances.iter_mut().zip(&mut self.times)
    }

    pub(crate) fn get(&mut self, node: NodeId) -> &mut Instance {
        &mut self.instances[node]
    }

    pub(crate) fn stages(&mut self) -> impl DoubleEndedIterator<Item = (NodeId, &mut StageNode)> {
        self.instances.iter_mut().enumerate().filter_map(|(node, instance)| match instance {
            Instance::Stage(stage) => Some((node, &mut **stage)),
            _ => None,
        })
    }

    /// A stage, for a bundle in which the others are lent.
    ///
    /// # Errors
    /// The node is no stage.
    pub(crate) fn take(&mut self, node: NodeId) -> Result<Box<StageNode>> {
        match std::mem::replace(&mut self.instances[node], Instance::Busy) {
            Instance::Stage(mut stage) => {
                self.away.push((node, stage.keyed().map_or(0, |keyed| keyed.held())));
                Ok(stage)
            }
            _ => Err(misfit()),
        }
    }

    /// Takes the stage back that was taken last.
    pub(crate) fn put(&mut self, node: NodeId, stage: Box<StageNode>) {
        self.away.pop();
        self.instances[node] = Instance::Stage(stage);
    }

    /// How many stages have bundles now, and the one that is furthest downstream.
    pub(crate) fn busy(&self) -> (usize, Option<NodeId>) {
        (self.away.len(), self.away.last().map(|(node, _)| *node))
    }

    /// Hands a parcel to its node.
    ///
    /// # Errors
    /// User code's; those of files.
    pub(crate) fn accept(&mut self, node: NodeId, parcel: Parcel) -> Result<()> {
        if let Some(output) = self.shared.go_back(node, self.worker) {
            self.times[node].output = output;
        }
        let now = self.now(node);
        match &mut self.instances[node] {
            Instance::Start(feed) | Instance::Relay(feed) => {
                feed.start_bundle()?;
                feed.receive(parcel)?;
                feed.finish_bundle()
            }
            Instance::Late { feed, transfer, windowing } => {
                let is_late = |window| Ok(windowing.garbage_collection_time(window) < now.input_watermark);
                let parted = transfer.part(parcel, &mut { is_late })?;
                feed.start_bundle()?;
                parted.inside.into_iter().try_for_each(|parcel| feed.receive(parcel))?;
                feed.finish_bundle()
            }
            Instance::Stage(stage) => stage.accept(parcel),
            Instance::Grouping(grouping) => {
                grouping.add(parcel, now)?;
                self.relieve()
            }
            Instance::View(view, _) => {
                if view.add(parcel, now)? {
                    self.shared.side_changed();
                }
                self.relieve()
            }
            Instance::Elsewhere(_) | Instance::Busy => Err(misfit()),
        }
    }

    /// Moves a node's input watermark on; the time there.
    pub(crate) fn advance(&mut self, node: NodeId) -> Now {
        let pending = if let Instance::Stage(stage) = &self.instances[node] { stage.pending() } else { None };
        let times = &mut self.times[node];
        times.upstream = times.upstream.max(times.seen);
        times.input = times.input.max(pending.map_or(times.upstream, |pending| times.upstream.min(pending)));
        self.now(node)
    }

    /// How far the producers of a node have come.
    pub(crate) fn upstream(&self, node: NodeId) -> Timestamp {
        self.times[node].upstream
    }

    pub(crate) fn now(&self, node: NodeId) -> Now {
        Now {
            input_watermark: self.times[node].input,
            output_watermark: match self.shared.is_joint(node) {
                true => self.shared.output(node),
                false => self.times[node].output,
            },
            processing_time: self.shared.clock.now(),
            synchronized_processing_time: self.shared.clock.synchronized(),
        }
    }

    /// When processing time gives one of them something to do, but for parts of sources, which are for all.
    pub(crate) fn next_time(&self) -> Option<Timestamp> {
        let of_node = |node: &Instance| match node {
            Instance::Stage(stage) => stage.next_processing_time(),
            Instance::Grouping(grouping) => grouping.by_key().and_then(ByKey::next_processing_time),
            Instance::View(view, _) => view.driver.next_processing_time(),
            _ => None,
        };
        self.instances.iter().filter_map(of_node).min()
    }

    /// When synchronized processing time does.
    pub(crate) fn next_synchronized(&self) -> Option<Timestamp> {
        let of_node = |node: &Instance| match node {
            Instance::Grouping(grouping) => grouping.by_key().and_then(ByKey::next_synchronized_processing_time),
            Instance::View(view, _) => view.driver.next_synchronized_processing_time(),
            _ => None,
        };
        self.instances.iter().filter_map(of_node).min()
    }

    /// What is left to do at each: elements that can be processed, and that wait for side inputs.
    pub(crate) fn waits(&self) -> Vec<(usize, usize)> {
        let waits = |node: &Instance| if let Instance::Stage(stage) = node { stage.waits() } else { (0, 0) };
        self.instances.iter().map(waits).collect()
    }
}

fn instance(wirer: &Wirer<'_>, id: NodeId, worker: usize) -> Result<Instance> {
    let layout: &Layout<'_> = wirer.layout;
    let node = &layout.nodes[id];
    Ok(match &node.kind {
        Kind::Impulse { output } => Instance::Start(wirer.feed(output, &StepName::here("Impulse"))?),
        Kind::Script { output, step, .. } => {
            let step = layout.graph.step_name(layout.graph.transform(step)?)?;
            Instance::Relay(wirer.decoding(output, step)?)
        }
        Kind::Flatten { output } => Instance::Relay(wirer.feed(output, &StepName::here("Flatten"))?),
        Kind::Late { input, output } => Instance::Late {
            feed: wirer.feed(output, &StepName::here("Late"))?,
            transfer: layout.graph.coder(input)?.transfer(),
            windowing: layout.graph.windowing(output)?.clone(),
        },
        Kind::Stage(number) => Instance::Stage(Box::new(StageNode::new(layout, *number, node.starts, wirer)?)),
        Kind::Partial(number, to) => Instance::Grouping(Box::new(GroupingNode::partial(layout, *number, *to, wirer)?)),
        Kind::Grouping(number) => Instance::Grouping(Box::new(GroupingNode::new(layout, *number, wirer)?)),
        Kind::View { collection, readers } if owner(id, wirer.workers) == worker => {
            Instance::View(Box::new(ViewNode::new(wirer, collection)?), readers.clone())
        }
        Kind::View { collection, .. } => Instance::Elsewhere(layout.fired(collection)?.clone()),
    })
}
