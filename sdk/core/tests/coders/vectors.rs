//! Beam's own examples of every standard coder, 124 of them: each decodes to its value and encodes to its bytes.

use bytes::Bytes;
use ferrobeam_core::coder::{
    self, Coder, CoderError, CoderSpec, CustomWindowCoder, Decoded, DynCoder, Encoded, GlobalWindowCoder,
    IntervalWindowCoder, IterableCoder, KvCoder, LeafCoder, Metadata, NullableCoder, ParamWindowedValueCoder, Part,
    Row, RowCoder, ShardedKey, ShardedKeyCoder, StateFetch, TimerCoder, TimerData, TimerSetting, Value, WindowedValue,
    WindowedValueCoder, urn,
};
use ferrobeam_core::windowing::{PaneInfo, Timing, Window};
use ferrobeam_core::{Element, Timestamp};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

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
        Value::Text(text) => text.as_str().into(),
        Value::Bytes(bytes) => chars(bytes),
        Value::Nullable(value) => value.as_ref().map_or(Json::Null, |value| to_json(value, expected)),
        Value::Pair(pair) => {
            json!({"key": to_json(&pair.0, &expected["key"]), "value": to_json(&pair.1, &expected["value"])})
        }
        Value::List(list) => list.iter().enumerate().map(|(i, item)| to_json(item, &expected[i])).collect(),
        Value::Map(entries) => entries
            .iter()
            .map(|(key, value)| {
                let Value::Text(key) = key else { panic!("{key:?}") };
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
    let (mut urns, mut examples, mut by_type) = (BTreeSet::new(), 0, 0);
    for section in sections() {
        let spec = spec(&section["coder"]);
        let coder = DynCoder::from_spec(&spec).unwrap();
        let state = section["coder"]["state"].clone();
        let fetch = |token: &[u8]| -> Decoded<Bytes> {
            let token = str::from_utf8(token).map_err(CoderError::refused)?;
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
            for again in typed(&spec) {
                for outer in [section["nested"] != json!(true), section["nested"] == json!(false)] {
                    let again = again(&spec, &bytes, outer, &fetch).unwrap_or_else(|e| panic!("{place}: {e}"));
                    assert!(
                        again == bytes || section["coder"]["non_deterministic"] == json!(true),
                        "{place}: {again:?}"
                    );
                }
            }
            by_type += usize::from(!typed(&spec).is_empty());
            examples += 1;
        }
        urns.insert(spec.urn.into_owned());
    }
    // No type of ours is a decimal, or has a logical type of Java or SQL.
    assert_eq!((urns.len(), examples, by_type), (17, 124, 109));
}

fn check(
    coder: &DynCoder,
    section: &Json,
    place: &str,
    value: Decoded<Value>,
    bytes: &[u8],
    expected: &Json,
    encode: impl Fn(&DynCoder, &Value, &mut Vec<u8>) -> Encoded,
) {
    let value = value.unwrap_or_else(|e| panic!("{place}: {e}"));
    assert_eq!(to_json(&value, expected), *expected, "{place}");
    let mut encoded = Vec::new();
    encode(coder, &value, &mut encoded).unwrap_or_else(|e| panic!("{place}: {e}"));
    if section["coder"]["non_deterministic"] != json!(true) {
        assert_eq!(encoded, bytes, "{place}");
    }
}

/// What a typed coder makes of the bytes of an example: its own bytes.
type Again = fn(&CoderSpec, &[u8], bool, &dyn StateFetch) -> Decoded<Vec<u8>>;

fn again<T, C: Coder<T>>(spec: &CoderSpec, mut bytes: &[u8], outer: bool, _: &dyn StateFetch) -> Decoded<Vec<u8>> {
    let coder = <Part<C> as Coder<T>>::from_spec(spec)?;
    // A row has its own id and field numbers, where the graph's have no consequence.
    assert!(coder.spec() == *spec || spec.urn == urn::ROW);
    let mut out = Vec::new();
    if outer {
        coder.encode_outer(&coder::decode_all(&coder, bytes)?, &mut out)?;
    } else {
        coder.encode(&coder.decode(&mut bytes)?, &mut out)?;
        assert!(bytes.is_empty());
    }
    Ok(out)
}

fn list_again<T: 'static, C: Coder<T>>(
    spec: &CoderSpec,
    mut bytes: &[u8],
    _: bool,
    state: &dyn StateFetch,
) -> Decoded<Vec<u8>> {
    let coder = <IterableCoder<C> as Coder<Vec<T>>>::from_spec(spec)?;
    let (list, mut out) = (coder.decode_with(&mut bytes, state)?, Vec::new());
    assert!(bytes.is_empty());
    if spec.urn == urn::ITERABLE {
        // Of unknown length, too.
        coder.encode_chunks(&list, &mut out)?;
        assert_eq!(coder.decode(&mut out.as_slice()).map(|list: Vec<T>| list.len()), Ok(list.len()));
        out.clear();
    }
    coder.encode(&list, &mut out)?;
    Ok(out)
}

#[derive(Clone, Element)]
struct Plain {
    str: String,
    i32: i32,
    f64: f64,
    arr: Vec<String>,
}

#[derive(Clone, Element)]
struct Nulls {
    str: Option<String>,
    i32: Option<i32>,
    f64: Option<f64>,
}

#[derive(Clone, Element)]
struct Blob {
    f_bool: bool,
    f_bytes: Option<Bytes>,
}

#[derive(Clone, Element)]
struct Entries {
    f_map: BTreeMap<String, Option<i64>>,
}

/// Its encoding positions are not in order.
#[derive(Clone, Element)]
struct Positions {
    str: String,
    f_bool: bool,
    i32: Option<i32>,
}

#[derive(Clone, Element)]
struct Millis {
    f_timestamp: Timestamp,
    f_string: String,
    f_int: i64,
}

#[derive(Clone, Element)]
struct Floats {
    f_float: f32,
}

/// The typed coders of a section.
fn typed(spec: &CoderSpec) -> Vec<Again> {
    type Interval = IntervalWindowCoder;
    type Global = GlobalWindowCoder;
    type Windowed<W> = WindowedValueCoder<LeafCoder, W>;
    type Param<W> = ParamWindowedValueCoder<LeafCoder, W>;
    let parts: Vec<_> = spec.components.iter().map(|part| part.urn.as_ref()).collect();
    match (spec.urn.as_ref(), parts.as_slice()) {
        (urn::BYTES, []) => vec![again::<Bytes, LeafCoder>, again::<Vec<u8>, LeafCoder>],
        (urn::BOOL, []) => vec![again::<bool, LeafCoder>],
        (urn::STRING_UTF8, []) => vec![again::<String, LeafCoder>, again::<Box<str>, LeafCoder>],
        (urn::VARINT, []) => vec![again::<i64, LeafCoder>, again::<u64, LeafCoder>],
        (urn::DOUBLE, []) => vec![again::<f64, LeafCoder>],
        (urn::KV, [_, urn::VARINT]) => vec![again::<(Bytes, i64), KvCoder<LeafCoder, LeafCoder>>],
        (urn::KV, [_, urn::BYTES]) => vec![again::<(Vec<u8>, Bytes), KvCoder<LeafCoder, LeafCoder>>],
        (urn::KV, [_, urn::BOOL]) => vec![again::<(Bytes, bool), KvCoder<LeafCoder, LeafCoder>>],
        (urn::INTERVAL_WINDOW, []) => vec![again::<Window, Interval>],
        (urn::GLOBAL_WINDOW, []) => vec![again::<Window, Global>],
        (urn::CUSTOM_WINDOW, [_]) => vec![again::<Window, CustomWindowCoder<Interval>>],
        (urn::ITERABLE | urn::STATE_BACKED_ITERABLE, [urn::VARINT]) => vec![list_again::<i64, LeafCoder>],
        (urn::ITERABLE | urn::STATE_BACKED_ITERABLE, [urn::BYTES]) => vec![list_again::<Bytes, LeafCoder>],
        (urn::ITERABLE | urn::STATE_BACKED_ITERABLE, [urn::BOOL]) => vec![list_again::<bool, LeafCoder>],
        (urn::ITERABLE | urn::STATE_BACKED_ITERABLE, [_]) => vec![list_again::<Window, Global>],
        (urn::TIMER, _) => vec![again::<TimerData<String>, TimerCoder<LeafCoder, Global>>],
        (urn::WINDOWED_VALUE, [_, urn::GLOBAL_WINDOW]) => vec![again::<WindowedValue<i64>, Windowed<Global>>],
        (urn::WINDOWED_VALUE, _) => vec![again::<WindowedValue<i64>, Windowed<Interval>>],
        (urn::PARAM_WINDOWED_VALUE, [_, urn::GLOBAL_WINDOW]) => vec![again::<WindowedValue<i64>, Param<Global>>],
        (urn::PARAM_WINDOWED_VALUE, _) => vec![again::<WindowedValue<i64>, Param<Interval>>],
        (urn::SHARDED_KEY, _) => vec![again::<ShardedKey<String>, ShardedKeyCoder<LeafCoder>>],
        (urn::NULLABLE, _) => vec![again::<Option<Bytes>, NullableCoder<LeafCoder>>],
        (urn::ROW, _) => {
            let rows = [
                row::<Plain>(spec),
                row::<Nulls>(spec),
                row::<Blob>(spec),
                row::<Entries>(spec),
                row::<Positions>(spec),
                row::<Millis>(spec),
                row::<Floats>(spec),
            ];
            rows.into_iter().flatten().collect()
        }
        _ => Vec::new(),
    }
}

/// The typed coder of a row, if it is one of this type.
fn row<T: Row>(spec: &CoderSpec) -> Option<Again> {
    let coder = <RowCoder as Coder<T>>::from_spec(spec);
    coder.is_ok().then_some(again::<T, RowCoder> as Again)
}
