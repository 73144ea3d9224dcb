//! What engines ask about windows and values: each question comes beside something of the engine's own, and goes back as its
//! answer, beside the same.

use super::plan::without_prefix;
use super::shape::Shape;
use super::sides::SideWindows;
use crate::failure;
use ferrobeam_core::batch::Batch;
use ferrobeam_core::coder::{CoderError, Decoded, DynCoder, Value, describe};
use ferrobeam_core::dofn::erased::{Next, Receiver};
use ferrobeam_core::dofn::guard::guard;
use ferrobeam_core::graph::{SideRef, StepName, WINDOW_MAPPING_FN};
use ferrobeam_core::windowing::{Window, Windows};
use ferrobeam_core::{Error, Result};
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::transforms as urns;
use prost::Message;
use std::collections::BTreeSet;

/// What an engine can ask.
pub(super) const QUESTIONS: [&str; 3] = [urns::MAP_WINDOWS, urns::MERGE_WINDOWS, urns::TO_STRING];

/// One of them.
enum Question {
    /// Which window of a side input belongs to one of the main input.
    SideWindow(SideWindows),
    /// Which windows of a key become one.
    Merge(Windows),
    /// What an element is, in words: by its coder.
    Text(DynCoder),
}

/// Takes questions and passes answers on.
pub(super) struct Asked {
    step: StepName,
    question: Question,
    next: Next<Value>,
}

impl Asked {
    /// What a transform asks for, which is one of the [`QUESTIONS`].
    pub(super) fn new(shape: &Shape<'_>, transform: &pb::PTransform, next: Next<Value>) -> Result<Self> {
        let step = shape.step_name(transform).unwrap_or_else(|_| StepName::here(&transform.unique_name));
        let question = match shape.urn(transform) {
            urns::MAP_WINDOWS => Question::SideWindow(side_windows(shape, transform)?),
            urns::MERGE_WINDOWS => {
                let custom = |of: &_| shape.graph.custom_windows(of);
                Question::Merge(Windows::from_proto(&function(transform)?, &custom)?)
            }
            _ => {
                let (_, collection) = shape.main_input(transform)?;
                let (pair, _) = shape.specs_of(collection)?;
                let element = without_prefix(&pair).components.get(1).and_then(|spec| DynCoder::from_spec(spec).ok());
                let none = || failure(format!("`{}` does not take pairs", transform.unique_name));
                Question::Text(element.ok_or_else(none)?)
            }
        };
        Ok(Asked { step, question, next })
    }

    fn answer(&self, pair: Value) -> Result<Value> {
        let Value::Pair(pair) = pair else { return Err(self.failed(unexpected("a pair", pair))) };
        let (beside, asked) = *pair;
        let answer = match &self.question {
            Question::SideWindow(windows) => {
                let main = window(asked).map_err(|source| self.failed(source))?;
                let none = || failure(format!("{}: its side input has no window that belongs to {main}", self.step));
                Value::Window(windows.of(&self.step, main)?.ok_or_else(none)?)
            }
            Question::Merge(windows) => {
                let open = all_windows(asked).map_err(|source| self.failed(source))?;
                let merges = guard(&self.step, || windows.merge(open.iter().copied()))?;
                let merged: BTreeSet<Window> = merges.iter().flat_map(|merge| &merge.sources).copied().collect();
                let list = |all: Vec<Window>| Value::List(all.into_iter().map(Value::Window).collect());
                let alone = list(open.into_iter().filter(|window| !merged.contains(window)).collect());
                let merges = merges.into_iter().map(|merge| pair_of(Value::Window(merge.result), list(merge.sources)));
                pair_of(alone, Value::List(merges.collect()))
            }
            Question::Text(coder) => {
                let mut bytes = Vec::new();
                coder.encode(&asked, &mut bytes).map_err(|source| self.failed(source))?;
                Value::Text(describe(coder.spec(), &bytes))
            }
        };
        Ok(pair_of(beside, answer))
    }

    fn failed(&self, source: CoderError) -> Error {
        Error::Coder { step: self.step.clone(), element: None, source: source.at("what the engine asks") }
    }
}

impl Receiver<Value> for Asked {
    fn start_bundle(&mut self) -> Result<()> {
        self.next.start_bundle()
    }

    fn receive(&mut self, batch: Batch<Value>) -> Result<()> {
        let Batch { values, meta } = batch;
        let values = values.into_iter().map(|value| self.answer(value)).collect::<Result<_>>()?;
        self.next.receive(Batch { values, meta })
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.next.finish_bundle()
    }
}

/// The function that a transform asks about: it is the whole payload.
fn function(transform: &pb::PTransform) -> Result<pb::FunctionSpec> {
    let payload = transform.spec.as_ref().map(|spec| spec.payload.clone()).unwrap_or_default();
    pb::FunctionSpec::decode(payload)
        .map_err(|error| failure(format!("the payload of `{}`: {error}", transform.unique_name)))
}

fn side_windows(shape: &Shape<'_>, transform: &pb::PTransform) -> Result<SideWindows> {
    let function = function(transform)?;
    let unknown = || failure(format!("the window mapping function `{}` is not known here", function.urn));
    if function.urn != WINDOW_MAPPING_FN {
        return Err(unknown());
    }
    let SideRef { side, .. } = SideRef::decode(&function.payload[..]).map_err(|_| unknown())?;
    shape.side_windows(transform, &side)
}

fn pair_of(key: Value, value: Value) -> Value {
    Value::Pair(Box::new((key, value)))
}

fn unexpected(what: &'static str, value: Value) -> CoderError {
    CoderError::invalid(what, format!("{value:?}"))
}

fn window(value: Value) -> Decoded<Window> {
    match value {
        Value::Window(window) => Ok(window),
        other => Err(unexpected("a window", other)),
    }
}

fn all_windows(value: Value) -> Decoded<BTreeSet<Window>> {
    match value {
        Value::List(all) => all.into_iter().map(window).collect(),
        other => Err(unexpected("windows", other)),
    }
}
