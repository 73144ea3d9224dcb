//! Groupings whose windows the engine would not merge as the model does: a ParDo that carries windows past the engine, and a
//! stateful one that groups.

use super::combine::insides;
use crate::engine::{Engine, merges_here};
use crate::merging::{ENDS, MergingPart, OPEN, ROWS};
use ferrobeam_core::graph::{FnRef, Graph};
use ferrobeam_core::windowing::WindowingStrategy;
use ferrobeam_core::{Error, Result};
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::requirements::REQUIRES_STATEFUL_PROCESSING;
use ferrobeam_model::urns::{coders, transforms as urns, user_states};
use pb::state_spec::Spec;
use prost::Message;
use std::collections::BTreeMap;

pub(super) fn lower(graph: &Graph, target: Engine, pipeline: &mut pb::Pipeline) -> Result<()> {
    let mut groupings = Vec::new();
    for (id, transform) in &graph.components().transforms {
        let urn = transform.spec.as_ref().map_or("", |spec| &spec.urn);
        if [urns::GROUP_BY_KEY, urns::COMBINE_PER_KEY].contains(&urn)
            && merges_here(target, graph.windowing(input(id, transform)?)?)
        {
            groupings.push((id, transform, urn == urns::COMBINE_PER_KEY));
        }
    }
    // The grouping inside of a combine goes with it.
    groupings.sort_by_key(|(.., is_combine)| !is_combine);
    for (id, grouping, is_combine) in groupings {
        let components = pipeline.components.get_or_insert_default();
        if !components.transforms.contains_key(id) {
            continue;
        }
        if is_combine {
            insides(components, id).remove(components);
        }
        replace(graph, id, grouping, components)?;
        if !pipeline.requirements.iter().any(|urn| urn == REQUIRES_STATEFUL_PROCESSING) {
            pipeline.requirements.push(REQUIRES_STATEFUL_PROCESSING.to_owned());
        }
    }
    Ok(())
}

/// Makes a grouping a composite of two ParDos.
fn replace(graph: &Graph, id: &str, grouping: &pb::PTransform, components: &mut pb::Components) -> Result<()> {
    let input = input(id, grouping)?;
    let missing = |what: &str| broken(id, &format!("there is no {what}"));
    let from = components.pcollections.get(input).ok_or_else(|| missing("such collection"))?.clone();
    let pairs = components.coders.get(&from.coder_id).ok_or_else(|| missing("coder"))?;
    let key = pairs.component_coder_ids.first().ok_or_else(|| missing("key"))?.clone();
    let (global, global_window) = global_windowing(graph, components).ok_or_else(|| missing("global windowing"))?;
    let environment_id = components.environments.keys().next().ok_or_else(|| missing("environment"))?.clone();

    let mut coder = |urn: &str, parts: &[&str]| {
        let coder_id = format!("{urn}<{}>", parts.join(", "));
        let spec = Some(pb::FunctionSpec { urn: urn.to_owned(), ..Default::default() });
        let component_coder_ids = parts.iter().map(|id| (*id).to_owned()).collect();
        components.coders.insert(coder_id.clone(), pb::Coder { spec, component_coder_ids });
        coder_id
    };
    let bytes = coder(coders::BYTES, &[]);
    let carried_coder = coder(coders::KV, &[&key, &bytes]);
    let timer_family_coder_id = coder(coders::TIMER, &[&key, &global_window]);

    let name = |part: &str| format!("{}/{part}", grouping.unique_name);
    let carried = format!("{id}-carried");
    let collection = pb::PCollection {
        unique_name: format!("{}.out", name("Carry")),
        coder_id: carried_coder,
        windowing_strategy_id: global,
        ..from.clone()
    };
    let reference = FnRef { step: grouping.unique_name.clone(), fingerprint: graph.fingerprint() };
    let part = |part: MergingPart, name: String, inputs, outputs, payload: pb::ParDoPayload| {
        let do_fn = Some(reference.function(part.urn()));
        let payload = pb::ParDoPayload { do_fn, ..payload }.encode_to_vec().into();
        pb::PTransform {
            unique_name: name,
            spec: Some(pb::FunctionSpec { urn: urns::PAR_DO.to_owned(), payload }),
            inputs,
            outputs,
            environment_id: environment_id.clone(),
            display_data: grouping.display_data.clone(),
            ..Default::default()
        }
    };
    let only = |name: &str| BTreeMap::from([(name.to_owned(), carried.clone())]);
    let carry =
        part(MergingPart::Carry, name("Carry"), grouping.inputs.clone(), only("out"), pb::ParDoPayload::default());
    let bag = pb::FunctionSpec { urn: user_states::BAG.to_owned(), ..Default::default() };
    let state = |spec| pb::StateSpec { spec: Some(spec), protocol: Some(bag.clone()) };
    let rows = Spec::BagSpec(pb::BagStateSpec { element_coder_id: bytes.clone() });
    let open = Spec::ReadModifyWriteSpec(pb::ReadModifyWriteStateSpec { coder_id: bytes });
    let time_domain = pb::time_domain::Enum::EventTime.into();
    let payload = pb::ParDoPayload {
        state_specs: BTreeMap::from([(ROWS.to_owned(), state(rows)), (OPEN.to_owned(), state(open))]),
        timer_family_specs: BTreeMap::from([(
            ENDS.to_owned(),
            pb::TimerFamilySpec { time_domain, timer_family_coder_id },
        )]),
        ..Default::default()
    };
    let group = part(MergingPart::Group, name("Group"), only("in"), grouping.outputs.clone(), payload);

    let ids = [format!("{id}-carry"), format!("{id}-group")];
    let composite =
        pb::PTransform { spec: None, environment_id: String::new(), subtransforms: ids.to_vec(), ..grouping.clone() };
    components.transforms.insert(id.to_owned(), composite);
    components.transforms.extend(ids.into_iter().zip([carry, group]));
    components.pcollections.insert(carried, collection);
    Ok(())
}

/// The ids of the default windowing, which every pipeline begins with, and of its windows' coder.
fn global_windowing(graph: &Graph, components: &pb::Components) -> Option<(String, String)> {
    let mut collections = graph.components().pcollections.iter();
    let is_global = |id: &String| graph.windowing(id).is_ok_and(|known| **known == WindowingStrategy::default());
    let (_, collection) = collections.find(|(id, _)| is_global(id))?;
    let id = &collection.windowing_strategy_id;
    Some((id.clone(), components.windowing_strategies.get(id)?.window_coder_id.clone()))
}

fn input<'a>(id: &str, grouping: &'a pb::PTransform) -> Result<&'a str> {
    grouping.inputs.values().next().map(String::as_str).ok_or_else(|| broken(id, "it has no input"))
}

fn broken(id: &str, why: &str) -> Error {
    Error::Graph(vec![format!("the grouping `{id}` cannot be lowered: {why}")])
}
