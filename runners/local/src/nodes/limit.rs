//! What a worker does about a limit of memory.

use super::{Instance, Nodes};
use crate::LocalRunner;
use crate::grouping::GroupingNode;
use crate::keyed::Keyed;
use crate::layout::{Kind, Layout};
use crate::view::ViewNode;
use ferrobeam_core::grouping::Spills;
use ferrobeam_core::{Error, Result};
use ferrobeam_runner_core::bundle::by_key::ByKey;
use ferrobeam_runner_core::engine::grouping::OF_WINDOW;
use ferrobeam_runner_core::engine::{NodeId, Side};
use ferrobeam_runner_core::waits::{maker, step};

/// One look in so many asks the system how much memory there is in use.
const RARELY: usize = 16;

/// A row takes about so much, where nobody knows better.
const ROW: usize = 64;

impl Nodes {
    /// If there is a limit, lets the largest store spill as long as this worker holds more than its part.
    ///
    /// # Errors
    /// Those of files; user code's; that more is in memory than there may be, though stores have spilled.
    pub(crate) fn relieve(&mut self) -> Result<()> {
        let shared = self.shared.clone();
        let Some(memory) = &shared.memory else { return Ok(()) };
        let mut stores: Vec<_> = self.instances.iter_mut().filter_map(Instance::store).collect();
        let all = |stores: &[Store<'_>]| stores.iter().map(|store| store.held()).sum::<usize>();
        let mut held = all(&stores);
        while memory.presses(self.worker, held + self.away.iter().map(|(_, held)| held).sum::<usize>()) {
            if let Some(largest) = stores.iter_mut().max_by_key(|store| store.held()) {
                largest.spill()?;
            }
            let before = std::mem::replace(&mut held, all(&stores));
            if held >= before {
                // What is left is in use.
                break;
            }
        }
        memory.others().for_each(|other| shared.wake(other));
        self.looks = (self.looks + 1) % RARELY;
        if self.looks == 0 { self.look() } else { Ok(()) }
    }

    /// If there is a limit, looks whether more is in memory than there may be.
    ///
    /// # Errors
    /// That it is so.
    pub(crate) fn look(&self) -> Result<()> {
        let Some(memory) = &self.shared.memory else { return Ok(()) };
        let nodes = (0..self.instances.len()).map(|node| (self.kept(node), node));
        let (kept, node) = nodes.max().unwrap_or_default();
        let (kept, node) = memory.keeps_most(self.worker, kept, node);
        let Some(excess) = memory.excess() else { return Ok(()) };
        let blame = match &self.names[node] {
            // Less than that is not what fills memory.
            Some(name) if memory.is_much(kept) => format!("{name} keeps most of what cannot go to files"),
            _ => {
                "groupings and state have gone to files as far as they can, and what a step makes of one element, or a \
                  group, or reads of the state of a key, is in memory until it is done with it"
                    .to_owned()
            }
        };
        Err(Error::Runner { runner: LocalRunner::NAME, message: format!("{excess}; {blame}") })
    }

    /// About how much a node holds that cannot go to files.
    fn kept(&self, node: NodeId) -> usize {
        match &self.instances[node] {
            Instance::Stage(stage) => stage.kept(ROW),
            Instance::Grouping(grouping) => grouping.by_key().map_or(0, ByKey::kept),
            Instance::View(view, _) => kept_of_side(&view.side) + view.driver.len() * OF_WINDOW,
            // Whoever finds that there is too much is to know what of.
            Instance::Elsewhere(side) => kept_of_side(side),
            _ => 0,
        }
    }
}

/// What steps look at now.
fn kept_of_side(side: &Side) -> usize {
    let (held, panes) = side.held();
    held.used + panes * OF_WINDOW
}

/// What people know a node by.
pub(super) fn name(layout: &Layout<'_>, node: NodeId) -> Option<String> {
    match &layout.nodes[node].kind {
        Kind::Stage(number) => {
            let stage = &layout.plan.stages[*number];
            let first = stage.stateful.as_ref().or(stage.transforms.first());
            first.map(|transform| step(layout.graph, transform))
        }
        Kind::Grouping(number) => Some(step(layout.graph, &layout.plan.groupings[*number].transform)),
        Kind::View { collection, .. } => Some(format!("the side input that {} makes", maker(layout.graph, collection))),
        _ => None,
    }
}

/// What can go to files.
enum Store<'a> {
    Grouping(&'a mut GroupingNode),
    State(&'a mut Keyed),
    View(&'a mut ViewNode),
}

impl Store<'_> {
    fn held(&self) -> usize {
        match self {
            Store::Grouping(grouping) => grouping.held(),
            Store::State(state) => state.held(),
            Store::View(view) => view.held(),
        }
    }

    fn spill(&mut self) -> Result<()> {
        match self {
            Store::Grouping(grouping) => grouping.spill(),
            Store::State(state) => state.spill(),
            Store::View(view) => view.spill(),
        }
    }
}

impl Instance {
    fn store(&mut self) -> Option<Store<'_>> {
        match self {
            Instance::Grouping(grouping) => Some(Store::Grouping(grouping)),
            Instance::Stage(stage) => stage.keyed().map(Store::State),
            Instance::View(view, _) => {
                view.look();
                Some(Store::View(view))
            }
            _ => None,
        }
    }
}
