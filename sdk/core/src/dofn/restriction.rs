//! A part of a source's work that can be claimed, split, saved and moved.

use crate::Element;
use crate::coder::{Decoded, IterableCoder, Via, ViaCoder};

/// A part of a source's work.
///
/// Laws: what is claimed stays in `self`; `split` gives away only what is unclaimed; before and after, the union of
/// `self` and the residual is the same and they do not overlap; a claim that was refused once is refused ever after.
pub trait Restriction: Element {
    /// A point in the work, in the order of reading.
    type Position: Copy;

    /// Claims `position`; false when it is not, or no longer, ours: stop reading.
    fn try_claim(&mut self, position: Self::Position) -> bool;

    /// Gives away the part of the unclaimed work that lies beyond `fraction` of it; 0.0 gives all of it away.
    ///
    /// `None` if there is nothing to give.
    fn split(&mut self, fraction: f64) -> Option<Self>;

    /// Whether all of it was claimed: only then may reading end.
    fn is_done(&self) -> bool;
}

/// Offsets from `next` up to, but without, `end`.
///
/// ```
/// use ferrobeam_core::prelude::*;
/// let mut range = OffsetRange::new(0, 10);
/// assert!(range.try_claim(3));
/// let rest = range.split(0.0);
/// assert_eq!(rest, Some(OffsetRange::new(4, 10)));
/// assert!(!range.try_claim(4) && range.is_done());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetRange {
    next: u64,
    end: u64,
}

impl OffsetRange {
    /// The range `[start, end)`; empty if `end <= start`.
    pub fn new(start: u64, end: u64) -> Self {
        OffsetRange { next: start, end: end.max(start) }
    }

    /// The first offset that is not claimed.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The end.
    pub fn end(&self) -> u64 {
        self.end
    }
}

impl Via for OffsetRange {
    type As = (u64, u64);

    fn to(&self) -> (u64, u64) {
        (self.next, self.end)
    }
    fn from((next, end): (u64, u64)) -> Decoded<Self> {
        Ok(OffsetRange::new(next, end))
    }
}

impl Element for OffsetRange {
    type Coder = ViaCoder<<(u64, u64) as Element>::Coder>;
    type ListCoder = IterableCoder<Self::Coder>;
}

impl Restriction for OffsetRange {
    type Position = u64;

    fn try_claim(&mut self, position: u64) -> bool {
        if position >= self.end {
            self.next = self.end;
            return false;
        }
        // A claim backwards is a mistake of the source; it would emit an element twice.
        let ours = position >= self.next;
        if ours {
            self.next = position + 1;
        }
        ours
    }

    fn split(&mut self, fraction: f64) -> Option<Self> {
        let rest = self.end - self.next;
        let keep = (rest as f64 * fraction.clamp(0.0, 1.0)) as u64;
        if keep >= rest {
            return None;
        }
        let at = self.next + keep;
        let residual = OffsetRange { next: at, end: self.end };
        self.end = at;
        Some(residual)
    }

    fn is_done(&self) -> bool {
        self.next >= self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_split_loses_and_repeats_nothing(start in 0u64..100, len in 0u64..100, claims in 0u64..100, fraction in 0.0..1.0f64) {
            let mut range = OffsetRange::new(start, start + len);
            let mut seen = Vec::new();
            let mut position = start;
            while seen.len() < claims as usize && range.try_claim(position) {
                seen.push(position);
                position += 1;
            }
            let mut residual = range.split(fraction);
            for part in [Some(&mut range), residual.as_mut()].into_iter().flatten() {
                let mut position = part.next();
                while part.try_claim(position) {
                    seen.push(position);
                    position += 1;
                }
                prop_assert!(part.is_done());
            }
            prop_assert_eq!(seen, (start..start + len).collect::<Vec<_>>());
        }
    }
}
