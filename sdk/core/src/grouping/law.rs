//! The law of keys: equal values, and only those, have equal bytes.

use super::hash;
use crate::Key;
use crate::coder::{self, Coder};
use crate::error::BoxError;
use bytes::Bytes;
use hashbrown::HashTable;

/// Keys with their bytes.
pub(super) struct Law<K>(HashTable<(K, Bytes)>);

impl<K> Default for Law<K> {
    fn default() -> Self {
        Law(HashTable::new())
    }
}

impl<K: Key> Law<K> {
    /// The key's bytes, shared with earlier equal keys.
    ///
    /// # Errors
    /// It breaks the law.
    pub(super) fn check(&mut self, key: K, bytes: &[u8]) -> Result<Bytes, BoxError> {
        if let Some((_, known)) = self.0.find(hash(&key), |(known, _)| *known == key) {
            if known == bytes {
                return Ok(known.clone());
            }
            return Err("two equal keys have different encodings, so a distributed engine would not group them: \
                        derive the key's type, or make `Eq` compare all that is encoded"
                .into());
        }
        if decode_all(&coder::of::<K>(), bytes)? != key {
            return Err("a key is not equal to itself after encoding and decoding: does `Eq` look at something that \
                        is not encoded?"
                .into());
        }
        let owned = Bytes::copy_from_slice(bytes);
        self.0.insert_unique(hash(&key), (key, owned.clone()), |(known, _)| hash(known));
        Ok(owned)
    }
}

/// Decodes all of these bytes.
///
/// # Errors
/// The coder's, or that bytes are left.
pub(super) fn decode_all<T, C: Coder<T>>(coder: &C, mut bytes: &[u8]) -> Result<T, BoxError> {
    let value = coder.decode(&mut bytes)?;
    if bytes.is_empty() { Ok(value) } else { Err(format!("decoding left {} bytes over", bytes.len()).into()) }
}
