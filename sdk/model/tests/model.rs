//! What the crate says of the definitions is what the definitions say.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic to fail them")]

use std::collections::BTreeMap;

use bytes::Bytes;
use ferrobeam_model::pipeline::{Coder, Components, FunctionSpec, PTransform, Pipeline};
use ferrobeam_model::urns::{self, MetricSpec};
use ferrobeam_model::{DESCRIPTORS, fn_execution, job_management};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MapKey, Value};

/// What one enum value carries beside its number.
struct Carried {
    name: String,
    text: String,
    metric: Option<(String, Vec<String>)>,
}

fn pool() -> DescriptorPool {
    DescriptorPool::decode(DESCRIPTORS).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn field(message: &Value, name: &str) -> Value {
    message.as_message().unwrap().get_field_by_name(name).unwrap().into_owned()
}

/// Reads every extension of every enum value; one that is unknown fails, so that none is overlooked.
fn carried() -> Vec<Carried> {
    let mut found = Vec::new();
    for enumeration in pool().all_enums() {
        for value in enumeration.values() {
            for (extension, option) in value.options().extensions() {
                let (text, metric) = match extension.name() {
                    "beam_urn" | "beam_constant" => (text(option), None),
                    "label_props" => (text(&field(option, "name")), None),
                    "monitoring_info_spec" => {
                        let labels = field(option, "required_labels").as_list().unwrap().iter().map(text).collect();
                        (text(&field(option, "urn")), Some((text(&field(option, "type")), labels)))
                    }
                    other => panic!("`{other}` of {} is read by nobody", value.full_name()),
                };
                found.push(Carried { name: format!("{}.{}", enumeration.full_name(), value.name()), text, metric });
            }
        }
    }
    found
}

#[test]
fn every_name_of_the_definitions_is_a_constant_and_none_is_invented() {
    let declared: Vec<(&str, &str)> = urns::ALL.concat();
    let ours: BTreeMap<_, _> = declared.iter().copied().collect();
    assert_eq!(ours.len(), declared.len(), "an enum value is declared twice");

    let carried = carried();
    let theirs: BTreeMap<_, _> = carried.iter().map(|value| (value.name.as_str(), value.text.as_str())).collect();
    assert_eq!(ours, theirs);
}

#[test]
fn metrics_have_the_types_and_labels_of_the_definitions() {
    let carried = carried();
    let theirs: BTreeMap<_, _> = carried
        .iter()
        .filter_map(|value| {
            let (type_urn, labels) = value.metric.as_ref()?;
            Some((value.text.as_str(), (type_urn.as_str(), labels.iter().map(String::as_str).collect::<Vec<_>>())))
        })
        .collect();
    let ours: BTreeMap<_, _> = urns::METRIC_SPECS
        .iter()
        .map(|&MetricSpec { urn, type_urn, required_labels }| (urn, (type_urn, required_labels.to_vec())))
        .collect();
    assert_eq!(ours.len(), urns::METRIC_SPECS.len(), "a metric is described twice");
    assert_eq!(ours, theirs);
}

#[test]
fn only_enum_values_carry_names() {
    for extension in pool().all_extensions() {
        assert_eq!(extension.containing_message().full_name(), "google.protobuf.EnumValueOptions", "{extension:?}");
    }
}

fn spec(urn: &str, payload: &'static [u8]) -> FunctionSpec {
    FunctionSpec { urn: urn.into(), payload: Bytes::from_static(payload) }
}

fn pipeline(names: impl Iterator<Item = u8>) -> Pipeline {
    let mut components = Components::default();
    for name in names {
        let transform = PTransform {
            unique_name: format!("Step {name}"),
            spec: Some(spec(urns::transforms::PAR_DO, b"\x00\xff\x80")),
            inputs: [("in".into(), format!("pc{name}"))].into(),
            annotations: [("note".into(), Bytes::from(vec![name; 3])), ("empty".into(), Bytes::new())].into(),
            ..Default::default()
        };
        components.transforms.insert(format!("t{name}"), transform);
        let coder =
            Coder { spec: Some(spec(urns::coders::KV, b"")), component_coder_ids: vec!["k".into(), "v".into()] };
        components.coders.insert(format!("c{name}"), coder);
    }
    Pipeline {
        components: Some(components),
        root_transform_ids: vec!["t2".into(), "t1".into()],
        requirements: vec![urns::requirements::REQUIRES_STATEFUL_PROCESSING.into()],
        ..Default::default()
    }
}

#[test]
fn a_pipeline_survives_its_encoding_and_does_not_depend_on_the_order_of_construction() {
    let original = pipeline(1..=40);
    let bytes = original.encode_to_vec();
    assert_eq!(Pipeline::decode(bytes.as_slice()).unwrap(), original);
    assert_eq!(pipeline((1..=40).rev()).encode_to_vec(), bytes);
}

#[test]
fn the_descriptors_read_what_the_generated_types_wrote() {
    let message = pool().get_message_by_name("org.apache.beam.model.pipeline.v1.Pipeline").unwrap();
    let read = Value::Message(DynamicMessage::decode(message, pipeline(1..=3).encode_to_vec().as_slice()).unwrap());

    let roots = field(&read, "root_transform_ids");
    assert_eq!(roots.as_list().unwrap().iter().map(text).collect::<Vec<_>>(), ["t2", "t1"]);
    let transforms = field(&field(&read, "components"), "transforms");
    let transforms = transforms.as_map().unwrap();
    assert_eq!(transforms.len(), 3);
    let step = &transforms[&MapKey::String("t2".into())];
    assert_eq!(text(&field(&field(step, "spec"), "urn")), "beam:transform:pardo:v1");
    assert_eq!(field(&field(step, "spec"), "payload").as_bytes().unwrap().as_ref(), b"\x00\xff\x80");
    let annotations = field(step, "annotations");
    assert_eq!(annotations.as_map().unwrap()[&MapKey::String("note".into())].as_bytes().unwrap().as_ref(), [2, 2, 2]);
    assert_eq!(annotations.as_map().unwrap().len(), 2);
}

#[test]
fn decoded_bytes_share_the_buffer_they_came_from() {
    let elements = fn_execution::elements::Data { data: Bytes::from(vec![7; 100]), ..Default::default() };
    let buffer = Bytes::from(fn_execution::Elements { data: vec![elements], timers: vec![] }.encode_to_vec());
    let decoded = fn_execution::Elements::decode(buffer.clone()).unwrap();
    let range = buffer.as_ptr_range();
    assert!(range.contains(&decoded.data[0].data.as_ptr()));
}

#[test]
fn a_job_carries_the_pipeline_of_the_other_package() {
    let request = job_management::PrepareJobRequest { pipeline: Some(pipeline(1..=2)), ..Default::default() };
    let decoded = job_management::PrepareJobRequest::decode(request.encode_to_vec().as_slice()).unwrap();
    assert_eq!(decoded.pipeline, Some(pipeline(1..=2)));
}
