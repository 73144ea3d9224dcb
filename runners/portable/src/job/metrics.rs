//! What an engine reports of a job, as metrics of the user's steps.

use super::client::JobMetrics;
use ferrobeam_core::graph::Graph;
use ferrobeam_core::metrics::{DistributionData, Metrics, Value};
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::{labels, metrics as urns};
use prost::encoding::decode_varint;
use std::collections::BTreeSet;

/// The user's metrics: those of committed bundles where the engine knows them, else of all attempts. Flink knows only
/// attempts, Spark often nothing.
///
/// What cannot be read is left out: a job that is done does not fail for its metrics.
pub(crate) fn of_steps(graph: &Graph, reported: &JobMetrics) -> Metrics {
    let committed = read(graph, &reported.committed);
    if committed.iter().next().is_some() { committed } else { read(graph, &reported.attempted) }
}

fn read(graph: &Graph, infos: &[pb::MonitoringInfo]) -> Metrics {
    let mut metrics = Metrics::default();
    for info in infos {
        let label = |name: &str| info.labels.get(name).map_or("", String::as_str);
        let step = step(graph, label(labels::TRANSFORM));
        if let Some(value) = value(info) {
            metrics.insert(&step, label(labels::NAMESPACE), label(labels::NAME), value);
        }
    }
    metrics
}

/// The user's step behind the label of a metric.
///
/// That is the id of a transform, and engines make ids of their own out of ours for the parts of splittable steps and
/// combines: Prism `etransform-7_processandsplit`, Java `transform-7/ProcessSized`. Other engines take the unique name.
fn step(graph: &Graph, label: &str) -> String {
    let transforms = &graph.components().transforms;
    let by_id = transforms.get(label);
    let by_name = || transforms.values().find(|transform| transform.unique_name == label);
    let by_part = || {
        let inside = transforms.iter().filter(|(id, _)| contains(label, id));
        inside.max_by_key(|(id, _)| id.len()).map(|(_, transform)| transform)
    };
    let transform = by_id.or_else(by_name).or_else(by_part);
    let name = transform.and_then(|transform| graph.step_name(transform).ok()).map(|step| step.name.to_string());
    name.unwrap_or_else(|| label.to_owned())
}

/// Whether an id is in a label as a whole: `transform-1` is not in `transform-12`.
fn contains(label: &str, id: &str) -> bool {
    let after = |(at, _): (usize, &str)| label[at + id.len()..].chars().next();
    label.match_indices(id).any(|found| !after(found).is_some_and(|next| next.is_ascii_digit()))
}

fn value(info: &pb::MonitoringInfo) -> Option<Value> {
    let input = &mut &info.payload[..];
    let value = match info.urn.as_str() {
        urns::USER_SUM_INT64 => Value::Counter(integer(input)?),
        urns::USER_DISTRIBUTION_INT64 => {
            let (count, sum, min, max) = (integer(input)?, integer(input)?, integer(input)?, integer(input)?);
            Value::Distribution(DistributionData { count, sum, min, max })
        }
        urns::USER_LATEST_INT64 => {
            let _at = integer(input)?;
            Value::Gauge(integer(input)?)
        }
        urns::USER_SET_STRING => Value::StringSet(strings(input)?),
        _ => return None,
    };
    Some(value)
}

fn integer(input: &mut &[u8]) -> Option<i64> {
    decode_varint(input).ok().map(|number| number as i64)
}

/// Beam's iterable: a count, or -1 and blocks with a count each.
fn strings(input: &mut &[u8]) -> Option<BTreeSet<String>> {
    let (count, rest) = input.split_first_chunk()?;
    *input = rest;
    let mut strings = BTreeSet::new();
    let count = i32::from_be_bytes(*count);
    let mut left = if count < 0 { integer(input)? } else { i64::from(count) };
    while left > 0 {
        let length = usize::try_from(integer(input)?).ok()?;
        let (text, rest) = input.split_at_checked(length)?;
        *input = rest;
        strings.insert(String::from_utf8(text.to_vec()).ok()?);
        left -= 1;
        if left == 0 && count < 0 {
            left = integer(input)?;
        }
    }
    Some(strings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrobeam_core::Root;
    use ferrobeam_core::metrics::{Counter, Distribution, Gauge, StringSet};

    const SEEN: Counter = Counter::new("test", "seen");
    const SIZE: Distribution = Distribution::new("test", "size");
    const LEVEL: Gauge = Gauge::new("test", "level");
    const WORDS: StringSet = StringSet::new("test", "words");

    fn info(transform: &str, urn: &str, name: &str, payload: &[u8]) -> pb::MonitoringInfo {
        let labels = [(labels::TRANSFORM, transform), (labels::NAMESPACE, "test"), (labels::NAME, name)];
        pb::MonitoringInfo {
            urn: urn.to_owned(),
            payload: payload.to_vec().into(),
            labels: labels.map(|(label, value)| (label.to_owned(), value.to_owned())).into(),
            ..Default::default()
        }
    }

    fn graph() -> Graph {
        let built = Root::build(|root| {
            root.create([(1u64, 2u64)]).sum_per_key().named("Sum").map(|x| x).named("Last").discard();
            Ok(())
        });
        built.unwrap()
    }

    fn id<'a>(graph: &'a Graph, name: &str) -> &'a str {
        graph.components().transforms.iter().find(|(_, t)| t.unique_name == name).unwrap().0
    }

    #[test]
    fn steps_are_found_by_id_by_name_and_in_ids_that_engines_make() {
        let graph = graph();
        let (sum, last) = (id(&graph, "Sum"), id(&graph, "Last"));
        let labels =
            [sum.to_owned(), "Sum".to_owned(), format!("e{sum}_lift"), format!("{sum}-Merge"), format!("{sum}/x")];
        for label in labels {
            assert_eq!(step(&graph, &label), "Sum", "{label}");
        }
        assert_eq!((step(&graph, last).as_str(), step(&graph, "unknown").as_str()), ("Last", "unknown"));
        assert!(contains("etransform-12_x", "transform-12") && !contains("etransform-12_x", "transform-1"));
    }

    #[test]
    fn values_are_read_as_beam_encodes_them() {
        let graph = graph();
        let last = id(&graph, "Last");
        let attempted = vec![
            info(last, urns::USER_SUM_INT64, "seen", &[0xAC, 0x02]),
            info("Sum", urns::USER_SUM_INT64, "seen", &[1]),
            info(last, urns::USER_DISTRIBUTION_INT64, "size", &[2, 7, 3, 4]),
            info(last, urns::USER_LATEST_INT64, "level", &[9, 5]),
            info(last, urns::USER_SET_STRING, "words", b"\0\0\0\x02\x01a\x02bc"),
            info(last, urns::USER_SET_STRING, "words", b"\xff\xff\xff\xff\x01\x01d\0"),
            info(last, urns::USER_SET_STRING, "words", b"\0\0\0\x09\x01a"),
            info(last, urns::USER_SUM_INT64, "seen", &[]),
            info(last, urns::ELEMENT_COUNT, "seen", &[1]),
        ];
        let reported = JobMetrics { attempted, committed: Vec::new() };
        let metrics = of_steps(&graph, &reported);
        assert_eq!((metrics.counter(&SEEN), metrics.gauge(&LEVEL)), (301, Some(5)));
        assert_eq!(metrics.distribution(&SIZE), DistributionData { count: 2, sum: 7, min: 3, max: 4 });
        assert_eq!(metrics.string_set(&WORDS), ["a", "bc", "d"].map(str::to_owned).into());
        let committed = vec![info("Sum", urns::USER_SUM_INT64, "seen", &[2])];
        let metrics = of_steps(&graph, &JobMetrics { committed, ..reported });
        assert_eq!(metrics.iter().collect::<Vec<_>>(), [("Sum", "test", "seen", &Value::Counter(2))]);
    }
}
