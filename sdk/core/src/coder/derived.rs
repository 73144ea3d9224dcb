//! What derived code says `::ferrobeam::__private` for. Not part of the interface.

pub use super::error::within;
pub use super::row::{
    Header, Row, RowCoder, enum_type, field_type, is_null, put_field, put_header, put_variant_header, variant_type,
};
pub use super::urn::VARINT;
pub use super::{CoderError, Decoded, Encoded, IterableCoder, Leaf, LeafCoder, OpaqueCoder, put_varint, take_varint};
pub use crate::dofn::stateful::operator::{TimeDomain, TimerFacts, TimerId};
pub use crate::dofn::stateful::{Combining, NewStateCell, State, StateCell, TimerTag, Timers, unknown};
pub use crate::error::BoxError;
pub use crate::{Element, Key};
pub use ferrobeam_model::pipeline::FieldType;

/// What an `#[element(opaque)]` type must be.
pub trait Opaque: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static {}
impl<T: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static> Opaque for T {}
