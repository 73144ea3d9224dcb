//! From the builder's notes to Beam's graph: names, payloads, the inputs and outputs of composites, the fingerprint.

use super::builder::{Builder, Collection, Node, NodeId, Spec};
use super::coders::capabilities;
use super::mistakes::Names;
use super::{FnRef, Graph, Step, StepName};
use crate::error::{Error, Result};
use crate::windowing::{WindowingStrategy, Windows};
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The id of the environment that all steps of ours run in.
const ENVIRONMENT: &str = "rust";

impl Builder {
    /// The graph.
    ///
    /// # Errors
    /// [`Error::Graph`] with every mistake that was made while building, each with file and line, and the step if it is of one.
    pub(crate) fn finish(mut self) -> Result<Graph> {
        let names = self.names();
        self.check_names(&names);
        self.check_tags();
        let mistakes = std::mem::take(&mut self.mistakes).tell(&Names { nodes: &self.nodes, names: &names });
        if !mistakes.is_empty() {
            return Err(Error::Graph(mistakes));
        }
        let ends = self.composite_ends();
        let mut proto = self.pipeline(&names, &ends, 0);
        let fingerprint = fingerprint(&proto);
        proto = self.pipeline(&names, &ends, fingerprint);
        self.carry(&mut proto, fingerprint)?;
        let step = |(node, name): (&Node, &Arc<str>)| {
            let (step, code) = (StepName { name: name.clone(), at: node.at }, node.code.clone());
            let restore = node.portable.as_ref().map(|portable| portable.restore.clone());
            (name.clone(), Step { name: step, code, mappings: node.mappings.clone(), restore })
        };
        let steps = self.nodes.iter().zip(&names).map(step).collect();
        let coders = self.collections.iter().enumerate().map(|(id, c)| (collection_id(id), c.code.clone())).collect();
        let windowings = self.windowings();
        let custom_windows =
            windowings.custom.iter().map(|(windows, producer)| (names[*producer].clone(), windows.clone()));
        let custom_windows = custom_windows.collect();
        let of = |(id, strategy): (usize, &usize)| (collection_id(id), windowings.distinct[*strategy].clone());
        let windowings = windowings.of.iter().enumerate().map(of).collect();
        let Builder { cleanups, assertions, .. } = self;
        Ok(Graph { proto, fingerprint, steps, coders, windowings, custom_windows, cleanups, assertions })
    }

    fn names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            // A composite is added before its parts.
            names.push(match node.scope {
                None => node.label.as_str().into(),
                Some(scope) => format!("{}/{}", names[scope], node.label).into(),
            });
        }
        names
    }

    fn check_names(&mut self, names: &[Arc<str>]) {
        let mut known = BTreeMap::new();
        for (id, name) in names.iter().enumerate() {
            if name.is_empty() || name.ends_with('/') {
                let text = format!("the name of a step is empty; its verb is `{}`", self.nodes[id].verb);
                self.mistake(self.nodes[id].at, text);
            }
            if let Some(earlier) = known.insert(name, id) {
                let at = self.nodes[earlier].at;
                let text = format!("two steps are named `{name}`; the other is at {}:{}", at.file(), at.line());
                self.mistake(self.nodes[id].at, text);
            }
        }
    }

    fn check_tags(&mut self) {
        let consumed: BTreeSet<u32> = self.nodes.iter().flat_map(|n| n.inputs.iter().map(|i| i.collection)).collect();
        let lost: Vec<_> = (0u32..)
            .zip(&self.collections)
            .filter(|(id, _)| !consumed.contains(id) && !self.discarded.contains(id))
            .filter_map(|(_, c)| Some((c.producer, c.tag?)))
            .collect();
        for (node, tag) in lost {
            self.mistake_of(node, format!("nothing consumes the output `{tag}`: use it or `.discard()` it"));
        }
    }

    fn contains(&self, scope: NodeId, node: NodeId) -> bool {
        std::iter::successors(Some(node), |&n| self.nodes[n].scope).skip(1).any(|outer| outer == scope)
    }

    /// For each composite: collections that come from outside, and collections that nothing inside consumes or
    /// something outside does.
    fn composite_ends(&self) -> Vec<Ends> {
        let mut ends: Vec<Ends> = vec![Ends::default(); self.nodes.len()];
        let mut consumers = vec![Vec::new(); self.collections.len()];
        for (id, node) in self.nodes.iter().enumerate() {
            for input in &node.inputs {
                consumers[input.collection as usize].push(id);
                for scope in std::iter::successors(node.scope, |&n| self.nodes[n].scope) {
                    if !self.contains(scope, self.collections[input.collection as usize].producer) {
                        ends[scope].inputs.insert(input.collection);
                    }
                }
            }
        }
        for (id, collection) in self.collections.iter().enumerate() {
            for scope in std::iter::successors(self.nodes[collection.producer].scope, |&n| self.nodes[n].scope) {
                let outside = consumers[id].iter().any(|&node| !self.contains(scope, node));
                if outside || consumers[id].is_empty() {
                    ends[scope].outputs.insert(id as u32);
                }
            }
        }
        ends
    }

    fn pipeline(&self, names: &[Arc<str>], ends: &[Ends], fingerprint: u64) -> pb::Pipeline {
        let mut components = pb::Components::default();
        let windowings = self.windowings();
        for (id, collection) in self.collections.iter().enumerate() {
            let bounded =
                if collection.bounded { pb::is_bounded::Enum::Bounded } else { pb::is_bounded::Enum::Unbounded };
            let tag = collection.tag.unwrap_or(crate::dofn::erased::MAIN);
            components.pcollections.insert(
                collection_id(id),
                pb::PCollection {
                    unique_name: format!("{}.{tag}", names[collection.producer]),
                    coder_id: collection.coder_id.clone(),
                    is_bounded: bounded.into(),
                    windowing_strategy_id: windowing_id(windowings.of[id]),
                    ..Default::default()
                },
            );
        }
        let mut coders = self.coders.clone();
        for (id, strategy) in windowings.distinct.iter().enumerate() {
            let step = windowings.custom.iter().find(|(windows, _)| *windows == strategy.windows);
            let step = step.map_or_else(String::new, |(_, producer)| names[*producer].to_string());
            let strategy = strategy.to_proto(&FnRef { step, fingerprint }, ENVIRONMENT, &mut |spec| coders.id(spec));
            components.windowing_strategies.insert(windowing_id(id), strategy);
        }
        components.coders = coders.protos;
        components.environments.insert(
            ENVIRONMENT.to_owned(),
            pb::Environment {
                urn: urns::environments::DEFAULT.to_owned(),
                capabilities: capabilities(),
                ..Default::default()
            },
        );
        for (id, node) in self.nodes.iter().enumerate() {
            let reference = FnRef { step: names[id].to_string(), fingerprint };
            components.transforms.insert(transform_id(id), self.transform(id, node, &reference, &ends[id]));
        }
        let roots = self.nodes.iter().enumerate().filter(|(_, node)| node.scope.is_none());
        pb::Pipeline {
            components: Some(components),
            root_transform_ids: roots.map(|(id, _)| transform_id(id)).collect(),
            requirements: self.requirements.iter().map(|&urn| urn.to_owned()).collect(),
            ..Default::default()
        }
    }

    /// Writes functions that travel as bytes. They are no part of the fingerprint: a worker has them from the graph, and
    /// what its own construction holds in their place may be anything.
    fn carry(&self, proto: &mut pb::Pipeline, fingerprint: u64) -> Result<()> {
        let transforms = &mut proto.components.get_or_insert_default().transforms;
        for (id, node) in self.nodes.iter().enumerate() {
            if let Some((portable, transform)) = node.portable.as_ref().zip(transforms.get_mut(&transform_id(id))) {
                let reference = FnRef { step: transform.unique_name.clone(), fingerprint };
                let carried = reference.carry(transform, portable.dofn.clone());
                carried.map_err(|error| Error::Graph(vec![format!("`{}`: {error}", reference.step)]))?;
            }
        }
        Ok(())
    }

    /// Each windowing once. Equal functions of the user's own are known by the first step that has one.
    fn windowings(&self) -> Windowings {
        let mut windowings = Windowings::default();
        for Collection { windowing, producer, .. } in &self.collections {
            let known = windowings.distinct.iter().position(|known| known == windowing);
            windowings.of.push(known.unwrap_or(windowings.distinct.len()));
            if known.is_some() {
                continue;
            }
            windowings.distinct.push(windowing.clone());
            let windows = &windowing.windows;
            if matches!(windows, Windows::Custom(_)) && windowings.custom.iter().all(|(known, _)| known != windows) {
                windowings.custom.push((windows.clone(), *producer));
            }
        }
        windowings
    }

    fn transform(&self, id: NodeId, node: &Node, reference: &FnRef, ends: &Ends) -> pb::PTransform {
        let parts = (0..self.nodes.len()).filter(|&part| self.nodes[part].scope == Some(id));
        let (inputs, outputs) = match node.spec {
            Spec::Scope | Spec::Composite(_) => (local("in", &ends.inputs), local("out", &ends.outputs)),
            Spec::Runner(_) | Spec::Sdk(_) => {
                let inputs = node.inputs.iter().map(|i| (i.name.clone(), collection_id(i.collection as usize)));
                let outputs = node.outputs.iter().map(|(name, id)| ((*name).to_owned(), collection_id(*id as usize)));
                (inputs.collect(), outputs.collect())
            }
        };
        let spec = match &node.spec {
            Spec::Scope => None,
            Spec::Composite(payload) | Spec::Runner(payload) | Spec::Sdk(payload) => Some(payload(reference)),
        };
        let environment_id = if matches!(node.spec, Spec::Sdk(_)) { ENVIRONMENT } else { "" };
        pb::PTransform {
            unique_name: reference.step.clone(),
            spec,
            subtransforms: parts.map(transform_id).collect(),
            inputs,
            outputs,
            display_data: vec![place(node)],
            environment_id: environment_id.to_owned(),
            ..Default::default()
        }
    }
}

/// The windowings of a graph.
#[derive(Default)]
struct Windowings {
    distinct: Vec<Arc<WindowingStrategy>>,
    /// Which of them a collection has.
    of: Vec<usize>,
    /// The user's own window functions, and the step that makes the first collection with each.
    custom: Vec<(Windows, NodeId)>,
}

fn windowing_id(id: usize) -> String {
    format!("windowing-{id}")
}

/// What crosses the border of a composite.
#[derive(Clone, Default)]
struct Ends {
    inputs: BTreeSet<u32>,
    outputs: BTreeSet<u32>,
}

fn local(prefix: &str, ids: &BTreeSet<u32>) -> BTreeMap<String, String> {
    let name = |i: usize| if ids.len() == 1 { prefix.to_owned() } else { format!("{prefix}{i}") };
    ids.iter().enumerate().map(|(i, &id)| (name(i), collection_id(id as usize))).collect()
}

pub(crate) fn collection_id(id: usize) -> String {
    format!("collection-{id}")
}

fn transform_id(id: NodeId) -> String {
    format!("transform-{id}")
}

/// File and line, for people: display data is no part of a step's identity.
fn place(node: &Node) -> pb::DisplayData {
    let labelled = pb::LabelledPayload {
        label: "Added at".to_owned(),
        key: "at".to_owned(),
        value: Some(pb::labelled_payload::Value::StringValue(format!("{}:{}", node.at.file(), node.at.line()))),
        ..Default::default()
    };
    let urn = urns::display_data::LABELLED.to_owned();
    pb::DisplayData { urn, payload: labelled.encode_to_vec().into() }
}

/// xxh3 over the canonical bytes of the graph (its maps are ordered) without environments and display data, so that
/// ports, paths and line numbers do not count.
fn fingerprint(proto: &pb::Pipeline) -> u64 {
    let mut proto = proto.clone();
    if let Some(components) = &mut proto.components {
        components.environments.clear();
        components.transforms.values_mut().for_each(|transform| transform.display_data.clear());
    }
    xxhash_rust::xxh3::xxh3_64(&proto.encode_to_vec())
}
