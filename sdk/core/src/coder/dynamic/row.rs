//! Rows by their schema.

use super::Node;
use crate::coder::{CoderError, Decoded};
use ferrobeam_model::pipeline::field_type::TypeInfo;
use ferrobeam_model::pipeline::{AtomicType, FieldType, Schema};
use ferrobeam_model::urns::logical_types::{DECIMAL, MILLIS_INSTANT};
use std::sync::Arc;

/// A row's fields, and their order on the wire.
#[derive(Clone, Debug)]
pub(crate) struct DynRow {
    fields: Vec<DynField>,
    /// The index of the field at each place of the wire.
    order: Vec<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct DynField {
    pub(crate) name: Arc<str>,
    pub(crate) nullable: bool,
    pub(crate) node: Node,
}

impl DynRow {
    pub(crate) fn new(schema: &Schema) -> Decoded<Self> {
        let mut fields = Vec::with_capacity(schema.fields.len());
        for field in &schema.fields {
            let field_type = field.r#type.as_ref();
            let node = field_type.map_or_else(|| Err(no_type()), bare).map_err(|e| e.at(field.name.clone()))?;
            let nullable = field_type.is_some_and(|field_type| field_type.nullable);
            fields.push(DynField { name: field.name.as_str().into(), nullable, node });
        }
        Ok(DynRow { order: order(schema)?, fields })
    }

    pub(crate) fn fields(&self) -> &[DynField] {
        &self.fields
    }

    pub(crate) fn order(&self) -> &[usize] {
        &self.order
    }
}

/// Inverts the encoding positions, which must be a permutation.
fn order(schema: &Schema) -> Decoded<Vec<usize>> {
    let n = schema.fields.len();
    if !schema.encoding_positions_set {
        return Ok((0..n).collect());
    }
    let mut order = vec![None; n];
    for (index, field) in schema.fields.iter().enumerate() {
        let place = usize::try_from(field.encoding_position).ok().and_then(|place| order.get_mut(place));
        match place {
            Some(free @ None) => *free = Some(index),
            _ => {
                let found = field.encoding_position;
                return Err(CoderError::invalid("encoding positions from 0 on", found).at(field.name.clone()));
            }
        }
    }
    Ok(order.into_iter().flatten().collect())
}

fn no_type() -> CoderError {
    CoderError::invalid("the type of a field", "none that is known")
}

/// The coder of an item of a list or map, where null is a byte.
fn item(field_type: Option<&FieldType>) -> Decoded<Node> {
    let field_type = field_type.ok_or_else(no_type)?;
    let node = bare(field_type)?;
    Ok(if field_type.nullable { Node::Nullable(Box::new(node)) } else { node })
}

/// The coder of a value that is not null.
fn bare(field_type: &FieldType) -> Decoded<Node> {
    Ok(match field_type.type_info.as_ref().ok_or_else(no_type)? {
        TypeInfo::AtomicType(atomic) => match AtomicType::try_from(*atomic) {
            Ok(AtomicType::Byte) => Node::Byte,
            Ok(AtomicType::Int16) => Node::Int16,
            Ok(AtomicType::Int32) => Node::Int32,
            Ok(AtomicType::Int64) => Node::Varint,
            Ok(AtomicType::Float) => Node::Float,
            Ok(AtomicType::Double) => Node::Double,
            Ok(AtomicType::String) => Node::Text,
            Ok(AtomicType::Boolean) => Node::Bool,
            Ok(AtomicType::Bytes) => Node::Bytes,
            Ok(AtomicType::Unspecified) | Err(_) => return Err(no_type()),
        },
        TypeInfo::ArrayType(array) => Node::List(Box::new(item(array.element_type.as_deref())?)),
        TypeInfo::IterableType(iterable) => Node::List(Box::new(item(iterable.element_type.as_deref())?)),
        TypeInfo::MapType(map) => {
            Node::Map(Box::new((item(map.key_type.as_deref())?, item(map.value_type.as_deref())?)))
        }
        TypeInfo::RowType(row) => Node::Row(Arc::new(DynRow::new(row.schema.as_ref().ok_or_else(no_type)?)?)),
        TypeInfo::LogicalType(logical) => match logical.urn.as_str() {
            MILLIS_INSTANT => Node::Instant,
            DECIMAL => Node::Decimal,
            _ => bare(logical.representation.as_deref().ok_or_else(no_type)?)?,
        },
    })
}
