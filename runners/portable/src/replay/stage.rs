//! Stages cut out of a graph, as engines hand them to workers: all ids are new, and coders may have length prefixes.

use super::engine::Engine;
use super::proxy::Stream;
use super::rows::Port;
use crate::failure;
use ferrobeam_core::Result;
use ferrobeam_core::coder::CoderSpec;
use ferrobeam_core::graph::{FnRef, Graph, StepCode};
use ferrobeam_core::grouping::CombinePart;
use ferrobeam_model::fn_execution as fn_pb;
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::{coders, transforms as urns};
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A stage: a descriptor in the making.
#[derive(Clone)]
pub struct Stage {
    /// What the worker is told.
    pub descriptor: fn_pb::ProcessBundleDescriptor,
    /// Where elements come in.
    pub sources: Vec<Port>,
    /// Where they go out.
    pub sinks: Vec<Port>,
    graph: Arc<Graph>,
    url: String,
    /// Ids here by those of the graph's collections.
    collections: BTreeMap<String, String>,
    specs: BTreeMap<String, CoderSpec>,
    next: usize,
}

impl Stage {
    /// An empty stage.
    pub fn new(engine: &Engine, id: &str) -> Self {
        let service = pb::ApiServiceDescriptor { url: engine.url_of(Stream::State).to_owned(), authentication: None };
        let descriptor = fn_pb::ProcessBundleDescriptor {
            id: id.to_owned(),
            state_api_service_descriptor: Some(service),
            ..Default::default()
        };
        Stage {
            descriptor,
            sources: Vec::new(),
            sinks: Vec::new(),
            graph: engine.graph().clone(),
            url: engine.url_of(Stream::Data).to_owned(),
            collections: BTreeMap::new(),
            specs: BTreeMap::new(),
            next: 0,
        }
    }

    /// The stage of some steps, by their names: with a source for each collection that none of them makes, and a sink for
    /// each that none of them takes.
    ///
    /// # Errors
    /// There is no such step.
    pub fn of(engine: &Engine, id: &str, steps: &[&str]) -> Result<Self> {
        let mut stage = Stage::new(engine, id);
        steps.iter().try_for_each(|step| stage.step(step).map(drop))?;
        stage.close()
    }

    /// Adds sources and sinks where they are missing.
    ///
    /// # Errors
    /// The graph does not know a collection.
    pub fn close(mut self) -> Result<Self> {
        let transforms: Vec<_> = self.descriptor.transforms.values().cloned().collect();
        let (mut made, mut taken) = (Vec::new(), Vec::new());
        for transform in &transforms {
            let is_side = |name: &String| is_side(transform, name);
            made.extend(transform.outputs.values().cloned());
            taken.extend(transform.inputs.iter().filter(|(name, _)| !is_side(name)).map(|(_, id)| id.clone()));
        }
        taken.sort();
        taken.dedup();
        for id in taken.iter().filter(|id| !made.contains(id)) {
            self.source(id)?;
        }
        for id in made.iter().filter(|id| !taken.contains(id)) {
            self.sink(id)?;
        }
        Ok(self)
    }

    fn fresh(&mut self, kind: char) -> String {
        self.next += 1;
        format!("{kind}{}", self.next)
    }

    /// Adds a coder.
    pub fn coder(&mut self, spec: &CoderSpec) -> String {
        let component_coder_ids = spec.components.iter().map(|component| self.coder(component)).collect();
        let function = pb::FunctionSpec { urn: spec.urn.to_string(), payload: spec.payload.clone() };
        let id = self.fresh('c');
        self.descriptor.coders.insert(id.clone(), pb::Coder { spec: Some(function), component_coder_ids });
        id
    }

    /// One of the graph's collections, added on first use.
    ///
    /// # Errors
    /// The graph does not know it.
    pub fn collection(&mut self, own: &str) -> Result<String> {
        match self.collections.get(own) {
            Some(id) => Ok(id.clone()),
            None => {
                let spec = self.graph.coder(own)?.spec();
                self.recode(own, &spec)
            }
        }
    }

    /// Adds one of the graph's collections with another coder.
    ///
    /// # Errors
    /// The graph does not know it.
    pub fn recode(&mut self, own: &str, spec: &CoderSpec) -> Result<String> {
        let id = self.collection_like(own, spec)?;
        self.collections.insert(own.to_owned(), id.clone());
        Ok(id)
    }

    /// Adds a collection that is not in the graph, with the windows of one that is.
    ///
    /// # Errors
    /// The graph does not know it.
    pub fn collection_like(&mut self, own: &str, spec: &CoderSpec) -> Result<String> {
        let components = self.graph.components().clone();
        let missing = || failure(format!("there is no collection `{own}`"));
        let mut collection = components.pcollections.get(own).cloned().ok_or_else(missing)?;
        let windowing = components.windowing_strategies.get(&collection.windowing_strategy_id).cloned();
        let mut windowing = windowing.ok_or_else(missing)?;
        let window = components.coders.get(&windowing.window_coder_id).and_then(|coder| coder.spec.clone());
        windowing.window_coder_id = self.coder(&CoderSpec::leaf(window.ok_or_else(missing)?.urn));
        let (id, strategy) = (self.fresh('n'), self.fresh('w'));
        collection.coder_id = self.coder(spec);
        collection.windowing_strategy_id.clone_from(&strategy);
        self.descriptor.windowing_strategies.insert(strategy, windowing);
        self.descriptor.pcollections.insert(id.clone(), collection);
        self.specs.insert(id.clone(), spec.clone());
        Ok(id)
    }

    /// Adds a step of the graph; returns its id here.
    ///
    /// # Errors
    /// There is no such step.
    pub fn step(&mut self, name: &str) -> Result<String> {
        let mut transform = self.graph.transform_of(name)?.clone();
        for id in transform.inputs.values_mut().chain(transform.outputs.values_mut()) {
            *id = self.collection(id)?;
        }
        Ok(self.transform(transform))
    }

    /// Adds a transform; engines give it another name, too, where the payload tells which step it is.
    pub fn transform(&mut self, mut transform: pb::PTransform) -> String {
        let id = self.fresh('e');
        if FnRef::of(&transform).is_some() {
            transform.unique_name = format!("renamed-{id}");
        }
        self.descriptor.transforms.insert(id.clone(), transform);
        id
    }

    /// Adds a part of a step that engines take apart, between a source and sinks; returns its id.
    ///
    /// # Errors
    /// The step cannot be taken apart so.
    pub fn part(&mut self, name: &str, urn: &str) -> Result<String> {
        let mut transform = self.graph.transform_of(name)?.clone();
        let (input, output) = self.part_specs(&transform, urn)?;
        let none = || failure(format!("`{name}` has no input or no output"));
        let main = transform.inputs.iter().find(|(input, _)| !is_side(&transform, input));
        let (main, own_input) = main.map(|(main, id)| (main.clone(), id.clone())).ok_or_else(none)?;
        let input = self.collection_like(&own_input, &input)?;
        transform.inputs = [(main, input)].into();
        let own_output = transform.outputs.values().next().cloned().ok_or_else(none)?;
        match output {
            Some(spec) => transform.outputs = [("i".to_owned(), self.collection_like(&own_output, &spec)?)].into(),
            None => {
                for id in transform.outputs.values_mut() {
                    *id = self.collection(id)?;
                }
            }
        }
        transform.subtransforms.clear();
        if let Some(spec) = &mut transform.spec {
            spec.urn = urn.to_owned();
        }
        Ok(self.transform(transform))
    }

    /// The coders of what a part takes and makes; none if it makes what the whole does.
    fn part_specs(&self, transform: &pb::PTransform, urn: &str) -> Result<(CoderSpec, Option<CoderSpec>)> {
        let cannot = || failure(format!("`{}` has no part `{urn}`", transform.unique_name));
        match self.graph.code(transform)? {
            Some(StepCode::Splittable(code)) => {
                let own_input = transform.inputs.values().next().ok_or_else(cannot)?;
                let element = self.graph.coder(own_input)?.spec();
                let pair = CoderSpec::of(coders::KV, vec![element.clone(), code.coder().spec()]);
                let sized = CoderSpec::of(coders::KV, vec![pair.clone(), CoderSpec::leaf(coders::DOUBLE)]);
                match urn {
                    urns::PAIR_WITH_RESTRICTION => Ok((element, Some(pair))),
                    urns::SPLIT_AND_SIZE_RESTRICTIONS => Ok((pair, Some(sized))),
                    urns::TRUNCATE_SIZED_RESTRICTION => Ok((sized.clone(), Some(sized))),
                    urns::PROCESS_SIZED_ELEMENTS_AND_RESTRICTIONS => Ok((sized, None)),
                    _ => Err(cannot()),
                }
            }
            Some(StepCode::Grouping(grouping)) => {
                let part = match urn {
                    urns::COMBINE_PER_KEY_PRECOMBINE => CombinePart::PreCombine,
                    urns::COMBINE_PER_KEY_MERGE_ACCUMULATORS => CombinePart::MergeAccumulators,
                    urns::COMBINE_PER_KEY_EXTRACT_OUTPUTS => CombinePart::ExtractOutputs,
                    urns::COMBINE_PER_KEY_CONVERT_TO_ACCUMULATORS => CombinePart::ConvertToAccumulators,
                    urns::COMBINE_GROUPED_VALUES => CombinePart::CombineGroupedValues,
                    _ => return Err(cannot()),
                };
                let part = grouping.part(part).ok_or_else(cannot)?;
                Ok((part.input.spec(), Some(part.output.spec())))
            }
            _ => Err(cannot()),
        }
    }

    /// Adds a source of a collection.
    ///
    /// # Errors
    /// There is no such collection.
    pub fn source(&mut self, collection: &str) -> Result<Port> {
        let (port, mut transform) = self.port(collection, urns::DATA_SOURCE, 'r')?;
        transform.outputs = [("0".to_owned(), collection.to_owned())].into();
        self.descriptor.transforms.insert(port.transform.clone(), transform);
        self.sources.push(port.clone());
        Ok(port)
    }

    /// Adds a sink of a collection.
    ///
    /// # Errors
    /// There is no such collection.
    pub fn sink(&mut self, collection: &str) -> Result<Port> {
        let (port, mut transform) = self.port(collection, urns::DATA_SINK, 's')?;
        transform.inputs = [("0".to_owned(), collection.to_owned())].into();
        self.descriptor.transforms.insert(port.transform.clone(), transform);
        self.sinks.push(port.clone());
        Ok(port)
    }

    fn port(&mut self, collection: &str, urn: &str, kind: char) -> Result<(Port, pb::PTransform)> {
        let missing = || failure(format!("the stage has no collection `{collection}`"));
        let value = self.specs.get(collection).cloned().ok_or_else(missing)?;
        let found = self.descriptor.pcollections.get(collection).ok_or_else(missing)?;
        let windowing = self.descriptor.windowing_strategies.get(&found.windowing_strategy_id);
        let window = windowing.and_then(|windowing| self.descriptor.coders.get(&windowing.window_coder_id));
        let window = window.and_then(|coder| coder.spec.as_ref()).ok_or_else(missing)?;
        let window = CoderSpec::leaf(window.urn.clone());
        let coder_id = self.coder(&CoderSpec::of(coders::WINDOWED_VALUE, vec![value.clone(), window.clone()]));
        let service = pb::ApiServiceDescriptor { url: self.url.clone(), authentication: None };
        let payload = fn_pb::RemoteGrpcPort { api_service_descriptor: Some(service), coder_id };
        let (transform, collection) = (self.fresh(kind), collection.to_owned());
        let proto = pb::PTransform {
            unique_name: transform.clone(),
            spec: Some(pb::FunctionSpec { urn: urn.to_owned(), payload: payload.encode_to_vec().into() }),
            ..Default::default()
        };
        Ok((Port { transform, collection, value, window }, proto))
    }

    /// The id here of a step's transform.
    ///
    /// # Errors
    /// The stage has no such step.
    pub fn id_of(&self, step: &str) -> Result<String> {
        let mut all = self.descriptor.transforms.iter();
        let is_it = |transform: &pb::PTransform| match FnRef::of(transform) {
            Some(of) => of.step == step,
            None => transform.unique_name == step,
        };
        let found = all.find(|(_, transform)| is_it(transform)).map(|(id, _)| id.clone());
        found.ok_or_else(|| failure(format!("the stage has no step `{step}`")))
    }
}

fn is_side(transform: &pb::PTransform, name: &str) -> bool {
    let spec = transform.spec.as_ref().filter(|spec| spec.urn == urns::PAR_DO);
    let payload = spec.and_then(|spec| pb::ParDoPayload::decode(&spec.payload[..]).ok());
    payload.is_some_and(|payload| payload.side_inputs.contains_key(name))
}
