//! One field of a row: its Beam type and its encoding.

use super::schema::element_type;
use crate::Element;
use crate::coder::wire::{finish, prefixed, take_prefixed};
use crate::coder::{Coder, Decoded, Encoded, nullable::take_presence, of};
use ferrobeam_model::pipeline::FieldType;

/// How a coder's values stand in a row.
///
/// Beam's rows have types that its coders lack (integers of 16 and 32 bits, single floats, maps, instants); a coder that
/// overrides nothing stands there as bytes.
///
/// Laws: as for the coder, for values that are not null; and `is_null(x)` only if `null() == Some(x)`.
pub trait FieldCoder<T>: Coder<T> {
    /// Returns the Beam type.
    fn field_type(&self) -> FieldType {
        element_type(&self.spec())
    }

    /// Appends a value that is not null.
    ///
    /// # Errors
    /// As [`Coder::encode`].
    #[inline]
    fn encode_field(&self, value: &T, out: &mut Vec<u8>) -> Encoded {
        prefixed(out, |out| self.encode_outer(value, out))
    }

    /// Reads a value that is not null.
    ///
    /// # Errors
    /// As [`Coder::decode`].
    #[inline]
    fn decode_field(&self, input: &mut &[u8]) -> Decoded<T> {
        let mut inner = take_prefixed(input, "a field")?;
        let value = self.decode_outer(&mut inner)?;
        finish(value, inner)
    }

    /// Returns the value that is null, if there is one.
    #[inline]
    fn null(&self) -> Option<T> {
        None
    }

    /// Tells whether a value is the null one.
    #[inline]
    fn is_null(&self, value: &T) -> bool {
        let _ = value;
        false
    }
}

/// Returns the Beam type of an element as a field.
#[must_use]
pub fn field_type<T: Element>() -> FieldType {
    of::<T>().field_type()
}

/// Tells whether a field is null in the header.
#[inline]
#[must_use]
pub fn is_null<T: Element>(value: &T) -> bool {
    of::<T>().is_null(value)
}

/// Appends a field, unless it is null: then the header says so.
///
/// # Errors
/// As [`Coder::encode`].
#[inline]
pub fn put_field<T: Element>(name: &'static str, value: &T, out: &mut Vec<u8>) -> Encoded {
    put_with(name, &of::<T>(), value, out)
}

/// Appends a field by its coder.
#[inline]
pub(crate) fn put_with<T>(name: &'static str, coder: &impl FieldCoder<T>, value: &T, out: &mut Vec<u8>) -> Encoded {
    if coder.is_null(value) { Ok(()) } else { coder.encode_field(value, out).map_err(|e| e.at(name)) }
}

/// Appends an item of a list or map in a row; null is a byte there.
#[inline]
pub(crate) fn put_item<T>(coder: &impl FieldCoder<T>, value: &T, out: &mut Vec<u8>) -> Encoded {
    if coder.null().is_some() {
        let null = coder.is_null(value);
        out.push(u8::from(!null));
        if null {
            return Ok(());
        }
    }
    coder.encode_field(value, out)
}

/// Reads an item of a list or map in a row.
#[inline]
pub(crate) fn take_item<T>(coder: &impl FieldCoder<T>, input: &mut &[u8]) -> Decoded<T> {
    match coder.null() {
        Some(null) if !take_presence(input)? => Ok(null),
        _ => coder.decode_field(input),
    }
}
