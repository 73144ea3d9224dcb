//! What a worker does about a limit of memory.

use super::{Instance, Worker};
use crate::LocalRunner;
use crate::grouping::GroupingNode;
use crate::layout::Kind;
use ferrobeam_core::{Error, Result};
use ferrobeam_runner_core::engine::NodeId;
use ferrobeam_runner_core::waits::{maker, step};

/// One look in so many asks the system how much memory there is in use.
const RARELY: usize = 16;

/// A row takes about so much, where nobody knows better.
const ROW: usize = 64;

impl Worker<'_> {
    /// If there is a limit, lets the largest store spill as long as this worker holds more than its part.
    ///
    /// # Errors
    /// Those of files; user code's; that more is in memory than there may be, though stores have spilled.
    pub(super) fn relieve(&mut self) -> Result<()> {
        let Some(memory) = &self.shared.memory else { return Ok(()) };
        let mut stores: Vec<_> = self.nodes.iter_mut().filter_map(Instance::grouping).collect();
        let all = |stores: &[&mut GroupingNode]| stores.iter().map(|store| store.held()).sum::<usize>();
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
        match if self.looks == 0 { memory.excess() } else { None } {
            Some(excess) => Err(Error::Runner { runner: LocalRunner::NAME, message: excess + &self.blame() }),
            None => Ok(()),
        }
    }

    /// Which step holds most of what cannot go to files.
    fn blame(&self) -> String {
        let largest = (0..self.nodes.len()).max_by_key(|node| self.kept(*node));
        match largest.filter(|node| self.kept(*node) > 0).and_then(|node| self.name(node)) {
            Some(name) => format!("; {name} keeps most of what cannot go to files"),
            None => "; groupings have gone to files as far as they can".to_owned(),
        }
    }

    /// About how much a node holds that cannot go to files.
    fn kept(&self, node: NodeId) -> usize {
        match &self.nodes[node] {
            Instance::Stage(stage) => stage.kept(ROW),
            Instance::Grouping(grouping) if grouping.driver().is_some() => self.taken[node] * ROW,
            Instance::View(..) => self.taken[node] * ROW,
            _ => 0,
        }
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

impl Instance {
    fn grouping(&mut self) -> Option<&mut GroupingNode> {
        if let Instance::Grouping(grouping) = self { Some(grouping) } else { None }
    }
}
