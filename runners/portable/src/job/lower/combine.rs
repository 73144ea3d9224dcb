//! Combines, which engines take in different forms.
//!
//! Prism lifts all that it knows as combines; Flink's and Spark's job servers lift none, and run the parts of the composite. So
//! a combine that must not be lifted is hidden from Prism, and one that may is lifted here for the others.

use crate::engine::Engine;
use ferrobeam_core::graph::{Graph, StepCode};
use ferrobeam_core::windowing::{TimestampCombiner, Trigger, WindowingStrategy};
use ferrobeam_core::{Error, Result};
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::{coders, transforms as urns};
use prost::Message;

pub(super) fn lower(graph: &Graph, target: Engine, components: &mut pb::Components) -> Result<()> {
    let of = |(id, transform): (&String, &pb::PTransform)| {
        let urn = transform.spec.as_ref().map_or("", |spec| &spec.urn);
        (urn == urns::COMBINE_PER_KEY && !transform.subtransforms.is_empty()).then(|| id.clone())
    };
    let combines: Vec<String> = components.transforms.iter().filter_map(of).collect();
    for id in combines {
        let may_lift = may_lift(graph, &id)?;
        let parts = if may_lift && target.wants_lifted_combines() { Some(parts(graph, &id)?) } else { None };
        let inner = insides(components, &id);
        let Some(combine) = components.transforms.get_mut(&id) else { continue };
        match parts {
            Some(parts) => {
                combine.subtransforms = parts.ids();
                inner.remove(components);
                parts.insert(components);
            }
            // Prism's own parts run where the composite says.
            None if may_lift => combine.environment_id = environment(graph, &id)?,
            // It is a name for its parts, which every engine knows.
            None => combine.spec = None,
        }
    }
    Ok(())
}

/// Whether the first half may stand before the shuffle: it makes one value of many, all with the time of their window's end.
fn may_lift(graph: &Graph, id: &str) -> Result<bool> {
    let combine = graph.transform(id)?;
    let gains = match graph.code(combine)? {
        Some(StepCode::Grouping(code)) => code.lifted().is_some(),
        _ => false,
    };
    let windowing: &WindowingStrategy = graph.windowing(only(id, combine.inputs.values())?)?;
    let keeps_times = windowing.timestamp_combiner != TimestampCombiner::EndOfWindow;
    Ok(gains && !keeps_times && !counts(&windowing.trigger))
}

/// Whether a trigger looks at single elements.
fn counts(trigger: &Trigger) -> bool {
    let any = |triggers: &[Trigger]| triggers.iter().any(counts);
    let part = |trigger: &Option<Box<Trigger>>| trigger.as_deref().is_some_and(counts);
    match trigger {
        Trigger::AfterCount(_) | Trigger::Always => true,
        Trigger::Default
        | Trigger::Never
        | Trigger::AfterProcessingTime(_)
        | Trigger::AfterSynchronizedProcessingTime => false,
        Trigger::AfterWatermark { early, late } => part(early) || part(late),
        Trigger::AfterEach(all) | Trigger::AfterAll(all) | Trigger::AfterAny(all) => any(all),
        Trigger::Repeatedly(trigger) => counts(trigger),
        Trigger::OrFinally(main, finally) => counts(main) || counts(finally),
    }
}

/// The transforms inside of a composite, and the collections that only they have.
pub(super) struct Insides {
    transforms: Vec<String>,
    collections: Vec<String>,
}

pub(super) fn insides(components: &pb::Components, id: &str) -> Insides {
    let mut transforms = Vec::new();
    let combine = components.transforms.get(id);
    let mut todo: Vec<String> = combine.map_or_else(Vec::new, |combine| combine.subtransforms.clone());
    while let Some(part) = todo.pop() {
        todo.extend(components.transforms.get(&part).into_iter().flat_map(|part| part.subtransforms.clone()));
        transforms.push(part);
    }
    let made =
        transforms.iter().filter_map(|part| components.transforms.get(part)).flat_map(|part| part.outputs.values());
    let is_inner = |made: &&String| combine.is_none_or(|combine| combine.outputs.values().all(|out| out != *made));
    let collections = made.filter(is_inner).cloned().collect();
    Insides { transforms, collections }
}

impl Insides {
    pub(super) fn remove(&self, components: &mut pb::Components) {
        self.transforms.iter().for_each(|id| drop(components.transforms.remove(id)));
        // Some engines refuse a collection that nobody produces.
        self.collections.iter().for_each(|id| drop(components.pcollections.remove(id)));
    }
}

/// What takes the place of a combine's parts.
struct Parts {
    transforms: Vec<(String, pb::PTransform)>,
    collections: Vec<(String, pb::PCollection)>,
    coders: Vec<(String, pb::Coder)>,
}

impl Parts {
    fn ids(&self) -> Vec<String> {
        self.transforms.iter().map(|(id, _)| id.clone()).collect()
    }

    fn insert(self, components: &mut pb::Components) {
        components.transforms.extend(self.transforms);
        components.pcollections.extend(self.collections);
        components.coders.extend(self.coders);
    }
}

/// The lifted form: pre-combine, group accumulators, merge them, extract the output.
fn parts(graph: &Graph, id: &str) -> Result<Parts> {
    let (combine, components) = (graph.transform(id)?, graph.components());
    let spec = combine.spec.clone().unwrap_or_default();
    let accumulator = pb::CombinePayload::decode(&spec.payload[..]).map_err(|e| broken(id, &e.to_string()))?;
    let accumulator = accumulator.accumulator_coder_id;
    let (input, output) = (only(id, combine.inputs.values())?, only(id, combine.outputs.values())?);
    let collection =
        |id: &str| components.pcollections.get(id).ok_or_else(|| broken(id, "there is no such collection"));
    let (from, to) = (collection(input)?, collection(output)?);
    let pair = components.coders.get(&from.coder_id).filter(|coder| urn(coder.spec.as_ref()) == coders::KV);
    let key =
        pair.and_then(|pair| pair.component_coder_ids.first()).ok_or_else(|| broken(id, "its input has no keys"))?;

    let mut made = Vec::new();
    let mut coder = |urn: &str, of: &[&str]| {
        let spec = Some(pb::FunctionSpec { urn: urn.to_owned(), ..Default::default() });
        let coder = pb::Coder { spec, component_coder_ids: of.iter().map(|id| (*id).to_owned()).collect() };
        let known = components.coders.iter().find(|(_, known)| **known == coder).map(|(id, _)| id.clone());
        known.unwrap_or_else(|| {
            let id = format!("{urn}<{}>", of.join(", "));
            made.push((id.clone(), coder));
            id
        })
    };
    let lifted_coder = coder(coders::KV, &[key, &accumulator]);
    let all = coder(coders::ITERABLE, &[&accumulator]);
    let grouped_coder = coder(coders::KV, &[key, &all]);

    let name = |part: &str| format!("{}/{part}", combine.unique_name);
    let inner = |part: &str, coder: &str, windowing: &pb::PCollection| {
        let collection = pb::PCollection {
            unique_name: format!("{}.out", name(part)),
            coder_id: coder.to_owned(),
            is_bounded: from.is_bounded,
            windowing_strategy_id: windowing.windowing_strategy_id.clone(),
            ..Default::default()
        };
        (format!("{id}-{part}.out"), collection)
    };
    let lifted = inner("PreCombine", &lifted_coder, from);
    // Behind the grouping the windowing is that of the output: its trigger goes on, and its windows have merged.
    let grouped = inner("Group", &grouped_coder, to);
    let merged = inner("Merge", &lifted_coder, to);
    let environment_id = environment(graph, id)?;
    let part = |part: &str, urn: &str, input: &str, output: &str| {
        let is_ours = urn != urns::GROUP_BY_KEY;
        let payload = if is_ours { spec.payload.clone() } else { Default::default() };
        let transform = pb::PTransform {
            unique_name: name(part),
            spec: Some(pb::FunctionSpec { urn: urn.to_owned(), payload }),
            inputs: [("in".to_owned(), input.to_owned())].into(),
            outputs: [("out".to_owned(), output.to_owned())].into(),
            environment_id: if is_ours { environment_id.clone() } else { String::new() },
            display_data: combine.display_data.clone(),
            ..Default::default()
        };
        (format!("{id}-{part}"), transform)
    };
    let transforms = vec![
        part("PreCombine", urns::COMBINE_PER_KEY_PRECOMBINE, input, &lifted.0),
        part("Group", urns::GROUP_BY_KEY, &lifted.0, &grouped.0),
        part("Merge", urns::COMBINE_PER_KEY_MERGE_ACCUMULATORS, &grouped.0, &merged.0),
        part("Extract", urns::COMBINE_PER_KEY_EXTRACT_OUTPUTS, &merged.0, output),
    ];
    Ok(Parts { transforms, collections: vec![lifted, grouped, merged], coders: made })
}

/// The environment that a combine's parts run in.
fn environment(graph: &Graph, id: &str) -> Result<String> {
    let parts = graph.transform(id)?.subtransforms.iter().filter_map(|part| graph.components().transforms.get(part));
    let mut ids = parts.map(|part| part.environment_id.clone()).filter(|id| !id.is_empty());
    ids.next().ok_or_else(|| broken(id, "none of its parts is run by the SDK"))
}

fn urn(spec: Option<&pb::FunctionSpec>) -> &str {
    spec.map_or("", |spec| &spec.urn)
}

fn only<'a>(id: &str, mut ids: impl Iterator<Item = &'a String>) -> Result<&'a str> {
    match (ids.next(), ids.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(broken(id, "it has not one input and one output")),
    }
}

fn broken(id: &str, why: &str) -> Error {
    Error::Graph(vec![format!("the combine `{id}` cannot be lowered: {why}")])
}
