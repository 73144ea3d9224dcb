//! Coders without parts.

use super::row::{atomic, element_type};
use super::urn::{BOOL, BYTES, DOUBLE, STRING_UTF8, VARINT};
use super::{Coder, CoderSpec, Decoded, Encoded};
use ferrobeam_model::pipeline::{AtomicType, FieldType};

/// A type with one fixed encoding: numbers, text, bytes, times.
pub trait Leaf: Sized + 'static {
    /// The coder's URN.
    const URN: &'static str;

    /// Appends the nested encoding.
    fn put(&self, out: &mut Vec<u8>);

    /// Reads the nested encoding.
    ///
    /// # Errors
    /// If `input` does not begin with one.
    fn take(input: &mut &[u8]) -> Decoded<Self>;

    /// Appends the outer encoding.
    #[inline]
    fn put_outer(&self, out: &mut Vec<u8>) {
        self.put(out);
    }

    /// Reads the outer encoding.
    ///
    /// # Errors
    /// If `input` is none.
    #[inline]
    fn take_outer(input: &mut &[u8]) -> Decoded<Self> {
        Self::take(input)
    }

    /// Returns the Beam type of a field of a row.
    fn field_type() -> FieldType {
        match Self::URN {
            VARINT => atomic(AtomicType::Int64),
            DOUBLE => atomic(AtomicType::Double),
            BOOL => atomic(AtomicType::Boolean),
            STRING_UTF8 => atomic(AtomicType::String),
            BYTES => atomic(AtomicType::Bytes),
            other => element_type(&CoderSpec::leaf(other)),
        }
    }

    /// Appends the encoding in a row.
    #[inline]
    fn put_field(&self, out: &mut Vec<u8>) {
        self.put(out);
    }

    /// Reads the encoding in a row.
    ///
    /// # Errors
    /// If `input` does not begin with one.
    #[inline]
    fn take_field(input: &mut &[u8]) -> Decoded<Self> {
        Self::take(input)
    }
}

/// The coder of every [`Leaf`].
#[derive(Clone, Copy, Debug)]
pub struct LeafCoder;

impl<T: Leaf> Coder<T> for LeafCoder {
    #[inline]
    fn new() -> Self {
        LeafCoder
    }

    fn spec(&self) -> CoderSpec {
        CoderSpec::leaf(T::URN)
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        spec.expect(T::URN, 0).map(|()| LeafCoder)
    }

    #[inline]
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Encoded {
        value.put(out);
        Ok(())
    }

    #[inline]
    fn decode(&self, input: &mut &[u8]) -> Decoded<T> {
        T::take(input)
    }

    #[inline]
    fn encode_outer(&self, value: &T, out: &mut Vec<u8>) -> Encoded {
        value.put_outer(out);
        Ok(())
    }

    #[inline]
    fn decode_outer(&self, input: &mut &[u8]) -> Decoded<T> {
        T::take_outer(input)
    }
}
