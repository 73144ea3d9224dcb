//! What two runs have made of a collection, side by side.

use super::promise::{Content, Promise};
use bytes::Bytes;
use ferrobeam_core::batch::WindowSet;
use ferrobeam_core::coder::{CoderSpec, DynCoder, Value, describe};
use ferrobeam_core::graph::Graph;
use ferrobeam_core::windowing::{PaneInfo, Window};
use ferrobeam_core::{Result, Timestamp};
use ferrobeam_direct::Row;
use ferrobeam_model::urns::coders::{ITERABLE, ROW};
use std::collections::BTreeMap;
use std::fmt::Write;

/// How much floating sums may differ, for their part of the number: they depend on the order of the summands.
const TOLERANCE: f64 = 1e-9;
/// So many differences are shown.
const MOST_SHOWN: usize = 10;

/// How to compare a collection.
pub(super) struct Comparison {
    promise: Promise,
    spec: CoderSpec,
    /// None if nobody knows what the elements are.
    coder: Option<DynCoder>,
    /// That of keys, where nothing more is compared.
    key_coder: Option<DynCoder>,
    /// Whether lists in the elements are in no order.
    is_unordered: bool,
}

/// An element as it is compared: a normal form of it, and what it came with.
type Item = (Bytes, Option<Meta>, Vec<Window>);

/// Timestamp and pane; panes have no order of their own.
type Meta = (Timestamp, (u8, u64, i64, bool, bool));

/// The index of a pane, its key and what it holds.
type Pane = (u64, Value, Value);

/// How often a collection has each item.
pub(super) type Items = BTreeMap<Item, usize>;

impl Comparison {
    pub(super) fn new(graph: &Graph, promise: Promise) -> Result<Self> {
        let coder = graph.coder(&promise.collection)?;
        let (spec, name) = (coder.spec(), coder.type_name());
        // Of these the order is nobody's: it differs from one value to the next that is equal.
        let is_unordered = promise.is_grouped || ["Grouped<", "HashMap<", "HashSet<"].iter().any(|t| name.contains(t));
        let coder = DynCoder::from_spec(&spec).ok();
        let key_coder = if panes_add_up(promise.content, &spec) { None } else { spec.components.first() };
        let key_coder = key_coder.and_then(|key| DynCoder::from_spec(key).ok());
        Ok(Comparison { promise, spec, coder, key_coder, is_unordered })
    }

    /// The collection that is compared.
    pub(super) fn promise(&self) -> &Promise {
        &self.promise
    }

    /// A collection as it is compared.
    pub(super) fn items(&self, rows: &[Row]) -> Items {
        let mut items = Items::new();
        let mut add = |item: Item| *items.entry(item).or_default() += 1;
        match self.promise.content {
            Content::Elements => {
                for row in rows {
                    add((self.normal(&row.bytes), Some((row.time, pane(row.pane))), sorted(&row.windows)));
                }
            }
            Content::Panes { accumulating, merging } => {
                self.settled(rows, accumulating, merging).into_iter().for_each(add);
            }
        }
        items
    }

    /// An element in the one form in which equal elements are the same bytes.
    fn normal(&self, bytes: &Bytes) -> Bytes {
        if !can_vary(&self.spec) {
            return bytes.clone();
        }
        let normal = self.decode(bytes).and_then(|value| encode(self.coder.as_ref()?, &self.normal_value(value)));
        normal.unwrap_or_else(|| bytes.clone())
    }

    fn decode(&self, bytes: &Bytes) -> Option<Value> {
        self.coder.as_ref()?.decode(&mut bytes.as_ref()).ok()
    }

    fn normal_value(&self, value: Value) -> Value {
        let all = |values: Vec<Value>| values.into_iter().map(|value| self.normal_value(value)).collect::<Vec<_>>();
        match value {
            Value::Pair(pair) => Value::Pair(Box::new((self.normal_value(pair.0), self.normal_value(pair.1)))),
            Value::Nullable(Some(value)) => Value::Nullable(Some(Box::new(self.normal_value(*value)))),
            Value::Row(fields) => {
                Value::Row(fields.into_iter().map(|(name, value)| (name, self.normal_value(value))).collect())
            }
            Value::List(values) => {
                let mut values = all(values);
                if self.is_unordered {
                    values.sort_by_cached_key(|value| format!("{value:?}"));
                }
                Value::List(values)
            }
            Value::Map(entries) => {
                let mut entries: Vec<_> =
                    entries.into_iter().map(|(k, v)| (self.normal_value(k), self.normal_value(v))).collect();
                entries.sort_by_cached_key(|(key, _)| format!("{key:?}"));
                Value::Map(entries)
            }
            other => other,
        }
    }

    /// What each key and window has come to after its last pane.
    fn settled(&self, rows: &[Row], accumulating: bool, merging: bool) -> Vec<Item> {
        let mut panes: BTreeMap<(String, Vec<Window>), Vec<Pane>> = BTreeMap::new();
        for row in rows {
            let Some(Value::Pair(pair)) = self.decode(&row.bytes) else { continue };
            let (key, value) = (self.normal_value(pair.0), pair.1);
            // Windows that merge may fire before they do.
            let windows = if merging { Vec::new() } else { sorted(&row.windows) };
            panes.entry((format!("{key:?}"), windows)).or_default().push((row.pane.index, key, value));
        }
        let settled = panes.into_iter().filter_map(|((_, windows), mut panes)| {
            panes.sort_by_key(|(index, ..)| *index);
            let (_, key, last) = panes.pop()?;
            if let Some(key_coder) = &self.key_coder {
                return Some((encode(key_coder, &key)?, None, windows));
            }
            let value = match last {
                Value::List(mut values) if !accumulating => {
                    for (_, _, earlier) in panes {
                        if let Value::List(earlier) = earlier {
                            values.extend(earlier);
                        }
                    }
                    Value::List(values)
                }
                last => last,
            };
            let pair = Value::Pair(Box::new((key, self.normal_value(value))));
            Some((encode(self.coder.as_ref()?, &pair)?, None, windows))
        });
        settled.collect()
    }

    /// In words: what differs, if anything.
    pub(super) fn difference(&self, expected: &Items, actual: &Items) -> Option<String> {
        if expected == actual {
            return None;
        }
        let (mut missing, mut unexpected) = (without(expected, actual), without(actual, expected));
        missing.retain(|one| match unexpected.iter().position(|other| self.are_close(one, other)) {
            Some(at) => {
                unexpected.swap_remove(at);
                false
            }
            None => true,
        });
        if missing.is_empty() && unexpected.is_empty() {
            return None;
        }
        let mut text = format!("{} made something else than under the calmest schedule:", self.promise.step);
        self.show(&mut text, "missing", &missing);
        self.show(&mut text, "not expected", &unexpected);
        Some(text)
    }

    /// Whether two items are the same but for the rounding of floats.
    fn are_close(&self, a: &Item, b: &Item) -> bool {
        (&a.1, &a.2) == (&b.1, &b.2)
            && matches!((self.decode(&a.0), self.decode(&b.0)), (Some(a), Some(b)) if are_close(&a, &b))
    }

    fn show(&self, text: &mut String, what: &str, items: &[Item]) {
        for (bytes, meta, windows) in items.iter().take(MOST_SHOWN) {
            let spec = self.key_coder.as_ref().map_or(&self.spec, DynCoder::spec);
            let _ = write!(text, "\n  - {what}: {}", describe(spec, bytes));
            if let Some((time, pane)) = meta {
                let _ = write!(text, " at {time}");
                if *pane != self::pane(PaneInfo::NO_FIRING) {
                    let _ = write!(text, ", pane {}", pane.1);
                }
            }
            for window in windows.iter().filter(|window| **window != Window::Global) {
                let _ = write!(text, " in {window}");
            }
        }
        if items.len() > MOST_SHOWN {
            let _ = write!(text, "\n  - {what}: {} more", items.len() - MOST_SHOWN);
        }
    }
}

fn encode(coder: &DynCoder, value: &Value) -> Option<Bytes> {
    let mut bytes = Vec::new();
    coder.encode(value, &mut bytes).ok()?;
    Some(bytes.into())
}

/// Whether it can be told what all panes of a key and window have come to: what a combine made of each pane's elements
/// tells nothing of all.
fn panes_add_up(content: Content, spec: &CoderSpec) -> bool {
    match content {
        Content::Elements => true,
        // The same elements may have fired in several windows that became one later.
        Content::Panes { accumulating: true, merging } => !merging,
        Content::Panes { accumulating: false, .. } => spec.components.get(1).is_some_and(|value| value.urn == ITERABLE),
    }
}

/// Whether equal values may be different bytes: something in them has no order.
fn can_vary(spec: &CoderSpec) -> bool {
    spec.urn == ITERABLE || spec.urn == ROW || spec.components.iter().any(can_vary)
}

fn pane(pane: PaneInfo) -> (u8, u64, i64, bool, bool) {
    (pane.timing as u8, pane.index, pane.nonspeculative_index, pane.is_first, pane.is_last)
}

fn sorted(windows: &WindowSet) -> Vec<Window> {
    let mut windows = windows.as_slice().to_vec();
    windows.sort_unstable();
    windows
}

/// What `a` has more of than `b`.
fn without(a: &Items, b: &Items) -> Vec<Item> {
    let more = |(item, n): (&Item, &usize)| vec![item.clone(); n.saturating_sub(b.get(item).copied().unwrap_or(0))];
    a.iter().flat_map(more).collect()
}

fn are_close(a: &Value, b: &Value) -> bool {
    let float = |a: f64, b: f64, tolerance: f64| {
        a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= tolerance * a.abs().max(b.abs())
    };
    match (a, b) {
        (Value::Double(a), Value::Double(b)) => float(*a, *b, TOLERANCE),
        // A float of 32 bits has seven digits.
        (Value::Float(a), Value::Float(b)) => float((*a).into(), (*b).into(), 1e-6),
        (Value::Pair(a), Value::Pair(b)) => are_close(&a.0, &b.0) && are_close(&a.1, &b.1),
        (Value::Nullable(Some(a)), Value::Nullable(Some(b))) => are_close(a, b),
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| are_close(a, b)),
        (Value::Row(a), Value::Row(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| are_close(&a.1, &b.1)),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| are_close(&a.0, &b.0) && are_close(&a.1, &b.1))
        }
        _ => a == b,
    }
}
