//! `nullable:v1`: a value that may be absent.

use super::wire::take_array;
use super::{Coder, CoderError, CoderSpec, Decoded, Encoded, Part};
use crate::coder::urn::NULLABLE;

/// The coder of an `Option`: one byte, 0 or 1, then the value if there is one.
#[derive(Clone, Debug)]
pub struct NullableCoder<C>(Part<C>);

impl<C> NullableCoder<C> {
    /// Returns the coder of a value that is there.
    pub fn value(&self) -> &Part<C> {
        &self.0
    }

    /// Appends a value that is borrowed.
    #[inline]
    pub(crate) fn write<T>(&self, value: Option<&T>, outer: bool, out: &mut Vec<u8>) -> Encoded
    where
        C: Coder<T>,
    {
        out.push(u8::from(value.is_some()));
        match value {
            Some(value) if outer => self.0.encode_outer(value, out),
            Some(value) => self.0.encode(value, out),
            None => Ok(()),
        }
    }
}

/// Reads the byte that says whether a value follows.
#[inline]
pub(crate) fn take_presence(input: &mut &[u8]) -> Decoded<bool> {
    match take_array(input, "a null marker")? {
        [0] => Ok(false),
        [1] => Ok(true),
        [other] => Err(CoderError::invalid("a null marker, 0 or 1", other)),
    }
}

impl<T: 'static, C: Coder<T>> Coder<Option<T>> for NullableCoder<C> {
    #[inline]
    fn new() -> Self {
        NullableCoder(Coder::<T>::new())
    }

    fn spec(&self) -> CoderSpec {
        CoderSpec::of(NULLABLE, vec![self.0.spec()])
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        spec.expect(NULLABLE, 1)?;
        Coder::<T>::from_spec(&spec.components[0]).map(NullableCoder)
    }

    #[inline]
    fn encode(&self, value: &Option<T>, out: &mut Vec<u8>) -> Encoded {
        self.write(value.as_ref(), false, out)
    }

    #[inline]
    fn decode(&self, input: &mut &[u8]) -> Decoded<Option<T>> {
        if take_presence(input)? { self.0.decode(input).map(Some) } else { Ok(None) }
    }

    #[inline]
    fn encode_outer(&self, value: &Option<T>, out: &mut Vec<u8>) -> Encoded {
        self.write(value.as_ref(), true, out)
    }

    #[inline]
    fn decode_outer(&self, input: &mut &[u8]) -> Decoded<Option<T>> {
        if take_presence(input)? { self.0.decode_outer(input).map(Some) } else { Ok(None) }
    }
}
