//! Schemas: the types of rows, as the graph knows them.

use super::Row;
use crate::coder::CoderSpec;
use crate::coder::urn::{LENGTH_PREFIX, LOGICAL_ELEMENT, LOGICAL_ENUM};
use bytes::Bytes;
use ferrobeam_model::pipeline::field_type::TypeInfo;
use ferrobeam_model::pipeline::{
    ArrayType, AtomicType, AtomicTypeValue, Field, FieldType, FieldValue, LogicalType, MapType, MapTypeEntry,
    MapTypeValue, RowType, Schema, atomic_type_value, field_value,
};
use prost::Message;
use xxhash_rust::xxh3::xxh3_128;

fn not_null(type_info: TypeInfo) -> FieldType {
    FieldType { nullable: false, type_info: Some(type_info) }
}

/// A type of Beam's own.
pub(crate) fn atomic(atomic: AtomicType) -> FieldType {
    not_null(TypeInfo::AtomicType(atomic.into()))
}

/// A list.
pub(crate) fn array(item: FieldType) -> FieldType {
    not_null(TypeInfo::ArrayType(Box::new(ArrayType { element_type: Some(Box::new(item)) })))
}

/// A map.
pub(crate) fn map(key: FieldType, value: FieldType) -> FieldType {
    let map = MapType { key_type: Some(Box::new(key)), value_type: Some(Box::new(value)) };
    not_null(TypeInfo::MapType(Box::new(map)))
}

/// A type that says more than its representation.
pub(crate) fn logical(urn: &str, representation: FieldType) -> FieldType {
    logical_of(urn, representation, None)
}

fn logical_of(urn: &str, representation: FieldType, argument: Option<(FieldType, FieldValue)>) -> FieldType {
    let (argument_type, argument) = argument.unzip();
    not_null(TypeInfo::LogicalType(Box::new(LogicalType {
        urn: urn.to_owned(),
        payload: Bytes::new(),
        representation: Some(Box::new(representation)),
        argument_type: argument_type.map(Box::new),
        argument,
    })))
}

/// An element that is no Beam type: bytes, and the URN of its coder for those who wonder.
pub(crate) fn element_type(spec: &CoderSpec) -> FieldType {
    let inner = match spec.components.as_slice() {
        [inner] if spec.urn == LENGTH_PREFIX => inner,
        _ => spec,
    };
    let urn = value(atomic_type_value::Value::String(inner.urn.to_string()));
    logical_of(LOGICAL_ELEMENT, atomic(AtomicType::Bytes), Some((atomic(AtomicType::String), urn)))
}

/// An enum without data: its discriminant, and the names of all.
#[must_use]
pub fn enum_type(variants: &[(&str, i64)]) -> FieldType {
    let entries = variants.iter().map(|(name, discriminant)| MapTypeEntry {
        key: Some(value(atomic_type_value::Value::String((*name).to_owned()))),
        value: Some(value(atomic_type_value::Value::Int64(*discriminant))),
    });
    let argument = field_value::FieldValue::MapValue(MapTypeValue { entries: entries.collect() });
    let argument = FieldValue { field_value: Some(argument) };
    let names = map(atomic(AtomicType::String), atomic(AtomicType::Int64));
    logical_of(LOGICAL_ENUM, atomic(AtomicType::Int64), Some((names, argument)))
}

fn value(value: atomic_type_value::Value) -> FieldValue {
    FieldValue { field_value: Some(field_value::FieldValue::AtomicValue(AtomicTypeValue { value: Some(value) })) }
}

/// A row of named fields.
pub(crate) fn row_type<'a>(fields: impl IntoIterator<Item = (&'a str, FieldType)>) -> FieldType {
    not_null(TypeInfo::RowType(RowType { schema: Some(schema(fields)) }))
}

/// A variant of an enum with data: a row of its fields, which is null if the value is another variant.
#[must_use]
pub fn variant_type(names: &[&str], types: Vec<FieldType>) -> FieldType {
    FieldType { nullable: true, ..row_type(names.iter().copied().zip(types)) }
}

/// Makes a schema whose id follows from its content: the same type has the same id in every process.
pub(crate) fn schema<'a>(fields: impl IntoIterator<Item = (&'a str, FieldType)>) -> Schema {
    let fields = fields.into_iter().zip(0..).map(|((name, field_type), position)| Field {
        name: name.to_owned(),
        r#type: Some(field_type),
        id: position,
        encoding_position: position,
        ..Field::default()
    });
    let mut schema = Schema { fields: fields.collect(), encoding_positions_set: true, ..Schema::default() };
    schema.id = uuid(xxh3_128(&schema.encode_to_vec()));
    schema
}

/// Other SDKs parse the id as a UUID; version 8 is the one whose bits are anybody's own.
fn uuid(hash: u128) -> String {
    let version_and_variant = (0xf << 76) | (0x3 << 62);
    let bits = hash & !version_and_variant | 8 << 76 | 2 << 62;
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// The schema of a row type.
pub(crate) fn schema_of<T: Row>() -> Schema {
    schema(T::NAMES.iter().copied().zip(T::types()))
}
