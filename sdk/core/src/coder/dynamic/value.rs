//! A value of any type that Beam's coders know.

use crate::Timestamp;
use crate::coder::{ShardedKey, TimerData, WindowedValue};
use crate::windowing::Window;
use bytes::Bytes;
use std::sync::Arc;

/// A value of any type.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// An integer of any width.
    Int(i64),
    /// A float of 32 bits; only in rows.
    Float(f32),
    /// A float of 64 bits.
    Double(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Bytes),
    /// A value that may be absent; null is `None`.
    Nullable(Option<Box<Value>>),
    /// A KV.
    Pair(Box<(Value, Value)>),
    /// An iterable.
    List(Vec<Value>),
    /// A map, in the order of the wire; only in rows.
    Map(Vec<(Value, Value)>),
    /// The fields of a row, in the order of the schema.
    Row(Vec<(Arc<str>, Value)>),
    /// An instant; only in rows.
    Timestamp(Timestamp),
    /// A decimal number; only in rows.
    Decimal(Decimal),
    /// The global window, or an interval.
    Window(Window),
    /// A window of an SDK's own.
    CustomWindow(Box<CustomWindow>),
    /// An element with its metadata.
    Windowed(Box<WindowedValue<Value, Value>>),
    /// A timer.
    Timer(Box<TimerData<Value, Value>>),
    /// A key with its shard.
    ShardedKey(Box<ShardedKey<Value>>),
    /// A value of a coder that is no standard one: its bytes.
    Opaque(Bytes),
}

impl Value {
    /// Returns what kind of value it is, for error messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Bool(_) => "a bool",
            Value::Int(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Double(_) => "a double",
            Value::Text(_) => "a string",
            Value::Bytes(_) => "bytes",
            Value::Nullable(_) => "a nullable value",
            Value::Pair(_) => "a pair",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Row(_) => "a row",
            Value::Timestamp(_) => "a timestamp",
            Value::Decimal(_) => "a decimal",
            Value::Window(Window::Global) => "the global window",
            Value::Window(Window::Interval { .. }) => "an interval window",
            Value::CustomWindow(_) => "a custom window",
            Value::Windowed(_) => "a windowed value",
            Value::Timer(_) => "a timer",
            Value::ShardedKey(_) => "a sharded key",
            Value::Opaque(_) => "an opaque value",
        }
    }
}

/// A decimal number: `unscaled / 10^scale`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// The integer in two's complement, big-endian.
    pub unscaled: Bytes,
    /// How many of its digits are behind the point.
    pub scale: i32,
}

/// A window of an SDK's own, of which others know only when it ends.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomWindow {
    /// The last timestamp inside.
    pub max_timestamp: Timestamp,
    /// The window itself.
    pub window: Value,
}
