//! What a bundle reports: user metrics, elements in and out, how far it is.

use bytes::Bytes;
use ferrobeam_core::coder::wire::{put_prefixed, put_varint};
use ferrobeam_core::metrics::{Metrics, Value};
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::{labels, metric_types, metrics};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

fn info(urn: &str, kind: &str, labels: &[(&str, &str)], payload: Vec<u8>) -> pb::MonitoringInfo {
    let labels = labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
    pb::MonitoringInfo {
        urn: urn.to_owned(),
        r#type: kind.to_owned(),
        payload: Bytes::from(payload),
        labels,
        start_time: None,
    }
}

fn varint(n: i64) -> Vec<u8> {
    let mut payload = Vec::new();
    put_varint(n.cast_unsigned(), &mut payload);
    payload
}

/// How many elements a collection got.
pub(super) fn element_count(collection: &str, count: u64) -> pb::MonitoringInfo {
    let labels = [(labels::PCOLLECTION, collection)];
    info(metrics::ELEMENT_COUNT, metric_types::SUM_INT64_TYPE, &labels, varint(count.cast_signed()))
}

/// The element that a source has begun last.
pub(super) fn read_index(source: &str, read: u64) -> pb::MonitoringInfo {
    let labels = [(labels::TRANSFORM, source)];
    let index = read.cast_signed() - 1;
    info(metrics::DATA_CHANNEL_READ_INDEX, metric_types::SUM_INT64_TYPE, &labels, varint(index.max(0)))
}

/// What user code reported, by the descriptor's transforms.
pub(super) fn user_metrics(reported: &Metrics, transforms: &BTreeMap<String, String>) -> Vec<pb::MonitoringInfo> {
    let infos = reported.iter().filter_map(|(step, namespace, name, value)| {
        let transform = transforms.get(step)?;
        let labels = [(labels::TRANSFORM, transform.as_str()), (labels::NAMESPACE, namespace), (labels::NAME, name)];
        let (urn, kind, payload) = match value {
            Value::Counter(sum) => (metrics::USER_SUM_INT64, metric_types::SUM_INT64_TYPE, varint(*sum)),
            Value::Distribution(data) => {
                let mut payload = Vec::new();
                for n in [data.count, data.sum, data.min, data.max] {
                    put_varint(n.cast_unsigned(), &mut payload);
                }
                (metrics::USER_DISTRIBUTION_INT64, metric_types::DISTRIBUTION_INT64_TYPE, payload)
            }
            Value::Gauge(x) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
                let mut payload = varint(i64::try_from(now).unwrap_or(i64::MAX));
                put_varint(x.cast_unsigned(), &mut payload);
                (metrics::USER_LATEST_INT64, metric_types::LATEST_INT64_TYPE, payload)
            }
            Value::StringSet(strings) => {
                let mut payload = (strings.len() as u32).to_be_bytes().to_vec();
                strings.iter().for_each(|string| put_prefixed(string.as_bytes(), &mut payload));
                (metrics::USER_SET_STRING, metric_types::SET_STRING_TYPE, payload)
            }
        };
        Some(info(urn, kind, &labels, payload))
    });
    infos.collect()
}
