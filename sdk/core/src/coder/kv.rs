//! `kv:v1`: what engines group by.

use super::{Coder, CoderSpec, Decoded, Encoded, Part};
use crate::coder::urn::KV;

/// The coder of a pair: Beam's KV. In the outer context the value is outer, the key never is.
#[derive(Clone, Debug)]
pub struct KvCoder<CK, CV> {
    key: Part<CK>,
    value: Part<CV>,
}

impl<CK, CV> KvCoder<CK, CV> {
    /// Returns the coder of the key.
    pub fn key(&self) -> &Part<CK> {
        &self.key
    }

    /// Returns the coder of the value.
    pub fn value(&self) -> &Part<CV> {
        &self.value
    }

    /// Appends a pair that is not a tuple in memory.
    #[inline]
    pub(crate) fn write<K, V>(&self, key: &K, value: &V, outer: bool, out: &mut Vec<u8>) -> Encoded
    where
        CK: Coder<K>,
        CV: Coder<V>,
    {
        self.key.encode(key, out).map_err(|e| e.at("key"))?;
        if outer { self.value.encode_outer(value, out) } else { self.value.encode(value, out) }
            .map_err(|e| e.at("value"))
    }
}

impl<K: 'static, V: 'static, CK: Coder<K>, CV: Coder<V>> Coder<(K, V)> for KvCoder<CK, CV> {
    #[inline]
    fn new() -> Self {
        KvCoder { key: <Part<CK> as Coder<K>>::new(), value: <Part<CV> as Coder<V>>::new() }
    }

    fn spec(&self) -> CoderSpec {
        CoderSpec::of(KV, vec![Coder::<K>::spec(&self.key), Coder::<V>::spec(&self.value)])
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        spec.expect(KV, 2)?;
        Ok(KvCoder {
            key: <Part<CK> as Coder<K>>::from_spec(&spec.components[0]).map_err(|e| e.at("key"))?,
            value: <Part<CV> as Coder<V>>::from_spec(&spec.components[1]).map_err(|e| e.at("value"))?,
        })
    }

    #[inline]
    fn encode(&self, (key, value): &(K, V), out: &mut Vec<u8>) -> Encoded {
        self.write(key, value, false, out)
    }

    #[inline]
    fn decode(&self, input: &mut &[u8]) -> Decoded<(K, V)> {
        let key = self.key.decode(input).map_err(|e| e.at("key"))?;
        Ok((key, self.value.decode(input).map_err(|e| e.at("value"))?))
    }

    #[inline]
    fn encode_outer(&self, (key, value): &(K, V), out: &mut Vec<u8>) -> Encoded {
        self.write(key, value, true, out)
    }

    #[inline]
    fn decode_outer(&self, input: &mut &[u8]) -> Decoded<(K, V)> {
        let key = self.key.decode(input).map_err(|e| e.at("key"))?;
        Ok((key, self.value.decode_outer(input).map_err(|e| e.at("value"))?))
    }
}
