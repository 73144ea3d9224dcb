//! What is in a box is encoded as it would be without.

use super::{Coder, CoderSpec, Decoded, Encoded, FieldCoder};
use ferrobeam_model::pipeline::FieldType;

/// The coder of a `Box`: that of what is in it.
#[derive(Clone, Debug)]
pub struct BoxCoder<C>(C);

impl<T: 'static, C: Coder<T>> Coder<Box<T>> for BoxCoder<C> {
    #[inline]
    fn new() -> Self {
        BoxCoder(C::new())
    }

    fn spec(&self) -> CoderSpec {
        self.0.spec()
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        C::from_spec(spec).map(BoxCoder)
    }

    #[inline]
    fn encode(&self, value: &Box<T>, out: &mut Vec<u8>) -> Encoded {
        self.0.encode(value, out)
    }

    #[inline]
    fn decode(&self, input: &mut &[u8]) -> Decoded<Box<T>> {
        self.0.decode(input).map(Box::new)
    }

    #[inline]
    fn encode_outer(&self, value: &Box<T>, out: &mut Vec<u8>) -> Encoded {
        self.0.encode_outer(value, out)
    }

    #[inline]
    fn decode_outer(&self, input: &mut &[u8]) -> Decoded<Box<T>> {
        self.0.decode_outer(input).map(Box::new)
    }
}

impl<T: 'static, C: FieldCoder<T>> FieldCoder<Box<T>> for BoxCoder<C> {
    fn field_type(&self) -> FieldType {
        self.0.field_type()
    }

    #[inline]
    fn encode_field(&self, value: &Box<T>, out: &mut Vec<u8>) -> Encoded {
        self.0.encode_field(value, out)
    }

    #[inline]
    fn decode_field(&self, input: &mut &[u8]) -> Decoded<Box<T>> {
        self.0.decode_field(input).map(Box::new)
    }

    #[inline]
    fn null(&self) -> Option<Box<T>> {
        self.0.null().map(Box::new)
    }

    #[inline]
    fn is_null(&self, value: &Box<T>) -> bool {
        self.0.is_null(value)
    }
}
