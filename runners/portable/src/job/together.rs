//! Several pipelines as one job. They share nothing but the engine, so all ids and names of each get a prefix of its own.

use super::client::JobMetrics;
use crate::failure;
use ferrobeam_core::Result;
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::pipeline::state_spec::Spec;
use ferrobeam_model::urns::transforms as urns;
use prost::Message;
use std::collections::BTreeMap;

/// All of them as one; a single one stays as it is.
///
/// # Errors
/// A payload cannot be read.
pub(crate) fn together(mut pipelines: Vec<pb::Pipeline>) -> Result<pb::Pipeline> {
    if pipelines.len() == 1
        && let Some(one) = pipelines.pop()
    {
        return Ok(one);
    }
    let (mut all, mut components) = (pb::Pipeline::default(), pb::Components::default());
    for (number, pipeline) in pipelines.into_iter().enumerate() {
        let prefix = Prefix(prefix(number));
        let own = pipeline.components.unwrap_or_default();
        for (id, transform) in own.transforms {
            components.transforms.insert(prefix.of(&id), prefix.transform(transform)?);
        }
        for (id, mut collection) in own.pcollections {
            prefix.put(&mut collection.unique_name);
            prefix.put(&mut collection.coder_id);
            prefix.put(&mut collection.windowing_strategy_id);
            components.pcollections.insert(prefix.of(&id), collection);
        }
        for (id, mut coder) in own.coders {
            coder.component_coder_ids.iter_mut().for_each(|part| prefix.put(part));
            components.coders.insert(prefix.of(&id), coder);
        }
        for (id, mut strategy) in own.windowing_strategies {
            prefix.put(&mut strategy.window_coder_id);
            components.windowing_strategies.insert(prefix.of(&id), strategy);
        }
        // The same worker works for all.
        components.environments.extend(own.environments);
        all.root_transform_ids.extend(pipeline.root_transform_ids.iter().map(|id| prefix.of(id)));
        let more = pipeline.requirements.into_iter().filter(|urn| !all.requirements.contains(urn));
        let more: Vec<_> = more.collect();
        all.requirements.extend(more);
    }
    Ok(pb::Pipeline { components: Some(components), ..all })
}

/// The metrics of one of so many pipelines, with the ids that it had before.
pub(crate) fn metrics_of(number: usize, pipelines: usize, reported: &JobMetrics) -> JobMetrics {
    if pipelines == 1 {
        return reported.clone();
    }
    let prefix = prefix(number);
    let own = |infos: &[pb::MonitoringInfo]| {
        let own = infos.iter().filter(|info| info.labels.values().any(|label| label.contains(&prefix)));
        let named = own.map(|info| {
            let mut info = info.clone();
            info.labels.values_mut().for_each(|label| *label = label.replace(&prefix, ""));
            info
        });
        named.collect()
    };
    JobMetrics { attempted: own(&reported.attempted), committed: own(&reported.committed) }
}

fn prefix(number: usize) -> String {
    format!("pipeline-{number}-")
}

struct Prefix(String);

impl Prefix {
    fn of(&self, id: &str) -> String {
        format!("{}{id}", self.0)
    }

    /// An id that is not there stays so.
    fn put(&self, id: &mut String) {
        if !id.is_empty() {
            id.insert_str(0, &self.0);
        }
    }

    fn transform(&self, mut transform: pb::PTransform) -> Result<pb::PTransform> {
        self.put(&mut transform.unique_name);
        transform.subtransforms.iter_mut().for_each(|part| self.put(part));
        transform.inputs.values_mut().chain(transform.outputs.values_mut()).for_each(|collection| self.put(collection));
        let broken =
            |error: prost::DecodeError| failure(format!("the payload of `{}`: {error}", transform.unique_name));
        if let Some(spec) = &mut transform.spec {
            let payload = &spec.payload[..];
            spec.payload = match spec.urn.as_str() {
                urns::PAR_DO => {
                    let mut payload = pb::ParDoPayload::decode(payload).map_err(broken)?;
                    self.par_do(&mut payload);
                    payload.encode_to_vec().into()
                }
                urns::COMBINE_PER_KEY
                | urns::COMBINE_PER_KEY_PRECOMBINE
                | urns::COMBINE_PER_KEY_MERGE_ACCUMULATORS
                | urns::COMBINE_PER_KEY_EXTRACT_OUTPUTS
                | urns::COMBINE_PER_KEY_CONVERT_TO_ACCUMULATORS
                | urns::COMBINE_GROUPED_VALUES => {
                    let mut payload = pb::CombinePayload::decode(payload).map_err(broken)?;
                    self.put(&mut payload.accumulator_coder_id);
                    payload.encode_to_vec().into()
                }
                urns::TEST_STREAM => {
                    let mut payload = pb::TestStreamPayload::decode(payload).map_err(broken)?;
                    self.put(&mut payload.coder_id);
                    payload.encode_to_vec().into()
                }
                _ => spec.payload.clone(),
            };
        }
        Ok(transform)
    }

    fn par_do(&self, payload: &mut pb::ParDoPayload) {
        self.put(&mut payload.restriction_coder_id);
        let timers: &mut BTreeMap<_, _> = &mut payload.timer_family_specs;
        timers.values_mut().for_each(|family| self.put(&mut family.timer_family_coder_id));
        for spec in payload.state_specs.values_mut().filter_map(|state| state.spec.as_mut()) {
            match spec {
                Spec::ReadModifyWriteSpec(cell) => self.put(&mut cell.coder_id),
                Spec::BagSpec(cell) => self.put(&mut cell.element_coder_id),
                Spec::CombiningSpec(cell) => self.put(&mut cell.accumulator_coder_id),
                Spec::SetSpec(cell) => self.put(&mut cell.element_coder_id),
                Spec::OrderedListSpec(cell) => self.put(&mut cell.element_coder_id),
                Spec::MapSpec(cell) => {
                    self.put(&mut cell.key_coder_id);
                    self.put(&mut cell.value_coder_id);
                }
                Spec::MultimapSpec(cell) => {
                    self.put(&mut cell.key_coder_id);
                    self.put(&mut cell.value_coder_id);
                }
            }
        }
    }
}
