//! A bundle descriptor beside the graph that this process built: whose code and type each of its parts is.
//!
//! Engines rename and rearrange transforms; the step in a payload says which one it was.

use super::plan::{misfit, par_do};
use super::questions::QUESTIONS;
use super::sides::SideWindows;
use crate::failure;
use crate::merging::MergingPart;
use ferrobeam_core::Result;
use ferrobeam_core::coder::{Coder, CoderSpec, StrategyWindowCoder};
use ferrobeam_core::dofn::splittable::operator::AnySplittable;
use ferrobeam_core::graph::{EdgeCoder, FnRef, Graph, StepCode, StepName};
use ferrobeam_core::grouping::{AnyGrouping, CombinePart, PartStep};
use ferrobeam_model::fn_execution as fn_pb;
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::coders;
use ferrobeam_model::urns::transforms as urns;
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a worker can be asked for.
const KNOWN: [&str; 15] = [
    urns::DATA_SINK,
    urns::PAR_DO,
    urns::ASSIGN_WINDOWS,
    urns::PAIR_WITH_RESTRICTION,
    urns::SPLIT_AND_SIZE_RESTRICTIONS,
    urns::TRUNCATE_SIZED_RESTRICTION,
    urns::PROCESS_SIZED_ELEMENTS_AND_RESTRICTIONS,
    urns::COMBINE_PER_KEY_PRECOMBINE,
    urns::COMBINE_PER_KEY_MERGE_ACCUMULATORS,
    urns::COMBINE_PER_KEY_EXTRACT_OUTPUTS,
    urns::COMBINE_PER_KEY_CONVERT_TO_ACCUMULATORS,
    urns::COMBINE_GROUPED_VALUES,
    urns::MAP_WINDOWS,
    urns::MERGE_WINDOWS,
    urns::TO_STRING,
];

/// A descriptor beside the graph.
pub(super) struct Shape<'a> {
    pub(super) graph: &'a Graph,
    descriptor: &'a fn_pb::ProcessBundleDescriptor,
    /// Who takes a collection as main input; one that takes it twice, twice.
    takers: BTreeMap<&'a str, Vec<&'a str>>,
    makers: BTreeMap<&'a str, &'a str>,
}

/// What the elements of a collection are inside a bundle.
pub(super) enum Carries {
    /// Values of the user's type.
    Values(Arc<dyn EdgeCoder>),
    /// Elements with their work.
    Paired(Arc<dyn AnySplittable>),
    /// Questions of the engine's, and answers.
    Questions,
}

impl<'a> Shape<'a> {
    pub(super) fn new(graphs: &'a [Graph], descriptor: &'a fn_pb::ProcessBundleDescriptor) -> Result<Self> {
        let graph = whose(graphs, descriptor)?;
        let (mut takers, mut makers) = (BTreeMap::new(), BTreeMap::new());
        for (id, transform) in &descriptor.transforms {
            let sides = sides(transform)?;
            for (name, collection) in &transform.inputs {
                if !sides.contains(name) {
                    takers.entry(collection.as_str()).or_insert_with(Vec::new).push(id.as_str());
                }
            }
            for collection in transform.outputs.values() {
                makers.insert(collection.as_str(), id.as_str());
            }
            if let Some(reference) = FnRef::of(transform)
                && reference.fingerprint != graph.fingerprint()
            {
                return Err(failure(format!(
                    "this worker built another pipeline than the one that was submitted (at the step `{}`): the program, \
                     its options or what its construction depends on differ",
                    reference.step
                )));
            }
        }
        Ok(Shape { graph, descriptor, takers, makers })
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = (&'a str, &'a pb::PTransform)> {
        let all = self.descriptor.transforms.iter().map(|(id, transform)| (id.as_str(), transform));
        all.filter(|(_, transform)| transform.spec.as_ref().is_some_and(|spec| spec.urn == urns::DATA_SOURCE))
    }

    /// The descriptor's transforms by the names of their steps.
    pub(super) fn steps(&self) -> Result<BTreeMap<String, String>> {
        let mut steps = BTreeMap::new();
        for (id, transform) in &self.descriptor.transforms {
            if let Ok(name) = self.step_name(transform) {
                steps.insert(name.name.to_string(), id.clone());
            }
        }
        Ok(steps)
    }

    pub(super) fn transform(&self, id: &str) -> Result<&'a pb::PTransform> {
        let missing = || failure(format!("the bundle descriptor has no transform `{id}`"));
        self.descriptor.transforms.get(id).ok_or_else(missing)
    }

    pub(super) fn urn(&self, transform: &'a pb::PTransform) -> &'a str {
        transform.spec.as_ref().map_or("", |spec| &spec.urn)
    }

    /// Who takes a collection in the end: a Flatten inside a bundle only joins the ways of its inputs.
    pub(super) fn consumers(&self, collection: &str) -> Vec<String> {
        let mut consumers = Vec::new();
        for &id in self.takers.get(collection).into_iter().flatten() {
            let transform = self.descriptor.transforms.get(id);
            match transform.filter(|transform| self.urn(transform) == urns::FLATTEN) {
                Some(flatten) => flatten.outputs.values().for_each(|out| consumers.extend(self.consumers(out))),
                None => consumers.push(id.to_owned()),
            }
        }
        consumers
    }

    /// Checks that this worker knows the kinds of all transforms that a collection comes to.
    pub(super) fn check(&self, collection: &str) -> Result<()> {
        for id in self.consumers(collection) {
            let transform = self.transform(&id)?;
            let urn = self.urn(transform);
            if !KNOWN.contains(&urn) {
                let step = FnRef::of(transform).map_or_else(|| transform.unique_name.clone(), |of| of.step);
                return Err(failure(format!(
                    "the engine asks for `{urn}` (at the step `{step}`), which this worker cannot do"
                )));
            }
            transform.outputs.values().try_for_each(|made| self.check(made))?;
        }
        Ok(())
    }

    /// By how many ways elements come to a transform.
    pub(super) fn producers(&self, id: &str) -> usize {
        let made = self.makers.iter().filter(|(_, maker)| {
            let transform = self.descriptor.transforms.get(**maker);
            transform.is_some_and(|transform| self.urn(transform) != urns::FLATTEN)
        });
        made.map(|(collection, _)| self.consumers(collection).iter().filter(|consumer| *consumer == id).count()).sum()
    }

    pub(super) fn one_output(&self, transform: &'a pb::PTransform) -> Result<&'a str> {
        let mut outputs = transform.outputs.values();
        match (outputs.next(), outputs.next()) {
            (Some(one), None) => Ok(one),
            _ => Err(failure(format!("`{}` should have one output", transform.unique_name))),
        }
    }

    pub(super) fn side_inputs(&self, transform: &pb::PTransform) -> Result<Vec<String>> {
        sides(transform)
    }

    /// The windows of a side input of a step.
    pub(super) fn side_windows(&self, transform: &pb::PTransform, name: &str) -> Result<SideWindows> {
        let own = self.own(transform)?;
        let none = || failure(format!("`{}` has no side input `{name}`", own.unique_name));
        let windowing = self.graph.windowing(own.inputs.get(name).ok_or_else(none)?)?.clone();
        Ok(SideWindows { windowing, mapping: self.graph.side_mapping(self.own_id(transform)?, name).cloned() })
    }

    pub(super) fn par_do(&self, transform: &pb::PTransform) -> Result<pb::ParDoPayload> {
        par_do(transform)
    }

    /// Name and collection of the main input.
    pub(super) fn main_input(&self, transform: &'a pb::PTransform) -> Result<(&'a str, &'a str)> {
        let sides = sides(transform)?;
        let mut main = transform.inputs.iter().filter(|(name, _)| !sides.contains(name));
        let none = || failure(format!("`{}` has no main input", transform.unique_name));
        main.next().map(|(name, collection)| (name.as_str(), collection.as_str())).ok_or_else(none)
    }

    /// The transform of our own graph that an engine's comes from.
    pub(super) fn own(&self, transform: &pb::PTransform) -> Result<&'a pb::PTransform> {
        let none = || failure(format!("`{}` names no step of ours in its payload", transform.unique_name));
        self.graph.transform_of(&FnRef::of(transform).ok_or_else(none)?.step)
    }

    pub(super) fn own_id(&self, transform: &pb::PTransform) -> Result<&'a str> {
        let own = self.own(transform)?;
        let mut all = self.graph.components().transforms.iter();
        let found = all.find(|(_, transform)| transform.unique_name == own.unique_name);
        found.map(|(id, _)| id.as_str()).ok_or_else(|| failure(format!("no step `{}`", own.unique_name)))
    }

    pub(super) fn own_input(&self, transform: &pb::PTransform) -> Result<&'a str> {
        let own = self.own(transform)?;
        let sides = sides(own)?;
        let mut main = own.inputs.iter().filter(|(name, _)| !sides.contains(name));
        main.next().map(|(_, id)| id.as_str()).ok_or_else(|| failure(format!("`{}` has no input", own.unique_name)))
    }

    /// The name of a step's output here, if it has only one: an additional output may be the only one that anybody consumes.
    pub(super) fn only_output(&self, transform: &pb::PTransform) -> Result<Option<&'a str>> {
        let outputs = &self.own(transform)?.outputs;
        Ok(if outputs.len() == 1 { outputs.keys().next().map(String::as_str) } else { None })
    }

    pub(super) fn step_name(&self, transform: &pb::PTransform) -> Result<StepName> {
        self.graph.step_name(self.own(transform)?).cloned()
    }

    /// The coder of what a transform takes, by the type in our own graph.
    pub(super) fn input_coder(&self, transform: &pb::PTransform) -> Result<Arc<dyn EdgeCoder>> {
        Ok(self.graph.coder(self.own_input(transform)?)?.clone())
    }

    /// The part of a combine that a transform is, if so.
    pub(super) fn combine_part(&self, transform: &'a pb::PTransform) -> Result<Option<PartStep>> {
        let part = match self.urn(transform) {
            urns::COMBINE_PER_KEY_PRECOMBINE => CombinePart::PreCombine,
            urns::COMBINE_PER_KEY_MERGE_ACCUMULATORS => CombinePart::MergeAccumulators,
            urns::COMBINE_PER_KEY_EXTRACT_OUTPUTS => CombinePart::ExtractOutputs,
            urns::COMBINE_PER_KEY_CONVERT_TO_ACCUMULATORS => CombinePart::ConvertToAccumulators,
            urns::COMBINE_GROUPED_VALUES => CombinePart::CombineGroupedValues,
            _ => return Ok(None),
        };
        let own = self.own(transform)?;
        let Some(StepCode::Grouping(grouping)) = self.graph.code(own)? else {
            return Err(failure(format!("the step `{}` is no combine", own.unique_name)));
        };
        let none = || failure(format!("the step `{}` cannot be taken apart", own.unique_name));
        grouping.part(part).ok_or_else(none).map(Some)
    }

    /// The part of a grouping that merges windows here, if a transform is one.
    pub(super) fn merging_part(
        &self,
        transform: &pb::PTransform,
    ) -> Result<Option<(MergingPart, Arc<dyn AnyGrouping>)>> {
        let Some(part) = MergingPart::of(transform) else { return Ok(None) };
        let own = self.own(transform)?;
        match self.graph.code(own)? {
            Some(StepCode::Grouping(grouping)) => Ok(Some((part, grouping.clone()))),
            _ => Err(failure(format!("the step `{}` does not group", own.unique_name))),
        }
    }

    /// What the elements of a collection are: its makers and takers know.
    pub(super) fn carries(&self, collection: &str) -> Result<Carries> {
        let mut seen = Vec::new();
        match self.find_carries(collection, &mut seen)? {
            Some(carries) => Ok(carries),
            // Nothing here looks at them; then it is a collection of our own graph, or the type is beyond finding.
            None => self.graph.coder(collection).cloned().map(Carries::Values),
        }
    }

    fn find_carries(&self, collection: &str, seen: &mut Vec<String>) -> Result<Option<Carries>> {
        if seen.iter().any(|known| known == collection) {
            return Ok(None);
        }
        seen.push(collection.to_owned());
        let takers = self.takers.get(collection).into_iter().flatten().map(|id| (*id, true));
        let maker = self.makers.get(collection).map(|id| (*id, false));
        for (id, takes) in takers.chain(maker) {
            let transform = self.transform(id)?;
            if let Some(part) = self.combine_part(transform)? {
                return Ok(Some(Carries::Values(if takes { part.input } else { part.output })));
            }
            if let Some((part, grouping)) = self.merging_part(transform)?
                && takes == (part == MergingPart::Group)
            {
                return Ok(Some(Carries::Values(grouping.keyed_bytes_coder())));
            }
            match self.urn(transform) {
                urns::DATA_SOURCE | urns::DATA_SINK => {}
                urn if QUESTIONS.contains(&urn) => return Ok(Some(Carries::Questions)),
                urns::FLATTEN => {
                    let others = transform.inputs.values().chain(transform.outputs.values());
                    for other in others {
                        if let Some(found) = self.find_carries(other, seen)? {
                            return Ok(Some(found));
                        }
                    }
                }
                urns::PAIR_WITH_RESTRICTION if takes => return self.own_values(transform).map(Some),
                urns::PROCESS_SIZED_ELEMENTS_AND_RESTRICTIONS if !takes => {
                    return self.made_values(transform, collection).map(Some);
                }
                urns::PAIR_WITH_RESTRICTION
                | urns::SPLIT_AND_SIZE_RESTRICTIONS
                | urns::TRUNCATE_SIZED_RESTRICTION
                | urns::PROCESS_SIZED_ELEMENTS_AND_RESTRICTIONS => {
                    let own = self.own(transform)?;
                    let Some(StepCode::Splittable(code)) = self.graph.code(own)? else {
                        return Err(failure(format!("the step `{}` is not splittable", own.unique_name)));
                    };
                    return Ok(Some(Carries::Paired(code.clone())));
                }
                _ if takes => return self.own_values(transform).map(Some),
                _ => return self.made_values(transform, collection).map(Some),
            }
        }
        Ok(None)
    }

    fn own_values(&self, transform: &pb::PTransform) -> Result<Carries> {
        self.input_coder(transform).map(Carries::Values)
    }

    fn made_values(&self, transform: &pb::PTransform, collection: &str) -> Result<Carries> {
        let own = self.own(transform)?;
        let name = transform.outputs.iter().find(|(_, made)| *made == collection).map(|(name, _)| name);
        let own_output = match own.outputs.len() {
            1 => own.outputs.values().next(),
            _ => name.and_then(|name| own.outputs.get(name)),
        };
        let none = || failure(format!("the step `{}` has no such output", own.unique_name));
        Ok(Carries::Values(self.graph.coder(own_output.ok_or_else(none)?)?.clone()))
    }

    /// The coder of the elements whose work a collection of pairs carries.
    pub(super) fn element_of(&self, collection: &str) -> Result<Arc<dyn EdgeCoder>> {
        let near = self.takers.get(collection).into_iter().flatten().chain(self.makers.get(collection));
        for id in near {
            let transform = self.transform(id)?;
            if !matches!(self.urn(transform), urns::DATA_SOURCE | urns::DATA_SINK | urns::FLATTEN) {
                return self.input_coder(transform);
            }
        }
        Err(failure(format!("nobody knows the elements of `{collection}`")))
    }

    /// The coders of value and window of a source or a sink.
    pub(super) fn port(&self, transform: &pb::PTransform) -> Result<(CoderSpec, StrategyWindowCoder)> {
        let spec = self.coder(&grpc_port(transform)?.coder_id)?;
        match (&*spec.urn, spec.components.as_slice()) {
            (coders::WINDOWED_VALUE, [value, window]) => {
                let windows = StrategyWindowCoder::from_spec(window);
                Ok((value.clone(), windows.map_err(|error| misfit(&transform.unique_name, &error))?))
            }
            (urn, _) => Err(failure(format!("`{}` has elements of the coder `{urn}`", transform.unique_name))),
        }
    }

    /// .. of the source that a collection comes from.
    pub(super) fn port_of(&self, collection: &str) -> Result<(CoderSpec, StrategyWindowCoder)> {
        let maker = self.makers.get(collection).map(|id| self.transform(id)).transpose()?;
        match maker {
            Some(maker) if self.urn(maker) == urns::DATA_SOURCE => self.port(maker),
            _ => {
                let (value, window) = self.specs_of(collection)?;
                let windows = StrategyWindowCoder::from_spec(&window).map_err(|error| misfit(collection, &error))?;
                Ok((value, windows))
            }
        }
    }

    /// The coders of a collection's elements and windows.
    pub(super) fn specs_of(&self, collection: &str) -> Result<(CoderSpec, CoderSpec)> {
        let missing = |what: &str| failure(format!("the bundle descriptor has no {what} of `{collection}`"));
        let found = self.descriptor.pcollections.get(collection).ok_or_else(|| missing("description"))?;
        let strategy = self.descriptor.windowing_strategies.get(&found.windowing_strategy_id);
        let window = self.coder(&strategy.ok_or_else(|| missing("windowing"))?.window_coder_id)?;
        let value = self.coder(&found.coder_id)?;
        // Engines may describe collections as they are on the data stream.
        match (&*value.urn, value.components.as_slice()) {
            (coders::WINDOWED_VALUE, [value, _]) => Ok((value.clone(), window)),
            _ => Ok((value, window)),
        }
    }

    fn coder(&self, id: &str) -> Result<CoderSpec> {
        let missing = || failure(format!("the bundle descriptor has no coder `{id}`"));
        let coder = self.descriptor.coders.get(id).ok_or_else(missing)?;
        let spec = coder.spec.as_ref().ok_or_else(missing)?;
        let components = coder.component_coder_ids.iter().map(|id| self.coder(id)).collect::<Result<_>>()?;
        Ok(CoderSpec::of(spec.urn.clone(), components).with_payload(spec.payload.clone()))
    }

    /// Where the data of a source or sink is exchanged.
    pub(super) fn address(&self, transform: &pb::PTransform) -> Result<String> {
        let none = || failure(format!("`{}` names no address", transform.unique_name));
        grpc_port(transform)?.api_service_descriptor.map(|service| service.url).ok_or_else(none)
    }

    /// Where timers are exchanged: beside the data if nothing else is said.
    pub(super) fn timer_address(&self, transform: &pb::PTransform) -> Result<String> {
        let named = self.descriptor.timer_api_service_descriptor.as_ref().map(|service| service.url.clone());
        match named.filter(|url| !url.is_empty()) {
            Some(url) => Ok(url),
            None => match self.sources().next() {
                Some((_, source)) => self.address(source),
                None => Err(failure(format!("the engine named no address for timers of `{}`", transform.unique_name))),
            },
        }
    }
}

/// The graph that a descriptor was made of, or one that it was not.
fn whose<'a>(graphs: &'a [Graph], descriptor: &fn_pb::ProcessBundleDescriptor) -> Result<&'a Graph> {
    let named = descriptor.transforms.values().find_map(FnRef::of);
    let own = graphs.iter().find(|graph| named.as_ref().is_some_and(|named| named.fingerprint == graph.fingerprint()));
    own.or(graphs.first()).ok_or_else(|| failure("this worker has no pipeline"))
}

fn grpc_port(transform: &pb::PTransform) -> Result<fn_pb::RemoteGrpcPort> {
    let payload = transform.spec.as_ref().map(|spec| spec.payload.clone()).unwrap_or_default();
    fn_pb::RemoteGrpcPort::decode(payload)
        .map_err(|error| failure(format!("the payload of `{}`: {error}", transform.unique_name)))
}

/// The local names of a transform's side inputs.
fn sides(transform: &pb::PTransform) -> Result<Vec<String>> {
    let urn = transform.spec.as_ref().map_or("", |spec| &spec.urn);
    if !matches!(
        urn,
        urns::PAR_DO
            | urns::PAIR_WITH_RESTRICTION
            | urns::SPLIT_AND_SIZE_RESTRICTIONS
            | urns::TRUNCATE_SIZED_RESTRICTION
            | urns::PROCESS_SIZED_ELEMENTS_AND_RESTRICTIONS
    ) {
        return Ok(Vec::new());
    }
    Ok(par_do(transform)?.side_inputs.into_keys().collect())
}
