//! Results, as a pair of nullables of which exactly one is there.

use super::{Coder, CoderError, CoderSpec, Decoded, Encoded, KvCoder, NullableCoder};

/// The coder of a `Result`: `kv<nullable<T>, nullable<E>>`.
#[derive(Clone, Debug)]
pub struct ResultCoder<CT, CE>(KvCoder<NullableCoder<CT>, NullableCoder<CE>>);

type Sides<T, E> = (Option<T>, Option<E>);

impl<CT, CE> ResultCoder<CT, CE> {
    /// Returns the coder of the two sides.
    pub(crate) fn sides(&self) -> &KvCoder<NullableCoder<CT>, NullableCoder<CE>> {
        &self.0
    }

    fn write<T: 'static, E: 'static>(&self, value: &Result<T, E>, outer: bool, out: &mut Vec<u8>) -> Encoded
    where
        CT: Coder<T>,
        CE: Coder<E>,
    {
        let (ok, err) = (value.as_ref().ok(), value.as_ref().err());
        self.0.key().write(false, out, |c, outer, out| c.write(ok, outer, out)).map_err(|e| e.at("ok"))?;
        self.0.value().write(outer, out, |c, outer, out| c.write(err, outer, out)).map_err(|e| e.at("error"))
    }
}

/// Takes the one side that is there.
pub(crate) fn one_of<T, E>(sides: Sides<T, E>) -> Decoded<Result<T, E>> {
    match sides {
        (Some(ok), None) => Ok(Ok(ok)),
        (None, Some(err)) => Ok(Err(err)),
        (Some(_), Some(_)) => Err(CoderError::invalid("a result", "both a value and an error")),
        (None, None) => Err(CoderError::invalid("a result", "neither a value nor an error")),
    }
}

impl<T: 'static, E: 'static, CT: Coder<T>, CE: Coder<E>> Coder<Result<T, E>> for ResultCoder<CT, CE> {
    #[inline]
    fn new() -> Self {
        ResultCoder(Coder::<Sides<T, E>>::new())
    }

    fn spec(&self) -> CoderSpec {
        Coder::<Sides<T, E>>::spec(&self.0)
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        Coder::<Sides<T, E>>::from_spec(spec).map(ResultCoder)
    }

    #[inline]
    fn encode(&self, value: &Result<T, E>, out: &mut Vec<u8>) -> Encoded {
        self.write(value, false, out)
    }

    #[inline]
    fn decode(&self, input: &mut &[u8]) -> Decoded<Result<T, E>> {
        one_of(self.0.decode(input)?)
    }

    #[inline]
    fn encode_outer(&self, value: &Result<T, E>, out: &mut Vec<u8>) -> Encoded {
        self.write(value, true, out)
    }

    #[inline]
    fn decode_outer(&self, input: &mut &[u8]) -> Decoded<Result<T, E>> {
        one_of(self.0.decode_outer(input)?)
    }
}
