//! What this runner puts on the edges of a stage: a round trip through the coder inside, buffers where data leaves.

use crate::grouping::{Grouping, Parcels};
use crate::rows::Buffer;
use crate::sides::{Side, Sides};
use ferrobeam_core::Result;
use ferrobeam_core::dofn::erased::AnyReceiver;
use ferrobeam_core::dofn::side::SideReader;
use ferrobeam_core::graph::{Graph, StepName, wire_before};
use ferrobeam_runner_core::bundle::Edges;
use ferrobeam_runner_core::fuse::Stage;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The edges of one stage.
pub(crate) struct StageEdges<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) stage: &'a Stage,
    pub(crate) groupings: &'a [Grouping],
    pub(crate) sides: &'a BTreeMap<String, Side>,
    /// Collections that somebody else than a grouping takes.
    pub(crate) delivered: &'a dyn Fn(&str) -> bool,
    pub(crate) parts: usize,
    pub(crate) one_by_one: bool,
    /// What was put where data leaves.
    pub(crate) buffers: BTreeMap<String, Buffer>,
    pub(crate) parcels: BTreeMap<usize, Parcels>,
}

impl Edges for StageEdges<'_> {
    fn inside(&mut self, collection: &str, maker: &StepName, next: Vec<AnyReceiver>) -> Result<Vec<AnyReceiver>> {
        let check = self.graph.coder(collection)?.check(self.one_by_one);
        Ok(vec![wire_before(&*check, maker, next)?])
    }

    fn leaving(&mut self, collection: &str, maker: &StepName) -> Result<Vec<AnyReceiver>> {
        let mut receivers = Vec::new();
        if (self.delivered)(collection) {
            let buffer = self.buffers.entry(collection.to_owned()).or_default();
            receivers.push(wire_before(&*self.graph.coder(collection)?.encode(), maker, vec![buffer.receiver()])?);
        }
        for (id, grouping) in self.groupings.iter().enumerate().filter(|(_, g)| g.input == collection) {
            receivers.push(grouping.receiver(self.parcels.entry(id).or_default())?);
            receivers.extend(if self.one_by_one { grouping.probe()? } else { None });
        }
        if !self.one_by_one {
            return Ok(receivers);
        }
        Ok(vec![wire_before(&*self.graph.coder(collection)?.check(true), maker, receivers)?])
    }

    fn sides(&mut self, transform: &str) -> Arc<dyn SideReader> {
        let mine = self.stage.sides.iter().filter(|side| side.transform == transform);
        let side =
            |s: &ferrobeam_runner_core::fuse::SideInput| Some((s.name.clone(), self.sides.get(&s.collection)?.clone()));
        Arc::new(Sides(mine.filter_map(side).collect()))
    }

    fn parts(&self) -> usize {
        self.parts
    }
}
