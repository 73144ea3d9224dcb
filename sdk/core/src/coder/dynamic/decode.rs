//! Bytes to values.

use super::value::{CustomWindow, Decimal, Value};
use super::{DynRow, Node};
use crate::Timestamp;
use crate::coder::list::{Idle, read_list, reserve, whole};
use crate::coder::nullable::take_presence;
use crate::coder::row::{Header, InRow};
use crate::coder::wire::{finish, take_prefixed, take_sortable};
use crate::coder::{
    Coder, CoderError, Decoded, GlobalWindowCoder, IntervalWindowCoder, Leaf, Metadata, ShardedKey, StateFetch,
    TimerData, TimerSetting, WindowedValue, take_pane,
};
use bytes::Bytes;

/// What one decoding needs beside the input.
#[derive(Default)]
pub(crate) struct Reader<'s> {
    state: Option<&'s dyn StateFetch>,
    /// Over the whole value: nested lists of nothing would multiply.
    idle: Idle,
}

impl<'s> Reader<'s> {
    pub(crate) fn with(state: &'s dyn StateFetch) -> Self {
        Reader { state: Some(state), idle: Idle::default() }
    }
}

fn leaf<T: Leaf>(outer: bool, input: &mut &[u8]) -> Decoded<T> {
    if outer { T::take_outer(input) } else { T::take(input) }
}

impl Node {
    pub(crate) fn decode(&self, outer: bool, input: &mut &[u8], reader: &mut Reader<'_>) -> Decoded<Value> {
        Ok(match self {
            Node::Bytes => Value::Bytes(leaf(outer, input)?),
            Node::Bool => Value::Bool(leaf(outer, input)?),
            Node::Text => Value::Text(leaf(outer, input)?),
            Node::Varint => Value::Int(leaf(outer, input)?),
            Node::Double => Value::Double(leaf(outer, input)?),
            Node::Pair(pair) => {
                let key = pair.0.decode(false, input, reader).map_err(|e| e.at("key"))?;
                let value = pair.1.decode(outer, input, reader).map_err(|e| e.at("value"))?;
                Value::Pair(Box::new((key, value)))
            }
            Node::List(item) => Value::List(item.decode_list(input, reader)?),
            Node::Prefix(inner) => {
                let mut frame = take_prefixed(input, "a length-prefixed value")?;
                let value = inner.decode(true, &mut frame, reader)?;
                finish(value, frame)?
            }
            Node::Nullable(inner) => Value::Nullable(if take_presence(input)? {
                Some(Box::new(inner.decode(outer, input, reader)?))
            } else {
                None
            }),
            Node::Row(row) => row.decode(outer, input, reader)?,
            Node::GlobalWindow => Value::Window(GlobalWindowCoder.decode(input)?),
            Node::IntervalWindow => Value::Window(IntervalWindowCoder.decode(input)?),
            Node::CustomWindow(inner) => {
                let max_timestamp = Timestamp::from_millis(take_sortable(input, "the end of a window")?);
                Value::CustomWindow(Box::new(CustomWindow {
                    max_timestamp,
                    window: inner.decode(false, input, reader)?,
                }))
            }
            Node::Windowed(parts) => {
                let metadata = parts.1.decode_metadata(input, reader)?;
                let value = parts.0.decode(outer, input, reader).map_err(|e| e.at("value"))?;
                Value::Windowed(Box::new(WindowedValue { value, metadata }))
            }
            Node::ParamWindowed(parts) => {
                let value = parts.0.decode(outer, input, reader)?;
                Value::Windowed(Box::new(WindowedValue { value, metadata: parts.2.clone() }))
            }
            Node::Timer(parts) => Value::Timer(Box::new(decode_timer(&parts.0, &parts.1, input, reader)?)),
            Node::ShardedKey(key) => {
                let shard = Bytes::copy_from_slice(take_prefixed(input, "a shard")?);
                let key = key.decode(false, input, reader).map_err(|e| e.at("key"))?;
                Value::ShardedKey(Box::new(ShardedKey { shard, key }))
            }
            Node::Unknown if outer => Value::Opaque(Bytes::copy_from_slice(std::mem::take(input))),
            Node::Unknown => return Err(CoderError::invalid("a value of a known coder", "one whose end is unknown")),
            Node::Byte => Value::Int(i8::take_from_row(input)?.into()),
            Node::Int16 => Value::Int(i16::take_from_row(input)?.into()),
            Node::Int32 => Value::Int(i32::take_from_row(input)?.into()),
            Node::Float => Value::Float(f32::take_from_row(input)?),
            Node::Map(entry) => Value::Map(decode_map(&entry.0, &entry.1, input, reader)?),
            Node::Instant => Value::Timestamp(Timestamp::from_millis(take_sortable(input, "a timestamp")?)),
            Node::Decimal => {
                let scale = i32::take_from_row(input)?;
                let unscaled = Bytes::copy_from_slice(take_prefixed(input, "a decimal")?);
                Value::Decimal(Decimal { unscaled, scale })
            }
        })
    }

    /// Reads a list of which this is the item.
    fn decode_list(&self, input: &mut &[u8], reader: &mut Reader<'_>) -> Decoded<Vec<Value>> {
        let mut list = Vec::with_capacity(reserve::<Value>(input));
        let token = read_list(input, |input| {
            let before = input.len();
            list.push(self.decode(false, input, reader)?);
            reader.idle.count(before - input.len())
        })?;
        let (Some(token), Some(state)) = (token, reader.state) else {
            return whole(token).map(|()| list);
        };
        let page = state.fetch(token)?;
        let mut page = page.as_ref();
        while !page.is_empty() {
            let before = page.len();
            list.push(self.decode(false, &mut page, reader).map_err(|e| e.at_index(list.len()))?);
            reader.idle.count(before - page.len())?;
        }
        Ok(list)
    }

    /// Reads timestamp, windows and pane; this is the coder of one window.
    pub(crate) fn decode_metadata(&self, input: &mut &[u8], reader: &mut Reader<'_>) -> Decoded<Metadata<Value>> {
        let timestamp = Timestamp::from_millis(take_sortable(input, "a timestamp")?);
        let windows = self.decode_list(input, reader).map_err(|e| e.at("windows"))?;
        Ok(Metadata { timestamp, windows, pane: take_pane(input)? })
    }
}

fn decode_map(key: &Node, value: &Node, input: &mut &[u8], reader: &mut Reader<'_>) -> Decoded<Vec<(Value, Value)>> {
    let mut entries = Vec::with_capacity(reserve::<(Value, Value)>(input));
    whole(read_list(input, |input| {
        let before = input.len();
        let key = key.decode(false, input, reader).map_err(|e| e.at("key"))?;
        let value = value.decode(false, input, reader).map_err(|e| e.at("value"))?;
        entries.push((key, value));
        reader.idle.count(before - input.len())
    })?)?;
    Ok(entries)
}

fn decode_timer(
    key: &Node,
    window: &Node,
    input: &mut &[u8],
    reader: &mut Reader<'_>,
) -> Decoded<TimerData<Value, Value>> {
    let key = key.decode(false, input, reader).map_err(|e| e.at("key"))?;
    let tag = String::take(input).map_err(|e| e.at("tag"))?;
    let windows = window.decode_list(input, reader).map_err(|e| e.at("windows"))?;
    Ok(TimerData { key, tag, windows, setting: TimerSetting::take(input)? })
}

impl DynRow {
    pub(crate) fn decode(&self, outer: bool, input: &mut &[u8], reader: &mut Reader<'_>) -> Decoded<Value> {
        let header = Header::read(input)?;
        let known = self.order().len();
        let mut values = vec![None; known];
        for place in (0..known).filter(|place| header.has(*place)) {
            values[self.order()[place]] = Some(self.take_field(place, input, reader)?);
        }
        match header.finish(known) {
            Ok(()) => {}
            Err(_) if outer => *input = &[],
            Err(error) => return Err(error),
        }
        let fields = self.fields().iter().zip(values).map(|(field, value)| {
            let value = match (field.nullable, value) {
                (true, value) => Value::Nullable(value.map(Box::new)),
                (false, Some(value)) => value,
                (false, None) => {
                    let name = field.name.to_string();
                    return Err(CoderError::invalid("a value", "null, and the field is not optional").at(name));
                }
            };
            Ok((field.name.clone(), value))
        });
        fields.collect::<Decoded<_>>().map(Value::Row)
    }

    /// Reads the field at a place of the wire, which is not null.
    pub(crate) fn take_field(&self, place: usize, input: &mut &[u8], reader: &mut Reader<'_>) -> Decoded<Value> {
        let field = &self.fields()[self.order()[place]];
        field.node.decode(false, input, reader).map_err(|e| e.at(field.name.to_string()))
    }
}
