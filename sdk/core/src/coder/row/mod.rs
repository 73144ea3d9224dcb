//! `row:v1`: structs as Beam rows with a schema, which other languages and SQL can read.
//!
//! On the wire: the number of fields, a bitmap of the null ones (shorter than a bit a field if the last ones are not null),
//! then the fields that are not null. A field's encoding is that of its Beam type, which for some types is not that of the
//! same type as an element: see [`FieldCoder`].
//!
//! Fields may be added at the end if they are optional: a row of fewer fields has nulls for the rest. A row of more fields is
//! read as far as it is known where its end is known (alone, or behind a length prefix), as Beam does; elsewhere it is an
//! error, since fields of unknown type cannot be skipped. If the graph has the fields in another order (an engine may say so
//! by encoding positions), or more of them, rows are rearranged on the way.

mod atoms;
mod field;
mod fields;
mod header;
mod mapping;
mod schema;
mod tuples;

pub(crate) use atoms::InRow;
pub use field::{FieldCoder, field_type, is_null, put_field};
pub(crate) use header::put_bitmap;
pub use header::{Header, put_header, put_variant_header};
pub(crate) use schema::{atomic, element_type, logical, row_type};
pub use schema::{enum_type, variant_type};

use super::{Coder, CoderError, CoderSpec, Decoded, Encoded};
use crate::coder::urn::ROW;
use ferrobeam_model::pipeline::{FieldType, Schema};
use mapping::Mapping;
use prost::Message;
use std::sync::Arc;

/// A type that is a row: its fields, in order. Derived, see [`Element`](crate::Element).
///
/// A Beam row cannot contain itself; for derived types the compiler says so.
pub trait Row: Sized + Send + Sync + 'static {
    /// The fields' names.
    const NAMES: &'static [&'static str];

    /// Returns the fields' types.
    fn types() -> Vec<FieldType>;

    /// Appends header and fields.
    ///
    /// # Errors
    /// As [`Coder::encode`].
    fn put(&self, out: &mut Vec<u8>) -> Encoded;

    /// Reads the fields behind a header.
    ///
    /// # Errors
    /// As [`Coder::decode`].
    fn take(header: &Header<'_>, input: &mut &[u8]) -> Decoded<Self>;
}

/// The coder of every [`Row`].
#[derive(Clone, Debug, Default)]
pub struct RowCoder {
    /// How the graph's rows differ from the type's own, if they do.
    mapping: Option<Arc<Mapping>>,
}

/// Reads the schema in the payload of a row's coder.
pub(crate) fn read_schema(spec: &CoderSpec) -> Decoded<Schema> {
    spec.expect(ROW, 0)?;
    Schema::decode(spec.payload.clone()).map_err(|e| CoderError::invalid("a schema", e))
}

impl RowCoder {
    #[inline]
    fn write<T: Row>(&self, value: &T, out: &mut Vec<u8>) -> Encoded {
        match &self.mapping {
            None => value.put(out),
            Some(mapping) => {
                let mut own = Vec::new();
                value.put(&mut own)?;
                mapping.to_wire(&own, out)
            }
        }
    }

    #[inline(always)]
    fn read<T: Row>(&self, outer: bool, input: &mut &[u8]) -> Decoded<T> {
        if let Some(mapping) = &self.mapping {
            let own = mapping.to_own(input)?;
            let mut own = own.as_slice();
            return Self::take_as_it_is(&Header::read(&mut own)?, &mut own);
        }
        let header = Header::read(input)?;
        match header.finish(T::NAMES.len()) {
            Ok(()) => T::take(&header, input),
            Err(error) => Self::read_longer(outer, &header, input, error),
        }
    }

    /// Code for all rows that are not as the type would have them, and so not inlined again and again.
    #[inline(never)]
    fn take_as_it_is<T: Row>(header: &Header<'_>, input: &mut &[u8]) -> Decoded<T> {
        T::take(header, input)
    }

    /// Reads a row that has more fields than the type.
    #[cold]
    fn read_longer<T: Row>(outer: bool, header: &Header<'_>, input: &mut &[u8], error: CoderError) -> Decoded<T> {
        let value = Self::take_as_it_is(header, input);
        if !outer {
            return value.and(Err(error));
        }
        // Alone, or behind a length, its end is known.
        *input = &[];
        value
    }
}

impl<T: Row> Coder<T> for RowCoder {
    #[inline]
    fn new() -> Self {
        RowCoder { mapping: None }
    }

    fn spec(&self) -> CoderSpec {
        let schema = match &self.mapping {
            None => schema::schema_of::<T>(),
            Some(mapping) => mapping.schema().clone(),
        };
        CoderSpec::leaf(ROW).with_payload(schema.encode_to_vec())
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        let (wire, own) = (read_schema(spec)?, schema::schema_of::<T>());
        let mapping = Mapping::between(wire, &own).map_err(|e| e.at(std::any::type_name::<T>()))?;
        Ok(RowCoder { mapping: mapping.map(Arc::new) })
    }

    #[inline]
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Encoded {
        self.write(value, out)
    }

    #[inline(always)]
    fn decode(&self, input: &mut &[u8]) -> Decoded<T> {
        self.read(false, input)
    }

    #[inline]
    fn decode_outer(&self, input: &mut &[u8]) -> Decoded<T> {
        self.read(true, input)
    }
}
