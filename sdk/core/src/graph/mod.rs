//! The pipeline graph: Beam's own proto, and beside it the code that bytes cannot hold.

mod builder;
mod coders;
mod edge_coder;
mod finish;
mod fn_ref;
mod mistakes;
mod step_name;
#[cfg(test)]
mod tests;
mod transfer;
mod wire_coder;

pub(crate) use edge_coder::CoderOf;
pub use edge_coder::{EdgeCoder, wire_before};
pub(crate) use fn_ref::{AssignWindows, COMBINE_FN};
pub use fn_ref::{DO_FN, FnRef, LATE_OUTPUT, PORTABLE_DO_FN, SideRef, VIEW_FN, WINDOW_FN, WINDOW_MAPPING_FN};
pub use step_name::StepName;
pub use transfer::{Feed, Parted, Transfer, TransferOf};
pub use wire_coder::{ReadPosition, WireCoder};

pub(crate) use builder::{Builder, Input, NewStep, NodeId, PipelineId, Portable, Spec};

use crate::dofn::erased::AnyStep;
use crate::dofn::portable::Restore;
use crate::dofn::side::WindowMapping;
use crate::dofn::splittable::operator::AnySplittable;
use crate::dofn::stateful::operator::AnyStateful;
use crate::error::{Error, Result};
use crate::grouping::AnyGrouping;
use crate::testing::TestStreamEvent;
use crate::windowing::{WindowingStrategy, Windows};
use ferrobeam_model::pipeline as pb;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The code of a step, with its types erased.
#[derive(Clone)]
pub enum StepCode {
    /// Runs inside a stage.
    Step(Arc<dyn AnyStep>),
    /// Groups.
    Grouping(Arc<dyn AnyGrouping>),
    /// Works on elements whose work can be cut and moved.
    Splittable(Arc<dyn AnySplittable>),
    /// Keeps state and timers by key and window.
    Stateful(Arc<dyn AnyStateful>),
    /// Plays a script.
    TestStream(Arc<[TestStreamEvent]>),
}

/// What the launcher does when the pipeline failed: removes temporary files.
pub type Cleanup = Arc<dyn Fn() + Send + Sync>;

/// A pipeline, ready to run.
///
/// The proto *is* the graph; engines may rewrite it, rename its steps and renumber its coders. The code table is found
/// by the step id in a function's payload, which they copy.
#[derive(Clone)]
pub struct Graph {
    proto: pb::Pipeline,
    fingerprint: u64,
    steps: BTreeMap<Arc<str>, Step>,
    coders: BTreeMap<String, Arc<dyn EdgeCoder>>,
    windowings: BTreeMap<String, Arc<WindowingStrategy>>,
    /// Window functions of the user's own, by the step that the graph names for them.
    custom_windows: BTreeMap<Arc<str>, Windows>,
    cleanups: Vec<Cleanup>,
    assertions: usize,
}

#[derive(Clone)]
struct Step {
    name: StepName,
    code: Option<StepCode>,
    mappings: BTreeMap<Arc<str>, WindowMapping>,
    /// Of a step whose function travels as bytes.
    restore: Option<Restore>,
}

impl Graph {
    /// Beam's graph.
    pub fn proto(&self) -> &pb::Pipeline {
        &self.proto
    }

    /// The parts of Beam's graph by id.
    pub fn components(&self) -> &pb::Components {
        static NONE: std::sync::OnceLock<pb::Components> = std::sync::OnceLock::new();
        self.proto.components.as_ref().unwrap_or_else(|| NONE.get_or_init(pb::Components::default))
    }

    /// A transform of the graph.
    ///
    /// # Errors
    /// There is none of this id.
    pub fn transform(&self, id: &str) -> Result<&pb::PTransform> {
        let missing = || Error::Graph(vec![format!("there is no transform `{id}`")]);
        self.components().transforms.get(id).ok_or_else(missing)
    }

    /// A hash over names, URNs, coders and payloads: two processes that built the same pipeline agree on it.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Whether all its collections have an end.
    pub fn is_bounded(&self) -> bool {
        let mut collections = self.components().pcollections.values();
        collections.all(|collection| collection.is_bounded() == pb::is_bounded::Enum::Bounded)
    }

    /// The transform of a step: engines rename transforms, and payloads name the step.
    ///
    /// # Errors
    /// This process has no such step.
    pub fn transform_of(&self, step: &str) -> Result<&pb::PTransform> {
        let mut transforms = self.components().transforms.values();
        let missing = || Error::Graph(vec![format!("this process has no step `{step}`")]);
        transforms.find(|transform| transform.unique_name == step).ok_or_else(missing)
    }

    /// Name, file and line of a transform's step.
    ///
    /// # Errors
    /// The transform is not of this pipeline.
    pub fn step_name(&self, transform: &pb::PTransform) -> Result<&StepName> {
        Ok(&self.step(transform)?.name)
    }

    /// The code of a transform, if this process has any: Beam's own primitives have none.
    ///
    /// # Errors
    /// The transform is not of this pipeline.
    pub fn code(&self, transform: &pb::PTransform) -> Result<Option<&StepCode>> {
        Ok(self.step(transform)?.code.as_ref())
    }

    /// The code of a transform as it runs: where the payload holds a function, that function, and not the one that this
    /// process put there when it built the graph. The transform may be an engine's copy.
    ///
    /// # Errors
    /// The transform is not of this pipeline, or its function cannot be read here.
    pub fn running_code(&self, transform: &pb::PTransform) -> Result<Option<StepCode>> {
        let step = self.step(transform)?;
        let Some(dofn) = fn_ref::carried(transform) else { return Ok(step.code.clone()) };
        match &step.restore {
            Some(restore) => Ok(Some(StepCode::Step(restore.step(&step.name, &dofn)?))),
            None => {
                let source = "its function came as bytes, and not so in the graph of this process".into();
                Err(Error::User { step: step.name.clone(), element: None, source })
            }
        }
    }

    /// The coder of a collection.
    ///
    /// # Errors
    /// The collection is not of this pipeline.
    pub fn coder(&self, collection: &str) -> Result<&Arc<dyn EdgeCoder>> {
        self.coders.get(collection).ok_or_else(|| Error::Graph(vec![format!("there is no collection `{collection}`")]))
    }

    /// How a collection is windowed.
    ///
    /// # Errors
    /// The collection is not of this pipeline.
    pub fn windowing(&self, collection: &str) -> Result<&Arc<WindowingStrategy>> {
        let missing = || Error::Graph(vec![format!("there is no collection `{collection}`")]);
        self.windowings.get(collection).ok_or_else(missing)
    }

    /// A window function of the user's own, by the reference that stands for it in the graph.
    pub fn custom_windows(&self, function: &FnRef) -> Option<Windows> {
        self.custom_windows.get(function.step.as_str()).cloned()
    }

    /// Which window of a side input belongs to one of the main input, where the pipeline's author says so: by the
    /// transform's id and the side input's local name. Where not, it is that of
    /// [`Windows::side_window`](crate::windowing::Windows::side_window).
    pub fn side_mapping(&self, transform: &str, name: &str) -> Option<&WindowMapping> {
        let transform = self.components().transforms.get(transform)?;
        self.step(transform).ok()?.mappings.get(name)
    }

    /// Whether all that a transform makes is bounded.
    pub fn makes_bounded(&self, transform: &pb::PTransform) -> bool {
        let mut made = transform.outputs.values().filter_map(|id| self.components().pcollections.get(id));
        made.all(|collection| collection.is_bounded() == pb::is_bounded::Enum::Bounded)
    }

    /// What to do when the pipeline failed.
    pub fn cleanups(&self) -> &[Cleanup] {
        &self.cleanups
    }

    /// How many assertions must have run when the pipeline succeeds.
    pub fn assertions(&self) -> usize {
        self.assertions
    }

    /// The transforms that have no parts, in the order in which they were added: producers before consumers.
    pub fn leaves(&self) -> Vec<&str> {
        let mut leaves = Vec::new();
        let mut todo: Vec<&str> = self.proto.root_transform_ids.iter().rev().map(String::as_str).collect();
        while let Some(id) = todo.pop() {
            match self.components().transforms.get(id) {
                Some(transform) if !transform.subtransforms.is_empty() => {
                    todo.extend(transform.subtransforms.iter().rev().map(String::as_str));
                }
                _ => leaves.push(id),
            }
        }
        leaves
    }

    fn step(&self, transform: &pb::PTransform) -> Result<&Step> {
        let payload = FnRef::of(transform).map(|reference| Arc::from(reference.step.as_str()));
        let id: Arc<str> = payload.unwrap_or_else(|| Arc::from(transform.unique_name.as_str()));
        self.steps.get(&id).ok_or_else(|| Error::Graph(vec![format!("this process has no step `{id}`")]))
    }
}
