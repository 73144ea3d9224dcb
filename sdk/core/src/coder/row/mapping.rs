//! Rows of the graph that are not laid out as the type's own: other order, other set of fields.
//!
//! A slow path that few pipelines take: a row is cut into its fields' bytes by its schema, and put together anew.

use super::header::{Header, put_bitmap};
use crate::coder::dynamic::{DynRow, Reader};
use crate::coder::wire::put_varint;
use crate::coder::{CoderError, Decoded, Encoded};
use ferrobeam_model::pipeline::{Field, FieldType, Schema, field_type::TypeInfo};

/// The graph's schema, the type's own, and which field is which.
#[derive(Debug)]
pub(crate) struct Mapping {
    schema: Schema,
    wire: DynRow,
    own: DynRow,
    /// For each place on the wire, the index of the type's own field there.
    to_own: Vec<Option<usize>>,
}

impl Mapping {
    /// Compares two schemas; `None` if a row of one is a row of the other.
    pub(crate) fn between(wire: Schema, own: &Schema) -> Decoded<Option<Mapping>> {
        let wire_row = DynRow::new(&wire)?;
        let in_order = wire_row.order().iter().copied().eq(0..own.fields.len());
        if in_order && wire.fields.iter().zip(&own.fields).all(|(a, b)| a.name == b.name && same(a, b)) {
            return Ok(None);
        }
        let known = |field: &Field| wire.fields.iter().any(|other| other.name == field.name);
        if !own.fields.iter().any(known) {
            return Err(CoderError::invalid("a row of this type", "one without any of its fields"));
        }
        for field in &own.fields {
            match wire.fields.iter().find(|other| other.name == field.name) {
                Some(other) if same_but_null(other, field) => {}
                Some(_) => {
                    let found = "another type in the graph";
                    return Err(CoderError::invalid("a field of this type", found).at(field.name.clone()));
                }
                None if nullable(field) => {}
                None => {
                    let found = "none in the graph";
                    return Err(CoderError::invalid("a field that is not optional", found).at(field.name.clone()));
                }
            }
        }
        let index = |name: &str| own.fields.iter().position(|field| field.name == name);
        let mut to_own = Vec::with_capacity(wire.fields.len());
        for field in wire_row.order().iter().map(|index| &wire.fields[*index]) {
            let own = index(&field.name);
            if own.is_none() && !nullable(field) {
                let found = "none in the type";
                return Err(CoderError::invalid("a field that the graph needs", found).at(field.name.clone()));
            }
            to_own.push(own);
        }
        Ok(Some(Mapping { schema: wire, wire: wire_row, own: DynRow::new(own)?, to_own }))
    }

    /// Returns the graph's schema.
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Takes a row of the graph and makes one of the type's own.
    pub(crate) fn to_own(&self, input: &mut &[u8]) -> Decoded<Vec<u8>> {
        let wire = split(&self.wire, input)?;
        self.check(&wire)?;
        let mut fields = vec![None; self.own.order().len()];
        for (field, own) in wire.into_iter().zip(&self.to_own) {
            if let Some(own) = own {
                fields[*own] = field;
            }
        }
        let mut out = Vec::new();
        join(&fields, &mut out);
        Ok(out)
    }

    /// Appends, as a row of the graph, one of the type's own.
    pub(crate) fn to_wire(&self, mut own: &[u8], out: &mut Vec<u8>) -> Encoded {
        let own = split(&self.own, &mut own)?;
        let fields: Vec<_> = self.to_own.iter().map(|index| index.and_then(|index| own[index])).collect();
        self.check(&fields)?;
        join(&fields, out);
        Ok(())
    }

    /// Checks that fields are null only where the graph has it so.
    fn check(&self, fields: &[Option<&[u8]>]) -> Encoded {
        for (field, index) in fields.iter().zip(self.wire.order()) {
            let field_type = &self.schema.fields[*index];
            if field.is_none() && !nullable(field_type) {
                return Err(CoderError::refused("null, where the graph has a value").at(field_type.name.clone()));
            }
        }
        Ok(())
    }
}

fn nullable(field: &Field) -> bool {
    field.r#type.as_ref().is_some_and(|field_type| field_type.nullable)
}

fn same(a: &Field, b: &Field) -> bool {
    nullable(a) == nullable(b) && same_but_null(a, b)
}

fn same_but_null(a: &Field, b: &Field) -> bool {
    let bare = |field: &Field| field.r#type.as_ref().map(|field_type| bare(field_type, true));
    bare(a) == bare(b)
}

/// A type without what does not change its encoding: ids, descriptions and options of nested rows.
fn bare(field_type: &FieldType, drop_null: bool) -> FieldType {
    let inner = |field_type: &Option<Box<FieldType>>| field_type.as_ref().map(|inner| Box::new(bare(inner, false)));
    let type_info = field_type.type_info.clone().map(|mut type_info| {
        match &mut type_info {
            TypeInfo::AtomicType(_) => {}
            TypeInfo::ArrayType(array) => array.element_type = inner(&array.element_type),
            TypeInfo::IterableType(iterable) => iterable.element_type = inner(&iterable.element_type),
            TypeInfo::MapType(map) => {
                map.key_type = inner(&map.key_type);
                map.value_type = inner(&map.value_type);
            }
            TypeInfo::LogicalType(logical) => logical.representation = inner(&logical.representation),
            TypeInfo::RowType(row) => {
                if let Some(schema) = &mut row.schema {
                    schema.id.clear();
                    schema.options.clear();
                    for field in &mut schema.fields {
                        field.id = 0;
                        field.description.clear();
                        field.options.clear();
                        field.r#type = field.r#type.as_ref().map(|field_type| bare(field_type, false));
                    }
                }
            }
        }
        type_info
    });
    FieldType { nullable: field_type.nullable && !drop_null, type_info }
}

/// Cuts an encoded row into the bytes of its fields, in the order of the wire; null is `None`.
fn split<'a>(row: &DynRow, input: &mut &'a [u8]) -> Decoded<Vec<Option<&'a [u8]>>> {
    let header = Header::read(input)?;
    let mut fields = Vec::with_capacity(row.order().len());
    for place in 0..row.order().len() {
        fields.push(if header.has(place) {
            let before = *input;
            row.take_field(place, input, &mut Reader::default())?;
            Some(&before[..before.len() - input.len()])
        } else {
            None
        });
    }
    if header.has_beyond(row.order().len()) {
        return Err(CoderError::invalid("a row of the fields of the graph", format!("{} fields", header.fields())));
    }
    Ok(fields)
}

/// Appends a row of encoded fields.
fn join(fields: &[Option<&[u8]>], out: &mut Vec<u8>) {
    put_varint(fields.len() as u64, out);
    put_bitmap(fields.iter().map(Option::is_none), out);
    fields.iter().flatten().for_each(|field| out.extend_from_slice(field));
}
