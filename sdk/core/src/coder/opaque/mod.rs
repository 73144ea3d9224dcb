//! Any serde type, in postcard's encoding.
//!
//! Serde follows the data as deep as they go, and counts as far as they say: values nest at most 128 levels deep, and lists
//! hold at most 65,536 items that take no bytes. Both are refused when encoded, too: what was encoded can be decoded.

mod decode;
mod encode;
mod limits;

use super::{Coder, CoderError, CoderSpec, Decoded, Encoded, Prefixed};
use crate::coder::urn::POSTCARD;
use limits::{Limited, Limits};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::type_name;
use std::cell::Cell;
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
        write!(f, "PostcardCoder<{}>", type_name::<T>())
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
        let (start, items) = (out.len(), Cell::new(usize::MAX));
        let limited = Limited { inner: value, limits: Limits::new(&items) };
        postcard::serialize_with_flavor(&limited, Append(out))
            .map_err(|e| CoderError::refused(format!("`{}`: {e}", type_name::<T>())))?;
        if usize::MAX - items.get() > limits::items(out.len() - start) {
            let text = format!("`{}`: a list of too many items without bytes", type_name::<T>());
            return Err(CoderError::refused(text));
        }
        Ok(())
    }

    fn decode(&self, input: &mut &[u8]) -> Decoded<T> {
        let items = Cell::new(limits::items(input.len()));
        let mut postcard = postcard::Deserializer::from_bytes(input);
        let value = T::deserialize(Limited { inner: &mut postcard, limits: Limits::new(&items) });
        let value = value.and_then(|value| Ok((value, postcard.finalize()?)));
        let (value, rest) = value.map_err(|e| CoderError::invalid(type_name::<T>(), e))?;
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
