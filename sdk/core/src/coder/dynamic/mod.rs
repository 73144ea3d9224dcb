//! Values whose type is known at run time only: what a runner meets in pipelines of other languages.
//!
//! [`DynCoder`] reads every standard coder from its spec, rows by their schema, and encodes [`Value`]s exactly as the typed
//! coders encode theirs. [`describe`] renders encoded elements for error messages.

mod decode;
mod describe;
mod encode;
mod row;
mod value;

pub(crate) use decode::Reader;
pub use describe::describe;
pub(crate) use row::DynRow;
pub use value::{CustomWindow, Decimal, Value};

use super::row::read_schema;
use super::windowed::read_payload;
use super::wire::finish;
use super::{CoderError, CoderSpec, Decoded, Encoded, Metadata, StateFetch};
use crate::coder::urn;
use std::sync::Arc;

/// How deep coders may nest: beyond, a spec is broken or hostile.
const MAX_DEPTH: usize = 100;

/// A coder of [`Value`]s, made from any spec.
///
/// A coder that is no standard one is opaque: its value is all bytes up to the end of the input or of the length prefix
/// around it; elsewhere such a value cannot be decoded.
#[derive(Clone, Debug)]
pub struct DynCoder {
    spec: CoderSpec,
    node: Node,
}

/// A coder tree with what the payloads say.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Bytes,
    Bool,
    Text,
    Varint,
    Double,
    Pair(Box<(Node, Node)>),
    List(Box<Node>),
    Prefix(Box<Node>),
    Nullable(Box<Node>),
    Row(Arc<DynRow>),
    GlobalWindow,
    IntervalWindow,
    CustomWindow(Box<Node>),
    /// Value and window.
    Windowed(Box<(Node, Node)>),
    /// Value, window, and what all elements have in common.
    ParamWindowed(Box<(Node, Node, Metadata<Value>)>),
    /// Key and window.
    Timer(Box<(Node, Node)>),
    ShardedKey(Box<Node>),
    Unknown,
    // Only in rows.
    Byte,
    Int16,
    Int32,
    Float,
    Map(Box<(Node, Node)>),
    Instant,
    Decimal,
}

impl DynCoder {
    /// Makes the coder that `spec` describes.
    ///
    /// # Errors
    /// If a standard coder lacks a component, or a payload is broken.
    pub fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        Ok(DynCoder { node: Node::new(spec, 0)?, spec: spec.clone() })
    }

    /// Returns the spec that it was made from.
    #[must_use]
    pub fn spec(&self) -> &CoderSpec {
        &self.spec
    }

    /// Appends the nested encoding.
    ///
    /// # Errors
    /// If the value is not one of this coder.
    pub fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Encoded {
        self.node.encode(value, false, out)
    }

    /// Appends the outer encoding.
    ///
    /// # Errors
    /// If the value is not one of this coder.
    pub fn encode_outer(&self, value: &Value, out: &mut Vec<u8>) -> Encoded {
        self.node.encode(value, true, out)
    }

    /// Reads one value in nested encoding from the front of `input`.
    ///
    /// # Errors
    /// If `input` does not begin with one.
    pub fn decode(&self, input: &mut &[u8]) -> Decoded<Value> {
        self.node.decode(false, input, &mut Reader::default())
    }

    /// Reads the one value that `input` holds in the outer context.
    ///
    /// # Errors
    /// If `input` is not one, or more than one.
    pub fn decode_outer(&self, mut input: &[u8]) -> Decoded<Value> {
        let value = self.node.decode(true, &mut input, &mut Reader::default())?;
        finish(value, input)
    }

    /// Reads one value in nested encoding; lists that go on in an engine's state are fetched.
    ///
    /// # Errors
    /// As [`decode`](DynCoder::decode) and [`StateFetch::fetch`].
    pub fn decode_with(&self, input: &mut &[u8], state: &dyn StateFetch) -> Decoded<Value> {
        self.node.decode(false, input, &mut Reader::with(state))
    }
}

impl Node {
    pub(crate) fn new(spec: &CoderSpec, depth: usize) -> Decoded<Node> {
        if depth > MAX_DEPTH {
            return Err(CoderError::invalid("a coder", "one nested too deep"));
        }
        let part = |index: usize| match spec.components.get(index) {
            Some(inner) => Node::new(inner, depth + 1).map_err(|e| e.at_index(index)),
            None => Err(CoderError::spec(format!("{} with more components", spec.urn), "one with fewer")),
        };
        Ok(match spec.urn.as_ref() {
            urn::BYTES => Node::Bytes,
            urn::BOOL => Node::Bool,
            urn::STRING_UTF8 => Node::Text,
            urn::VARINT => Node::Varint,
            urn::DOUBLE => Node::Double,
            urn::KV => Node::Pair(Box::new((part(0)?, part(1)?))),
            urn::ITERABLE | urn::STATE_BACKED_ITERABLE => Node::List(Box::new(part(0)?)),
            urn::LENGTH_PREFIX => Node::Prefix(Box::new(part(0)?)),
            urn::NULLABLE => Node::Nullable(Box::new(part(0)?)),
            urn::ROW => Node::Row(Arc::new(DynRow::new(&read_schema(spec)?)?)),
            urn::GLOBAL_WINDOW => Node::GlobalWindow,
            urn::INTERVAL_WINDOW => Node::IntervalWindow,
            urn::CUSTOM_WINDOW => Node::CustomWindow(Box::new(part(0)?)),
            urn::WINDOWED_VALUE => Node::Windowed(Box::new((part(0)?, part(1)?))),
            urn::PARAM_WINDOWED_VALUE => {
                let (value, window) = (part(0)?, part(1)?);
                let metadata =
                    read_payload(&spec.payload, |input| window.decode_metadata(input, &mut Reader::default()))?;
                Node::ParamWindowed(Box::new((value, window, metadata)))
            }
            urn::TIMER => Node::Timer(Box::new((part(0)?, part(1)?))),
            urn::SHARDED_KEY => Node::ShardedKey(Box::new(part(0)?)),
            _ => Node::Unknown,
        })
    }
}
