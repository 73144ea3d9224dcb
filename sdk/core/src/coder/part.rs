//! Length prefixes: those that an engine put in, and those that are always there.

use super::wire::{finish, prefixed, take_prefixed};
use super::{Coder, CoderSpec, Decoded, Encoded};
use crate::coder::urn::LENGTH_PREFIX;

/// A position in a coder tree where an engine may have put a length prefix: around a component, or around the whole.
#[derive(Clone, Debug)]
pub struct Part<C> {
    coder: C,
    prefixed: bool,
}

impl<C> Part<C> {
    /// Wraps a coder that no engine has seen.
    pub fn plain(coder: C) -> Self {
        Part { coder, prefixed: false }
    }

    /// Returns the coder within.
    pub fn coder(&self) -> &C {
        &self.coder
    }

    /// Appends with `write`, behind a length if there is a prefix. `write` is told whether its value ends with the frame.
    #[inline]
    pub(crate) fn write(
        &self,
        outer: bool,
        out: &mut Vec<u8>,
        write: impl FnOnce(&C, bool, &mut Vec<u8>) -> Encoded,
    ) -> Encoded {
        if self.prefixed { prefixed(out, |out| write(&self.coder, true, out)) } else { write(&self.coder, outer, out) }
    }

    /// Reads with `read`, inside of the prefix if there is one.
    #[inline]
    pub(crate) fn read<R>(
        &self,
        outer: bool,
        input: &mut &[u8],
        read: impl FnOnce(&C, bool, &mut &[u8]) -> Decoded<R>,
    ) -> Decoded<R> {
        if self.prefixed {
            let mut inner = take_prefixed(input, "a length-prefixed value")?;
            let value = read(&self.coder, true, &mut inner)?;
            finish(value, inner)
        } else {
            read(&self.coder, outer, input)
        }
    }
}

impl<T, C: Coder<T>> Coder<T> for Part<C> {
    #[inline]
    fn new() -> Self {
        Part::plain(C::new())
    }

    fn spec(&self) -> CoderSpec {
        let spec = self.coder.spec();
        if self.prefixed { CoderSpec::of(LENGTH_PREFIX, vec![spec]) } else { spec }
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        match (C::from_spec(spec), spec.components.as_slice()) {
            // A coder of ours that is always prefixed has taken the prefix for its own.
            (Ok(coder), _) => Ok(Part::plain(coder)),
            (Err(_), [inner]) if spec.urn == LENGTH_PREFIX => Ok(Part { coder: C::from_spec(inner)?, prefixed: true }),
            (Err(error), _) => Err(error),
        }
    }

    #[inline]
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Encoded {
        self.write(false, out, |c, outer, out| if outer { c.encode_outer(value, out) } else { c.encode(value, out) })
    }

    #[inline]
    fn decode(&self, input: &mut &[u8]) -> Decoded<T> {
        self.read(false, input, |c, outer, input| if outer { c.decode_outer(input) } else { c.decode(input) })
    }

    #[inline]
    fn encode_outer(&self, value: &T, out: &mut Vec<u8>) -> Encoded {
        self.write(true, out, |c, _, out| c.encode_outer(value, out))
    }

    #[inline]
    fn decode_outer(&self, input: &mut &[u8]) -> Decoded<T> {
        self.read(true, input, |c, _, input| c.decode_outer(input))
    }
}

/// A coder that stands behind a length prefix in every graph: one that no engine knows, and that it must be able to skip.
#[derive(Clone, Debug)]
pub struct Prefixed<C>(C);

impl<T, C: Coder<T>> Coder<T> for Prefixed<C> {
    #[inline]
    fn new() -> Self {
        Prefixed(C::new())
    }

    fn spec(&self) -> CoderSpec {
        CoderSpec::of(LENGTH_PREFIX, vec![self.0.spec()])
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        spec.expect(LENGTH_PREFIX, 1)?;
        C::from_spec(&spec.components[0]).map(Prefixed)
    }

    #[inline]
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Encoded {
        prefixed(out, |out| self.0.encode_outer(value, out))
    }

    #[inline]
    fn decode(&self, input: &mut &[u8]) -> Decoded<T> {
        let mut inner = take_prefixed(input, "a length-prefixed value")?;
        let value = self.0.decode_outer(&mut inner)?;
        finish(value, inner)
    }
}
