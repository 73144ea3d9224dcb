//! Any serde type, in postcard's encoding.

use super::{Coder, CoderError, CoderSpec, Decoded, Encoded, Prefixed};
use crate::coder::urn::POSTCARD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::marker::PhantomData;

/// The coder of `#[element(opaque)]` types: postcard bytes behind a length.
pub type OpaqueCoder<T> = Prefixed<PostcardCoder<T>>;

/// Postcard's encoding of a serde type, without a length.
pub struct PostcardCoder<T>(PhantomData<fn() -> T>);

impl<T> Clone for PostcardCoder<T> {
    fn clone(&self) -> Self {
        PostcardCoder(PhantomData)
    }
}

impl<T> fmt::Debug for PostcardCoder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostcardCoder<{}>", std::any::type_name::<T>())
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Coder<T> for PostcardCoder<T> {
    #[inline]
    fn new() -> Self {
        PostcardCoder(PhantomData)
    }

    fn spec(&self) -> CoderSpec {
        CoderSpec::leaf(POSTCARD)
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        spec.expect(POSTCARD, 0).map(|()| PostcardCoder(PhantomData))
    }

    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Encoded {
        postcard::serialize_with_flavor(value, Append(out))
            .map_err(|e| CoderError::refused(format!("`{}`: {e}", std::any::type_name::<T>())))
    }

    fn decode(&self, input: &mut &[u8]) -> Decoded<T> {
        let (value, rest) =
            postcard::take_from_bytes(input).map_err(|e| CoderError::invalid(std::any::type_name::<T>(), e))?;
        *input = rest;
        Ok(value)
    }
}

/// Lets postcard write behind what is in the buffer already.
struct Append<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Append<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}
