//! Values to bytes.

use super::value::Value;
use super::{DynRow, Node};
use crate::coder::list::{Idle, put_count};
use crate::coder::row::{InRow, put_bitmap};
use crate::coder::wire::{prefixed, put_prefixed, put_sortable, put_varint};
use crate::coder::{
    Coder, CoderError, Encoded, GlobalWindowCoder, IntervalWindowCoder, Leaf, Metadata, TimerData, TimerSetting,
    put_pane,
};

fn leaf(value: &impl Leaf, outer: bool, out: &mut Vec<u8>) -> Encoded {
    if outer {
        value.put_outer(out);
    } else {
        value.put(out);
    }
    Ok(())
}

fn narrow<T: TryFrom<i64> + InRow>(n: i64, expected: &'static str, out: &mut Vec<u8>) -> Encoded {
    let narrow = T::try_from(n).map_err(|_| CoderError::refused(format!("{n} is not {expected}")))?;
    narrow.put_in_row(out);
    Ok(())
}

impl Node {
    pub(crate) fn encode(&self, value: &Value, outer: bool, out: &mut Vec<u8>) -> Encoded {
        match (self, value) {
            (Node::Bytes, Value::Bytes(bytes)) => leaf(bytes, outer, out),
            (Node::Bool, Value::Bool(bool)) => leaf(bool, outer, out),
            (Node::Text, Value::Text(text)) => leaf(text, outer, out),
            (Node::Varint, Value::Int(n)) => leaf(n, outer, out),
            (Node::Double, Value::Double(n)) => leaf(n, outer, out),
            (Node::Pair(nodes), Value::Pair(pair)) => {
                nodes.0.encode(&pair.0, false, out).map_err(|e| e.at("key"))?;
                nodes.1.encode(&pair.1, outer, out).map_err(|e| e.at("value"))
            }
            (Node::List(item), Value::List(list)) => item.encode_list(list, out),
            (Node::Prefix(inner), value) => prefixed(out, |out| inner.encode(value, true, out)),
            (Node::Nullable(_), Value::Nullable(None)) => {
                out.push(0);
                Ok(())
            }
            (Node::Nullable(inner), Value::Nullable(Some(value))) => {
                out.push(1);
                inner.encode(value, outer, out)
            }
            (Node::Row(row), Value::Row(fields)) => row.encode(fields, out),
            (Node::GlobalWindow, Value::Window(window)) => GlobalWindowCoder.encode(window, out),
            (Node::IntervalWindow, Value::Window(window)) => IntervalWindowCoder.encode(window, out),
            (Node::CustomWindow(inner), Value::CustomWindow(custom)) => {
                put_sortable(custom.max_timestamp.millis(), out);
                inner.encode(&custom.window, false, out)
            }
            (Node::Windowed(nodes), Value::Windowed(element)) => {
                nodes.1.encode_metadata(&element.metadata, out)?;
                nodes.0.encode(&element.value, outer, out).map_err(|e| e.at("value"))
            }
            (Node::ParamWindowed(nodes), Value::Windowed(element)) => nodes.0.encode(&element.value, outer, out),
            (Node::Timer(nodes), Value::Timer(timer)) => encode_timer(&nodes.0, &nodes.1, timer, out),
            (Node::ShardedKey(key), Value::ShardedKey(sharded)) => {
                put_prefixed(&sharded.shard, out);
                key.encode(&sharded.key, false, out).map_err(|e| e.at("key"))
            }
            (Node::Unknown, Value::Opaque(bytes)) if outer => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            (Node::Byte, Value::Int(n)) => narrow::<i8>(*n, "a byte", out),
            (Node::Int16, Value::Int(n)) => narrow::<i16>(*n, "an integer of 16 bits", out),
            (Node::Int32, Value::Int(n)) => narrow::<i32>(*n, "an integer of 32 bits", out),
            (Node::Float, Value::Float(n)) => {
                n.put_in_row(out);
                Ok(())
            }
            (Node::Map(nodes), Value::Map(entries)) => {
                put_count(entries.len(), out)?;
                for (i, (key, value)) in entries.iter().enumerate() {
                    nodes.0.encode(key, false, out).map_err(|e| e.at("key").at_index(i))?;
                    nodes.1.encode(value, false, out).map_err(|e| e.at("value").at_index(i))?;
                }
                Ok(())
            }
            (Node::Instant, Value::Timestamp(timestamp)) => {
                put_sortable(timestamp.millis(), out);
                Ok(())
            }
            (Node::Decimal, Value::Decimal(decimal)) => {
                decimal.scale.put_in_row(out);
                put_prefixed(&decimal.unscaled, out);
                Ok(())
            }
            (node, value) => Err(CoderError::refused(format!("{} is no value of the coder {node:?}", value.kind()))),
        }
    }

    fn encode_list(&self, list: &[Value], out: &mut Vec<u8>) -> Encoded {
        put_count(list.len(), out)?;
        let mut idle = Idle::default();
        for (i, item) in list.iter().enumerate() {
            let before = out.len();
            self.encode(item, false, out).map_err(|e| e.at_index(i))?;
            idle.count(out.len() - before)?;
        }
        Ok(())
    }

    fn encode_metadata(&self, metadata: &Metadata<Value>, out: &mut Vec<u8>) -> Encoded {
        put_sortable(metadata.timestamp.millis(), out);
        self.encode_list(&metadata.windows, out).map_err(|e| e.at("windows"))?;
        put_pane(&metadata.pane, out);
        Ok(())
    }
}

fn encode_timer(key: &Node, window: &Node, timer: &TimerData<Value, Value>, out: &mut Vec<u8>) -> Encoded {
    key.encode(&timer.key, false, out).map_err(|e| e.at("key"))?;
    timer.tag.put(out);
    window.encode_list(&timer.windows, out).map_err(|e| e.at("windows"))?;
    TimerSetting::put(timer.setting.as_ref(), out);
    Ok(())
}

impl DynRow {
    fn encode(&self, values: &[(std::sync::Arc<str>, Value)], out: &mut Vec<u8>) -> Encoded {
        let mut fields = Vec::with_capacity(self.order().len());
        for field in self.order().iter().map(|index| &self.fields()[*index]) {
            let value = values.iter().find(|(name, _)| *name == field.name).map(|(_, value)| value);
            fields.push(match (field.nullable, value) {
                (true, None | Some(Value::Nullable(None))) => (field, None),
                (true, Some(Value::Nullable(Some(value)))) => (field, Some(value.as_ref())),
                (false, Some(value)) => (field, Some(value)),
                (_, value) => {
                    let found = value.map_or("nothing", Value::kind);
                    return Err(CoderError::refused(format!("{found} for a field")).at(field.name.to_string()));
                }
            });
        }
        if let Some((name, _)) = values.iter().find(|(name, _)| self.fields().iter().all(|field| field.name != *name)) {
            return Err(CoderError::refused("a field that the schema lacks").at(name.to_string()));
        }
        put_varint(fields.len() as u64, out);
        put_bitmap(fields.iter().map(|(_, value)| value.is_none()), out);
        for (field, value) in fields {
            if let Some(value) = value {
                field.node.encode(value, false, out).map_err(|e| e.at(field.name.to_string()))?;
            }
        }
        Ok(())
    }
}
