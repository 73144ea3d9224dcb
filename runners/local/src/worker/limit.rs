//! What a worker does about a limit of memory.

use super::{Instance, Worker};
use crate::LocalRunner;
use crate::grouping::GroupingNode;
use crate::layout::Kind;
use crate::view::ViewNode;
use ferrobeam_core::grouping::Spills;
use ferrobeam_core::{Error, Result};
use ferrobeam_runner_core::bundle::keyed::Memory;
use ferrobeam_runner_core::engine::NodeId;
use ferrobeam_runner_core::waits::{maker, step};

/// One look in so many asks the system how much memory there is in use.
const RARELY: usize = 16;

/// A row takes about so much, where nobody knows better.
const ROW: usize = 64;

/// What is to know of a key and window that fires as its trigger says takes about so much.
const WINDOW: usize = 512;

impl Worker<'_> {
    /// If there is a limit, lets the largest store spill as long as this worker holds more than its part.
    ///
    /// # Errors
    /// Those of files; user code's; that more is in memory than there may be, though stores have spilled.
    pub(super) fn relieve(&mut self) -> Result<()> {
        let Some(memory) = &self.shared.memory else { return Ok(()) };
        let mut stores: Vec<_> = self.nodes.iter_mut().filter_map(Instance::store).collect();
        let all = |stores: &[Store<'_>]| stores.iter().map(|store| store.held()).sum::<usize>();
        let mut held = all(&stores);
        while memory.presses(self.number, held) {
            if let Some(largest) = stores.iter_mut().max_by_key(|store| store.held()) {
                largest.spill()?;
            }
            let before = std::mem::replace(&mut held, all(&stores));
            if held >= before {
                // What is left is in use.
                break;
            }
        }
        memory.others().for_each(|other| self.shared.wake(other));
        self.looks = (self.looks + 1) % RARELY;
        if self.looks != 0 {
            return Ok(());
        }
        let nodes = (0..self.nodes.len()).map(|node| (self.kept(node), node));
        let (kept, node) = nodes.max().unwrap_or_default();
        let (kept, node) = memory.keeps_most(self.number, kept, node);
        let Some(excess) = memory.excess() else { return Ok(()) };
        let blame = match self.name(node).filter(|_| kept > 0) {
            Some(name) => format!("{name} keeps most of what cannot go to files"),
            None => "groupings have gone to files as far as they can, and what a step makes of one element, or a group, waits in \
                     memory until it has made all of it"
                .to_owned(),
        };
        Err(Error::Runner { runner: LocalRunner::NAME, message: format!("{excess}; {blame}") })
    }

    /// About how much a node holds that cannot go to files.
    fn kept(&self, node: NodeId) -> usize {
        match &self.nodes[node] {
            Instance::Stage(stage) => stage.kept(ROW),
            Instance::Grouping(grouping) => grouping.driver().map_or(0, |driver| driver.len() * WINDOW),
            _ => self.kept_of_side(node),
        }
    }

    /// What steps look at now, whoever keeps the rest.
    fn kept_of_side(&self, node: NodeId) -> usize {
        let layout = self.wirer.layout;
        let Kind::View { collection, .. } = &layout.nodes[node].kind else { return 0 };
        let (held, panes) = layout.fired(collection).map_or_else(|_| Default::default(), |side| side.held());
        let waits = if let Instance::View(view, _) = &self.nodes[node] { view.driver.len() } else { 0 };
        held.used + (panes + waits) * WINDOW
    }

    /// A bundle may have brought a side input back, as a whole: the next time, memory is looked at.
    pub(super) fn look_soon(&mut self) {
        self.looks = RARELY - 1;
    }

    fn name(&self, node: NodeId) -> Option<String> {
        let layout = self.wirer.layout;
        match &layout.nodes[node].kind {
            Kind::Stage(number) => {
                let stage = &layout.plan.stages[*number];
                let first = stage.stateful.as_ref().or(stage.transforms.first());
                first.map(|transform| step(layout.graph, transform))
            }
            Kind::Grouping(number) => Some(step(layout.graph, &layout.plan.groupings[*number].transform)),
            Kind::View { collection, .. } => {
                Some(format!("the side input that {} makes", maker(layout.graph, collection)))
            }
            _ => None,
        }
    }
}

/// What can go to files.
enum Store<'a> {
    Grouping(&'a mut GroupingNode),
    State(&'a mut Memory),
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
            Instance::Stage(stage) => stage.memory().map(Store::State),
            Instance::View(view, _) => {
                view.look();
                Some(Store::View(view))
            }
            _ => None,
        }
    }
}
