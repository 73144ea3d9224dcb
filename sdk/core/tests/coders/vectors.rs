//! Beam's own examples of every standard coder, 124 of them: each decodes to its value and encodes to its bytes.

use bytes::Bytes;
use ferrobeam_core::coder::{
    CoderError, CoderSpec, Decoded, DynCoder, Metadata, ShardedKey, TimerData, TimerSetting, Value, WindowedValue,
};
use ferrobeam_core::windowing::{PaneInfo, Timing, Window};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

fn sections() -> Vec<Json> {
    serde_json::from_str(include_str!("../data/standard_coders.json")).unwrap()
}

fn hex(text: &Json) -> Vec<u8> {
    let text = text.as_str().unwrap_or_default();
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn spec(json: &Json) -> CoderSpec {
    let components = json["components"].as_array().map(|list| list.iter().map(spec).collect());
    let urn = json["urn"].as_str().unwrap().to_owned();
    CoderSpec::of(urn, components.unwrap_or_default()).with_payload(hex(&json["payload_hex"]))
}

/// Bytes as the examples write them: a character a byte.
fn chars(bytes: &[u8]) -> Json {
    bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into()
}

fn float(text: &str, n: f64) -> Json {
    match n {
        _ if n.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        // `4.9e-324`, `0.1`, `-0`: as parsed.
        _ => text.into(),
    }
}

fn window(window: &Value) -> Json {
    match window {
        Value::Window(Window::Global) => "global".into(),
        Value::Window(Window::Interval { start, end }) => {
            json!({"end": end.millis(), "span": end.millis() - start.millis()})
        }
        other => panic!("{other:?}"),
    }
}

fn pane(pane: &PaneInfo) -> Json {
    let timing = match pane.timing {
        Timing::Early => "EARLY",
        Timing::OnTime => "ON_TIME",
        Timing::Late => "LATE",
        Timing::Unknown => "UNKNOWN",
    };
    json!({
        "is_first": pane.is_first, "is_last": pane.is_last, "timing": timing,
        "index": pane.index, "on_time_index": pane.nonspeculative_index,
    })
}

/// A decimal number as the examples write it: one digit behind the point at least.
fn decimal(unscaled: &[u8], scale: i32) -> String {
    let sign = if unscaled.first().is_some_and(|byte| byte >> 7 == 1) { -1 } else { 0 };
    let n = unscaled.iter().fold(i128::from(sign), |n, byte| n << 8 | i128::from(*byte));
    let scale = usize::try_from(scale).unwrap();
    let digits = format!("{:0>width$}", n.abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{}{whole}.{fraction}", if n < 0 { "-" } else { "" })
}

/// A value in the notation of the examples; `expected` decides how a float is spelled.
fn to_json(value: &Value, expected: &Json) -> Json {
    match value {
        Value::Bool(bool) => (*bool).into(),
        Value::Int(n) => (*n).into(),
        Value::Float(n) => spelled(expected, |text| text.parse::<f32>().is_ok_and(|m| m.to_bits() == n.to_bits())),
        Value::Double(n) => match float("", *n) {
            Json::String(name) if !name.is_empty() => name.into(),
            _ => spelled(expected, |text| text.parse::<f64>().is_ok_and(|m| m.to_bits() == n.to_bits())),
        },
        Value::String(text) => text.as_str().into(),
        Value::Bytes(bytes) => chars(bytes),
        Value::Nullable(value) => value.as_ref().map_or(Json::Null, |value| to_json(value, expected)),
        Value::Pair(pair) => {
            json!({"key": to_json(&pair.0, &expected["key"]), "value": to_json(&pair.1, &expected["value"])})
        }
        Value::List(list) => list.iter().enumerate().map(|(i, item)| to_json(item, &expected[i])).collect(),
        Value::Map(entries) => entries
            .iter()
            .map(|(key, value)| {
                let Value::String(key) = key else { panic!("{key:?}") };
                (key.clone(), to_json(value, &expected[key]))
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Row(fields) => fields
            .iter()
            .map(|(name, value)| (name.to_string(), to_json(value, &expected[name.as_ref()])))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        // As the eight bytes are, read as a number.
        Value::Timestamp(timestamp) => (timestamp.millis() ^ i64::MIN).into(),
        Value::Decimal(number) => decimal(&number.unscaled, number.scale).into(),
        Value::Window(Window::Global) => "".into(),
        Value::Window(Window::Interval { .. }) => window(value),
        Value::CustomWindow(custom) => {
            let Value::Window(inner) = custom.window else { panic!("{custom:?}") };
            assert_eq!(custom.max_timestamp, inner.max_timestamp());
            json!({"window": window(&custom.window)})
        }
        Value::Windowed(element) => {
            let WindowedValue { value, metadata: Metadata { timestamp, windows, pane: fired } } = element.as_ref();
            json!({
                "value": to_json(value, &expected["value"]), "timestamp": timestamp.millis(), "pane": pane(fired),
                "windows": windows.iter().map(window).collect::<Vec<_>>(),
            })
        }
        Value::Timer(timer) => {
            let TimerData { key, tag, windows, setting } = timer.as_ref();
            let mut json = json!({
                "userKey": to_json(key, &expected["userKey"]), "dynamicTimerTag": tag,
                "windows": windows.iter().map(window).collect::<Vec<_>>(), "clearBit": setting.is_none(),
            });
            if let Some(TimerSetting { fire, hold, pane: fired }) = setting {
                json["fireTimestamp"] = fire.millis().into();
                json["holdTimestamp"] = hold.millis().into();
                json["pane"] = pane(fired);
            }
            json
        }
        Value::ShardedKey(sharded) => {
            let ShardedKey { shard, key } = sharded.as_ref();
            json!({"shardId": chars(shard), "key": to_json(key, &expected["key"])})
        }
        Value::Opaque(bytes) => chars(bytes),
    }
}

fn spelled(expected: &Json, same: impl Fn(&str) -> bool) -> Json {
    let text = expected.as_str().unwrap_or_default();
    if same(text) { text.into() } else { Json::Null }
}

#[test]
fn every_example_decodes_and_encodes() {
    let (mut urns, mut examples) = (BTreeSet::new(), 0);
    for section in sections() {
        let spec = spec(&section["coder"]);
        let coder = DynCoder::from_spec(&spec).unwrap();
        let state = section["coder"]["state"].clone();
        let fetch = |token: &[u8]| -> Decoded<Bytes> {
            let token = str::from_utf8(token).map_err(|e| CoderError::refused(e))?;
            let bytes = state[token].as_str().ok_or_else(|| CoderError::refused("unknown token"))?;
            Ok(bytes.chars().map(|c| u8::try_from(c).unwrap()).collect::<Vec<_>>().into())
        };
        for example in section["examples"].as_array().unwrap() {
            let (bytes, expected) = (hex(&example["bytes_hex"]), &example["value"]);
            let place = format!("{} {} {expected}", spec.urn, example["bytes_hex"]);
            if section["nested"] != json!(true) {
                let value = if state.is_null() {
                    coder.decode_outer(&bytes)
                } else {
                    coder.decode_with(&mut bytes.as_slice(), &fetch)
                };
                check(&coder, &section, &place, value, &bytes, expected, DynCoder::encode_outer);
            }
            if section["nested"] != json!(false) {
                // Something follows, which is not touched.
                let mut input = [bytes.as_slice(), b"next"].concat();
                let mut rest = input.as_slice();
                let value = coder.decode_with(&mut rest, &fetch);
                assert_eq!(rest, b"next", "{place}");
                input.clear();
                check(&coder, &section, &place, value, &bytes, expected, DynCoder::encode);
            }
            examples += 1;
        }
        urns.insert(spec.urn.into_owned());
    }
    assert_eq!((urns.len(), examples), (17, 124));
}

fn check(
    coder: &DynCoder,
    section: &Json,
    place: &str,
    value: Decoded<Value>,
    bytes: &[u8],
    expected: &Json,
    encode: impl Fn(&DynCoder, &Value, &mut Vec<u8>) -> Result<(), CoderError>,
) {
    let value = value.unwrap_or_else(|e| panic!("{place}: {e}"));
    assert_eq!(to_json(&value, expected), *expected, "{place}");
    let mut encoded = Vec::new();
    encode(coder, &value, &mut encoded).unwrap_or_else(|e| panic!("{place}: {e}"));
    if section["coder"]["non_deterministic"] != json!(true) {
        assert_eq!(encoded, bytes, "{place}");
    }
}
