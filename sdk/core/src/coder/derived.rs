//! What derived code says `::ferrobeam::__private` for. Not part of the interface.

pub use super::row::{
    FieldCoder, Header, Row, RowCoder, Within, enum_type, field_type, is_null, put_field, put_header,
    put_variant_header,
};
pub use super::{
    Coder, CoderError, CoderSpec, Decoded, Encoded, IterableCoder, Leaf, LeafCoder, OpaqueCoder, put_varint,
    take_varint,
};
pub use crate::{Element, Key};
pub use ferrobeam_model::pipeline::FieldType;
