//! Elements by their bytes: the one thing that all elements have in common, and that is the same in every process.

use crate::Element;
use crate::coder::{self, Coder};
use std::cmp::Ordering;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

fn encoding<T: Element>(element: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    // An element that cannot be encoded fails where it is to be encoded, with a text that says so; up to there its
    // first bytes do.
    let _ = coder::of::<T>().encode(element, &mut bytes);
    bytes
}

/// Orders elements that nothing else tells apart, so that which of them is kept does not depend on who came first.
#[cold]
pub(crate) fn compare<T: Element>(a: &T, b: &T) -> Ordering {
    encoding(a).cmp(&encoding(b))
}

/// A fixed, well-mixed hash of an element.
pub(crate) fn hash<T: Element>(element: &T) -> u64 {
    xxh3_64(&encoding(element))
}

/// Mixes two numbers into one that looks random.
#[inline]
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    xxh3_64_with_seed(&a.to_le_bytes(), b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_the_same_in_all_processes_and_versions() {
        // xxh3 of the bytes 04 62 65 61 6d and of eight zero bytes: accumulators of two versions meet in one state.
        assert_eq!(hash(&"beam".to_owned()), xxh3_64(b"\x04beam"));
        assert_eq!(hash(&"beam".to_owned()), HASH_OF_BEAM);
        assert_eq!(mix(0, 0), MIX_OF_ZEROS);
    }

    const HASH_OF_BEAM: u64 = 1_857_388_461_542_999_083;
    const MIX_OF_ZEROS: u64 = 0xC77B_3ABB_6F87_ACD9;
}
