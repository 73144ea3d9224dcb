//! What `Root` and `PCollection` write into while a pipeline is constructed.

use super::coders::Coders;
use super::mistakes::{Mistakes, Owner};
use super::{Cleanup, EdgeCoder, FnRef, StepCode};
use crate::Element;
use crate::dofn::erased::MAIN;
use crate::dofn::portable::Restore;
use crate::dofn::side::{SideDeclaration, WindowMapping};
use crate::graph::edge_coder::CoderOf;
use crate::windowing::WindowingStrategy;
use bytes::Bytes;
use ferrobeam_model::pipeline as pb;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) type NodeId = usize;

/// A transform whose name may still change, so that its payload cannot be written yet.
pub(crate) struct Node {
    pub(crate) label: String,
    pub(crate) verb: String,
    pub(crate) scope: Option<NodeId>,
    /// Whether it is a composite that the user applied, and not one that is built in.
    pub(crate) is_users: bool,
    pub(crate) at: &'static Location<'static>,
    pub(crate) spec: Spec,
    pub(crate) inputs: Vec<Input>,
    pub(crate) outputs: Vec<(&'static str, u32)>,
    pub(crate) code: Option<StepCode>,
    /// Of side inputs that have one, by local name.
    pub(crate) mappings: BTreeMap<Arc<str>, WindowMapping>,
    /// Of a function that travels as bytes.
    pub(crate) portable: Option<Portable>,
}

/// A function that travels as bytes, and what makes a step of such bytes.
pub(crate) struct Portable {
    pub(crate) dofn: Bytes,
    pub(crate) restore: Restore,
}

/// An input of a step by its local name.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) collection: u32,
    pub(crate) pipeline: PipelineId,
}

/// Tells pipelines apart, and counts the mappings of windows in one, which have no other identity. Whoever holds one keeps its address from being used again, so even the views of a pipeline
/// that is gone are not taken for those of another.
#[derive(Clone, Debug, Default)]
pub(crate) struct PipelineId(Arc<AtomicU32>);

impl PipelineId {
    /// 1, 2, 3, ..: the same each time that the pipeline is constructed.
    pub(crate) fn next(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl PartialEq for PipelineId {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for PipelineId {}

type Payload = Box<dyn Fn(&FnRef) -> pb::FunctionSpec>;

/// What a transform is.
pub(crate) enum Spec {
    /// Only a name for its parts.
    Scope,
    /// A known composite, which engines may replace: its URN and payload.
    Composite(Payload),
    /// A primitive that the engine runs.
    Runner(Payload),
    /// A primitive that the SDK runs.
    Sdk(Payload),
}

/// A step to add.
pub(crate) struct NewStep<'a> {
    pub(crate) verb: &'a str,
    pub(crate) spec: Spec,
    pub(crate) inputs: Vec<Input>,
    pub(crate) sides: Vec<SideDeclaration>,
    pub(crate) code: Option<StepCode>,
    pub(crate) at: &'static Location<'static>,
}

pub(crate) struct Collection {
    pub(crate) producer: NodeId,
    pub(crate) coder_id: String,
    pub(crate) windowing: Arc<WindowingStrategy>,
    pub(crate) bounded: bool,
    /// An additional output must be consumed: its elements are lost otherwise, and nobody would notice.
    pub(crate) tag: Option<&'static str>,
    pub(crate) code: Arc<dyn EdgeCoder>,
}

#[derive(Default)]
pub(crate) struct Builder {
    pub(crate) identity: PipelineId,
    pub(crate) nodes: Vec<Node>,
    pub(crate) collections: Vec<Collection>,
    pub(crate) coders: Coders,
    pub(crate) requirements: BTreeSet<&'static str>,
    pub(crate) mistakes: Mistakes,
    /// Groupings that would never emit anything. What waits for them is no mistake of its own.
    pub(crate) never_emit: BTreeSet<NodeId>,
    pub(crate) cleanups: Vec<Cleanup>,
    pub(crate) assertions: usize,
    /// Whether the pipeline was built: nothing can be added to it.
    pub(crate) is_closed: bool,
    /// What only one step may have, and which one has it.
    pub(crate) reserved: BTreeMap<String, Owner>,
    /// Collections that the user said are not needed.
    pub(crate) discarded: BTreeSet<u32>,
    pub(crate) scope: Option<NodeId>,
    /// Where a library's composite was applied: that place means more to the user than the library's own lines.
    pub(crate) place: Option<&'static Location<'static>>,
    positions: BTreeMap<(Option<NodeId>, String), usize>,
}

impl Builder {
    pub(crate) fn add(&mut self, step: NewStep<'_>) -> NodeId {
        let NewStep { verb, spec, mut inputs, sides, code, at } = step;
        let at = self.place.unwrap_or(at);
        let node = self.nodes.len();
        let unfit: Vec<_> = sides.iter().filter_map(|side| self.unfit(side)).collect();
        unfit.into_iter().for_each(|(maker, why)| self.mistake_of_side(node, maker, why));
        let mapping = |side: &SideDeclaration| Some((side.name.clone(), side.mapping.clone()?));
        let mappings = sides.iter().filter_map(mapping).collect();
        inputs.extend(sides.into_iter().map(|side| Input {
            name: side.name.to_string(),
            collection: side.collection,
            pipeline: side.pipeline,
        }));
        if inputs.iter().any(|input| input.pipeline != self.identity) {
            self.mistake_of(node, "one of its inputs is a collection of another pipeline");
            inputs.retain(|input| input.pipeline == self.identity);
        }
        let position = self.positions.entry((self.scope, verb.to_owned())).or_default();
        *position += 1;
        let label = if *position == 1 { verb.to_owned() } else { format!("{verb}#{position}") };
        let (verb, scope) = (verb.to_owned(), self.scope);
        let (is_users, outputs) = (false, Vec::new());
        self.nodes.push(Node {
            label,
            verb,
            scope,
            is_users,
            at,
            spec,
            inputs,
            outputs,
            code,
            mappings,
            portable: None,
        });
        node
    }

    pub(crate) fn output<T: Element>(
        &mut self,
        producer: NodeId,
        tag: Option<&'static str>,
        windowing: impl Into<Arc<WindowingStrategy>>,
        bounded: bool,
    ) -> u32 {
        let code = CoderOf::<T>::shared();
        let coder_id = self.coders.id(&code.spec());
        let id = self.collections.len() as u32;
        let name = tag.unwrap_or(MAIN);
        if self.nodes[producer].outputs.iter().any(|(known, _)| *known == name) {
            self.mistake_of(producer, format!("it has two outputs named `{name}`"));
        }
        self.nodes[producer].outputs.push((name, id));
        let windowing = windowing.into();
        self.collections.push(Collection { producer, coder_id, windowing, bounded, tag, code });
        id
    }

    fn side(&self, side: &SideDeclaration) -> Option<&Collection> {
        self.collections.get(side.collection as usize).filter(|_| side.pipeline == self.identity)
    }

    /// What makes a side input, and why it can be none, if so.
    fn unfit(&self, side: &SideDeclaration) -> Option<(NodeId, String)> {
        let (id, side) = (side.collection, self.side(side)?);
        if side.windowing.windows.is_merging() {
            // Which windows there are differs from key to key, and a main input's window has no key.
            return Some((side.producer, "whose windows merge".to_owned()));
        }
        Some((side.producer, format!("that is never ready: {}", self.never_fires(id)?)))
    }

    /// Why a grouping of a collection would never emit anything, if so and if no step before it is to blame.
    pub(crate) fn never_fires(&self, collection: u32) -> Option<&'static str> {
        let collection = self.collections.get(collection as usize).filter(|collection| !collection.bounded)?;
        collection.windowing.never_fires().filter(|_| !self.waits_in_vain(collection.producer))
    }

    fn waits_in_vain(&self, node: NodeId) -> bool {
        let (mut open, mut seen) = (vec![node], BTreeSet::new());
        while let Some(node) = open.pop() {
            if self.never_emit.contains(&node) {
                return true;
            }
            if seen.insert(node) {
                open.extend(self.nodes[node].inputs.iter().map(|i| self.collections[i.collection as usize].producer));
            }
        }
        false
    }
}
