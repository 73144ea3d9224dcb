use std::ops::{Range, RangeInclusive};

/// How large the byte ranges may be into which files are cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeSizes(RangeInclusive<u64>);

impl RangeSizes {
    /// At least `sizes.start()` bytes (but never less than one), at most `sizes.end()`.
    pub fn new(sizes: RangeInclusive<u64>) -> RangeSizes {
        let least = (*sizes.start()).max(1);
        RangeSizes(least..=least.max(*sizes.end()))
    }

    /// The size that cuts `total` bytes into about `parts` ranges, within the bounds.
    pub fn choose(&self, total: u64, parts: usize) -> u64 {
        total.div_ceil(parts.max(1) as u64).clamp(*self.0.start(), *self.0.end())
    }
}

impl Default for RangeSizes {
    /// From 1 MiB, below which opening a file costs more than reading it, to 64 MiB, so that work can be shared out.
    fn default() -> Self {
        RangeSizes::new(1 << 20..=64 << 20)
    }
}

/// Cuts `0..size` into ranges of about equal size, none larger than `most`.
///
/// ```
/// assert_eq!(ferrobeam_io::files::cut(10, 6).collect::<Vec<_>>(), [0..5, 5..10]);
/// ```
pub fn cut(size: u64, most: u64) -> impl Iterator<Item = Range<u64>> {
    let pieces = size.div_ceil(most.max(1));
    // In u128, since `size * pieces` may be larger than a u64.
    let at = move |piece: u64| (u128::from(size) * u128::from(piece) / u128::from(pieces)) as u64;
    (0..pieces).map(move |piece| at(piece)..at(piece + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_cover_the_file_in_order(size in any::<u64>(), pieces in 1..300_u64) {
            let most = size.div_ceil(pieces).max(1);
            let ranges = cut(size, most).collect::<Vec<_>>();
            let mut next = 0;
            for range in &ranges {
                prop_assert_eq!(range.start, next);
                prop_assert!(range.end > range.start && range.end - range.start <= most);
                next = range.end;
            }
            prop_assert_eq!(next, size);
            prop_assert!(ranges.len() as u64 <= pieces);
        }

        #[test]
        fn sizes_stay_within_their_bounds(a in any::<u64>(), b in any::<u64>(), total in any::<u64>(), parts in 0..99_usize) {
            let size = RangeSizes::new(a..=b).choose(total, parts);
            prop_assert!(size >= a.max(1) && size <= b.max(a).max(1));
        }
    }
}
