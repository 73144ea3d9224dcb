//! What the tests of verbs look at: the shape of a graph, and what one step makes of a batch. (Whole pipelines run in
//! the examples of the documentation: a runner is another crate.)

use crate::batch::{Batch, Meta, MetaBuilder, WindowSet};
use crate::dofn::erased::{AnyReceiver, MAIN, Outputs, Receiver, SharedRows, Wiring};
use crate::dofn::side::{NoSides, SideReader};
use crate::error::Result;
use crate::graph::{Graph, StepCode};
use crate::time::Timestamp;
use crate::windowing::{PaneInfo, Window};
use crate::{Element, Root};
use ferrobeam_model::pipeline as pb;
use std::sync::{Arc, Mutex};

/// The graph of a pipeline that cannot fail to be built.
pub(crate) fn graph(construct: impl FnOnce(&Root)) -> Graph {
    let built = Root::build(|root| {
        construct(root);
        Ok(())
    });
    built.unwrap()
}

/// The mistakes in a pipeline.
pub(crate) fn mistakes(construct: impl FnOnce(&Root)) -> String {
    let built = Root::build(|root| {
        construct(root);
        Ok(())
    });
    built.err().unwrap().to_string()
}

/// The names of all steps in order, without those of `Create` and the parts of combines.
pub(super) fn steps(graph: &Graph) -> Vec<&str> {
    let name = |i| graph.transform(&format!("transform-{i}")).unwrap().unique_name.as_str();
    let is_inner =
        |name: &str| name.starts_with("Create") || name.ends_with("/GroupByKey") || name.ends_with("/CombineValues");
    (0..graph.components().transforms.len()).map(name).filter(|name| !is_inner(name)).collect()
}

/// A transform by its unique name.
pub(crate) fn transform<'a>(graph: &'a Graph, name: &str) -> &'a pb::PTransform {
    let mut transforms = graph.components().transforms.values();
    transforms.find(|t| t.unique_name == name).unwrap_or_else(|| panic!("no {name} in {:?}", steps(graph)))
}

/// Whether a step is a combine that runners may cut in two.
pub(super) fn is_lifted(graph: &Graph, name: &str) -> bool {
    match graph.code(transform(graph, name)).unwrap() {
        Some(StepCode::Grouping(grouping)) => grouping.lifted().is_some(),
        _ => panic!("{name} is no grouping"),
    }
}

/// Rows with timestamps and the global window.
pub(crate) fn batch<T>(rows: impl IntoIterator<Item = (i64, T)>) -> Batch<T> {
    let (mut values, mut meta) = (Vec::new(), MetaBuilder::default());
    for (time, value) in rows {
        meta.push(Timestamp::from_millis(time), &WindowSet::GLOBAL, PaneInfo::NO_FIRING);
        values.push(value);
    }
    Batch { values, meta: meta.finish() }
}

/// The rows of batches with their timestamps.
pub(crate) fn rows<T: Clone>(batches: &[Batch<T>]) -> Vec<(i64, T)> {
    let rows = |batch: &Batch<T>| {
        let time = |row| batch.meta.time.get(row).millis();
        batch.values.iter().cloned().enumerate().map(|(row, value)| (time(row), value)).collect::<Vec<_>>()
    };
    batches.iter().flat_map(rows).collect()
}

/// What a step emits by its main output for one batch.
pub(super) fn run<T: Element, U: Element>(graph: &Graph, name: &str, input: Batch<T>) -> Result<Vec<Batch<U>>> {
    run_to(graph, name, &[MAIN], Arc::new(NoSides), input).map(|mut outputs| outputs.remove(0))
}

/// What a step emits by the named outputs, which are of one type, for one batch.
pub(super) fn run_to<T: Element, U: Element>(
    graph: &Graph,
    name: &str,
    names: &[&str],
    sides: Arc<dyn SideReader>,
    input: Batch<T>,
) -> Result<Vec<Vec<Batch<U>>>> {
    let transform = transform(graph, name);
    let Some(StepCode::Step(code)) = graph.code(transform)? else { panic!("{name} is no step of a stage") };
    let ends: Vec<Collect<U>> = names.iter().map(|_| Collect::default()).collect();
    let mut outputs = Outputs::default();
    names.iter().zip(&ends).for_each(|(name, end)| outputs.insert(name, vec![AnyReceiver::new(end.clone())]));
    let wiring = Wiring { step: graph.step_name(transform)?, outputs: &mut outputs, sides, parts: 1 };
    let mut receiver = code.wire(wiring)?.typed::<T>()?;
    receiver.start_bundle()?;
    receiver.receive(input)?;
    receiver.finish_bundle()?;
    Ok(ends.iter().map(Collect::taken).collect())
}

/// Keeps what comes.
pub(crate) struct Collect<T>(Arc<Mutex<Vec<Batch<T>>>>);

impl<T> Collect<T> {
    /// What came.
    pub(crate) fn taken(&self) -> Vec<Batch<T>> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl<T> Default for Collect<T> {
    fn default() -> Self {
        Collect(Arc::default())
    }
}

impl<T> Clone for Collect<T> {
    fn clone(&self) -> Self {
        Collect(self.0.clone())
    }
}

impl<T: Send> Receiver<T> for Collect<T> {
    fn start_bundle(&mut self) -> Result<()> {
        Ok(())
    }
    fn receive(&mut self, batch: Batch<T>) -> Result<()> {
        assert!(!batch.values.is_empty(), "empty batches are not sent");
        self.0.lock().unwrap().push(batch);
        Ok(())
    }
    fn finish_bundle(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The same rows for every side input and window.
pub(super) struct Rows<T>(pub(super) Vec<T>);

impl<T: Element> SideReader for Rows<T> {
    fn rows(&self, _: &str, _: Window) -> Result<SharedRows> {
        Ok(SharedRows::new(self.0.clone()))
    }
}

/// A batch without metadata of its own.
pub(super) fn plain<T>(values: Vec<T>) -> Batch<T> {
    Batch { values, meta: Meta::at(Timestamp::MIN) }
}
