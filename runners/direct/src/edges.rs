//! What this runner puts on the edges of a stage: a round trip through the coder inside, buffers where data leaves.

use crate::grouping::Parcels;
use crate::nodes::{Node, Nodes};
use crate::rows::Buffer;
use ferrobeam_core::Result;
use ferrobeam_core::dofn::erased::AnyReceiver;
use ferrobeam_core::dofn::side::SideReader;
use ferrobeam_core::graph::{Graph, StepName, wire_before};
use ferrobeam_runner_core::bundle::Edges;
use ferrobeam_runner_core::engine::Sides;
use ferrobeam_runner_core::fuse::{SideInput, Stage};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The edges of one stage.
pub(crate) struct StageEdges<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) stage: &'a Stage,
    pub(crate) nodes: &'a Nodes,
    pub(crate) parts: usize,
    pub(crate) one_by_one: bool,
    /// Whether groupings combine what they get at once, to see on which element that fails.
    pub(crate) probes: bool,
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
        let consumers = self.nodes.consumers.get(collection).map_or(&[][..], Vec::as_slice);
        let mut is_delivered = self.nodes.observed.contains_key(collection);
        for &id in consumers {
            let Some(Node::Grouping(grouping)) = self.nodes.nodes.get(id) else {
                is_delivered = true;
                continue;
            };
            receivers.push(grouping.receiver(self.parcels.entry(id).or_default())?);
            receivers.extend(if self.probes { grouping.probe()? } else { None });
        }
        if is_delivered {
            let buffer = self.buffers.entry(collection.to_owned()).or_default();
            receivers.push(wire_before(&*self.graph.coder(collection)?.encode(), maker, vec![buffer.receiver()])?);
        }
        if !self.one_by_one {
            return Ok(receivers);
        }
        Ok(vec![wire_before(&*self.graph.coder(collection)?.check(true), maker, receivers)?])
    }

    fn sides(&mut self, transform: &str) -> Arc<dyn SideReader> {
        let side = |side: &SideInput| Some((side.name.clone(), self.nodes.side(self.graph, side)?));
        Arc::new(Sides(self.stage.sides.iter().filter(|side| side.transform == transform).filter_map(side).collect()))
    }

    fn parts(&self) -> usize {
        self.parts
    }
}
