//! Which keys a run certainly does not have.

/// A Bloom filter of numbers that are hashes, all bits of one in one word (Putze, Sanders and Singler, *Cache-, hash- and
/// space-efficient Bloom filters*, 2007). About one in fifty is thought to be there that is not.
pub(super) struct Filter(Vec<u64>);

/// For each number, so many bits.
const BITS: usize = 12;

impl Filter {
    /// None yet, of so many at most.
    pub(super) fn with_room(numbers: usize) -> Self {
        Filter(vec![0; (numbers * BITS).div_ceil(64).max(1)])
    }

    fn word(&self, hash: u64) -> usize {
        // Other bits than those below choose the word: the upper ones.
        ((u128::from(hash) * self.0.len() as u128) >> 64) as usize
    }

    pub(super) fn insert(&mut self, hash: u64) {
        let word = self.word(hash);
        self.0[word] |= bits(hash);
    }

    pub(super) fn may_have(&self, hash: u64) -> bool {
        let bits = bits(hash);
        self.0[self.word(hash)] & bits == bits
    }
}

/// Five bits of 64.
fn bits(hash: u64) -> u64 {
    (0..5).fold(0, |bits, n| bits | 1 << (hash >> (6 * n) & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found_and_little_else() {
        let hash =
            |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ n.wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(32);
        let mut filter = Filter::with_room(10_000);
        (0..10_000).for_each(|n| filter.insert(hash(n)));
        assert!((0..10_000).all(|n| filter.may_have(hash(n))));
        let wrong = (10_000..110_000).filter(|n| filter.may_have(hash(*n))).count();
        assert!(wrong < 5_000, "{wrong} of 100,000");
    }
}
