//! Types that are encoded as another type: a duration as two numbers, an array as a list.

use super::{Coder, CoderSpec, Decoded, Encoded};
use ferrobeam_model::pipeline::FieldType;

/// A type with a stand-in that has a coder.
pub trait Via: Sized + 'static {
    /// The stand-in.
    type As: 'static;

    /// Makes the stand-in.
    fn to(&self) -> Self::As;

    /// Takes the stand-in back.
    ///
    /// # Errors
    /// If it stands for no value.
    fn from(stand_in: Self::As) -> Decoded<Self>;

    /// Returns the Beam type of a field, from that of the stand-in.
    fn field_type(stand_in: FieldType) -> FieldType {
        stand_in
    }
}

/// The coder of a type that is encoded as another one, of which `C` is the coder.
#[derive(Clone, Copy, Debug)]
pub struct ViaCoder<C>(C);

impl<C> ViaCoder<C> {
    /// Returns the coder of the stand-in.
    pub(crate) fn stand_in(&self) -> &C {
        &self.0
    }
}

impl<T: Via, C: Coder<T::As>> Coder<T> for ViaCoder<C> {
    #[inline]
    fn new() -> Self {
        ViaCoder(C::new())
    }

    fn spec(&self) -> CoderSpec {
        self.0.spec()
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        C::from_spec(spec).map(ViaCoder)
    }

    #[inline]
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Encoded {
        self.0.encode(&value.to(), out)
    }

    #[inline]
    fn decode(&self, input: &mut &[u8]) -> Decoded<T> {
        T::from(self.0.decode(input)?)
    }

    #[inline]
    fn encode_outer(&self, value: &T, out: &mut Vec<u8>) -> Encoded {
        self.0.encode_outer(&value.to(), out)
    }

    #[inline]
    fn decode_outer(&self, input: &mut &[u8]) -> Decoded<T> {
        T::from(self.0.decode_outer(input)?)
    }
}
