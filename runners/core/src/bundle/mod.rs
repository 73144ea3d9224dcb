//! A stage as operators: the one place that puts user code together.

pub mod by_key;
pub mod intake;
pub mod keyed;
pub mod sorted;
pub mod spilling;
pub mod splits;

use crate::fuse::{Stage, inputs};
use ferrobeam_core::dofn::erased::{AnyReceiver, Outputs, Wiring};
use ferrobeam_core::dofn::side::SideReader;
use ferrobeam_core::dofn::splittable::operator::SplittableOperator;
use ferrobeam_core::dofn::stateful::operator::StatefulOperator;
use ferrobeam_core::graph::{Graph, StepCode, StepName};
use ferrobeam_core::{Error, Result};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// What a runner puts on the edges of a stage.
pub trait Edges {
    /// Something between a step and its consumers in the same stage; they may also be left as they are.
    ///
    /// # Errors
    /// The consumers are of another type.
    fn inside(&mut self, collection: &str, maker: &StepName, next: Vec<AnyReceiver>) -> Result<Vec<AnyReceiver>>;

    /// Where a collection goes that leaves the stage.
    ///
    /// # Errors
    /// The collection is not of this graph.
    fn leaving(&mut self, collection: &str, maker: &StepName) -> Result<Vec<AnyReceiver>>;

    /// Where the side inputs of a step come from.
    fn sides(&mut self, transform: &str) -> Arc<dyn SideReader>;

    /// Into how many parts a source should cut its work.
    fn parts(&self) -> usize;
}

/// Where a stage begins.
pub enum Head {
    /// The consumers of the stage's input.
    Values(Vec<AnyReceiver>),
    /// An operator of elements whose work is cut.
    Splittable(Box<dyn SplittableOperator>),
    /// An operator with state.
    Stateful(Box<dyn StatefulOperator>),
}

/// Wires the operators of a stage, consumers first.
///
/// # Errors
/// [`Error::Wire`] or [`Error::Graph`] if the graph does not fit the code.
pub fn wire(graph: &Graph, stage: &Stage, edges: &mut dyn Edges) -> Result<Head> {
    wire_counted(graph, stage, edges, &BTreeMap::new())
}

/// [`wire`], and the number of elements of each collection that has a counter is added to it, batch by batch.
///
/// # Errors
/// As [`wire`].
pub fn wire_counted(
    graph: &Graph,
    stage: &Stage,
    edges: &mut dyn Edges,
    counts: &BTreeMap<String, Arc<AtomicU64>>,
) -> Result<Head> {
    let mut consumers: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let root = stage.splittable.as_ref().or(stage.stateful.as_ref());
    for id in &stage.transforms {
        if root != Some(id) {
            for collection in inputs(id, graph.transform(id)?).1 {
                consumers.entry(collection).or_default().push(id);
            }
        }
    }
    let mut wirer = Wirer { graph, stage, edges, counts, consumers, shared: BTreeMap::new() };
    let Some(root) = root else {
        return wirer.consumers(&stage.input).map(Head::Values);
    };
    let transform = graph.transform(root)?;
    let mut outputs = wirer.outputs(root)?;
    let (step, sides, parts) = (graph.step_name(transform)?, wirer.edges.sides(root), wirer.edges.parts());
    let wiring = Wiring { step, outputs: &mut outputs, sides, parts };
    match graph.code(transform)? {
        Some(StepCode::Splittable(code)) => code.wire(wiring).map(Head::Splittable),
        Some(StepCode::Stateful(code)) => code.wire(wiring).map(Head::Stateful),
        _ => Err(Error::Graph(vec![format!("`{root}` cannot begin a stage")])),
    }
}

struct Wirer<'a> {
    graph: &'a Graph,
    stage: &'a Stage,
    edges: &'a mut dyn Edges,
    counts: &'a BTreeMap<String, Arc<AtomicU64>>,
    /// The steps of the stage that take a collection; twice if they take it twice.
    consumers: BTreeMap<String, Vec<&'a str>>,
    /// Ends of inputs with several producers that were made and are still to be taken.
    shared: BTreeMap<&'a str, Vec<AnyReceiver>>,
}

impl<'a> Wirer<'a> {
    fn outputs(&mut self, id: &str) -> Result<Outputs> {
        let transform = self.graph.transform(id)?;
        let maker = self.graph.step_name(transform)?;
        let mut outputs = Outputs::default();
        for (name, collection) in &transform.outputs {
            let mut next = self.consumers(collection)?;
            if !next.is_empty() {
                next = self.edges.inside(collection, maker, next)?;
            }
            if self.stage.outputs.contains(collection) {
                next.extend(self.edges.leaving(collection, maker)?);
            }
            outputs.insert(name, next);
            if let Some(sum) = self.counts.get(collection) {
                outputs.count(name, sum.clone());
            }
        }
        Ok(outputs)
    }

    fn consumers(&mut self, collection: &str) -> Result<Vec<AnyReceiver>> {
        let steps = self.consumers.get(collection).cloned().unwrap_or_default();
        steps.into_iter().map(|id| self.input(id)).collect()
    }

    fn input(&mut self, id: &'a str) -> Result<AnyReceiver> {
        if let Some(end) = self.shared.get_mut(id).and_then(Vec::pop) {
            return Ok(end);
        }
        let transform = self.graph.transform(id)?;
        let Some(StepCode::Step(code)) = self.graph.running_code(transform)? else {
            return Err(Error::Graph(vec![format!("`{}` has no code to run inside a stage", transform.unique_name)]));
        };
        let mut outputs = self.outputs(id)?;
        let (step, sides, parts) = (self.graph.step_name(transform)?, self.edges.sides(id), self.edges.parts());
        let input = code.wire(Wiring { step, outputs: &mut outputs, sides, parts })?;
        let producers: usize = self.consumers.values().flatten().filter(|consumer| **consumer == id).count();
        if producers < 2 {
            return Ok(input);
        }
        let mut ends = code.share(input, producers)?;
        let first = ends.pop().ok_or_else(|| Error::Graph(vec![format!("`{id}` has no input")]));
        self.shared.insert(id, ends);
        first
    }
}
