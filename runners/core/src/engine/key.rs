//! Keys in maps of many keys.

use bytes::Bytes;

/// The bytes of a key, in the order of a hash of them.
///
/// A map of a million keys compares twenty of them to find one. Bytes lie anywhere in memory, and each comparison would miss
/// the cache; with the hash beside it all but the last end without a look at the bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HashedKey {
    pub(super) hash: u64,
    pub(super) bytes: Bytes,
}

impl HashedKey {
    pub(super) fn new(bytes: &Bytes) -> Self {
        // Always the same, so that a run repeats.
        let hash = foldhash::fast::FixedState::with_seed(0x5EED);
        HashedKey { hash: std::hash::BuildHasher::hash_one(&hash, &**bytes), bytes: bytes.clone() }
    }
}
