//! A part of some work that can be claimed, split, saved and moved.

use crate::Element;
use crate::coder::{Decoded, IterableCoder, Via, ViaCoder};
use std::hash::{Hash, Hasher};

/// A part of the work of a source, or of a splittable step on one element.
///
/// Laws: what is claimed stays in `self`; `split` gives away only what is unclaimed; before and after, the union of
/// `self` and the residual is the same and they do not overlap; a claim that was refused once is refused ever after.
/// [`check_splits`](crate::testing::check_splits) tries them.
pub trait Restriction: Element {
    /// A point in the work, in the order of working.
    type Position: Copy;

    /// What [`progress`](Restriction::progress) counts, for people who look at a run: `"bytes"`, say. Empty if it has no name.
    const UNIT: &'static str = "";

    /// Claims `position`; false when it is not, or no longer, ours: stop.
    fn try_claim(&mut self, position: Self::Position) -> bool;

    /// Gives away the part of the unclaimed work that lies beyond `fraction` of it; 0.0 gives all of it away.
    ///
    /// `None` if there is nothing to give, or if it cannot be cut there.
    fn split(&mut self, fraction: f64) -> Option<Self>;

    /// Whether all of it was claimed: only then may bounded work end.
    fn is_done(&self) -> bool;

    /// How much was claimed and how much is left, in a unit of its own that is about proportional to the effort.
    ///
    /// A claim never lowers the first and never raises the second.
    fn progress(&self) -> (f64, f64) {
        if self.is_done() { (1.0, 0.0) } else { (0.0, 1.0) }
    }

    /// Whether it has an end.
    fn is_bounded(&self) -> bool {
        true
    }

    /// What is still to be done when the pipeline drains: by default all of what has an end, and nothing of the rest.
    fn truncate(self) -> Option<Self> {
        self.is_bounded().then_some(self)
    }

    /// What is wrong with a claim that was refused, if it is a mistake of the code that claims: it goes backwards, or to
    /// where this restriction never was. By default nothing is: what was given away is refused as well.
    fn mistake(&self, position: Self::Position) -> Option<String> {
        let _ = position;
        None
    }
}

/// Offsets from `next` up to, but without, `end`.
///
/// A claim beyond the end is refused and is no mistake: that is how a reader of lines, say, learns that the next line is
/// somebody else's. A claim of what is claimed already is a mistake, as is one before the start. Two ranges are equal if
/// the same is left of them.
///
/// ```
/// use ferrobeam_core::prelude::*;
/// let mut range = OffsetRange::new(0, 10);
/// assert!(range.try_claim(3));
/// let rest = range.split(0.0);
/// assert_eq!(rest, Some(OffsetRange::new(4, 10)));
/// assert!(!range.try_claim(4) && range.is_done());
/// ```
#[derive(Clone, Debug)]
pub struct OffsetRange {
    start: u64,
    next: u64,
    end: u64,
}

impl OffsetRange {
    /// The end of a range that has none.
    const NO_END: u64 = u64::MAX;

    /// The range `[start, end)`; empty if `end <= start`.
    pub fn new(start: u64, end: u64) -> Self {
        OffsetRange { start, next: start, end: end.max(start) }
    }

    /// The unbounded range of all offsets from `start` on.
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    /// let mut range = OffsetRange::unbounded(7);
    /// assert!(!range.is_bounded() && range.try_claim(1_000_000));
    /// assert_eq!(range.split(0.0), Some(OffsetRange::unbounded(1_000_001)));
    /// assert!(range.is_done());
    /// ```
    pub fn unbounded(start: u64) -> Self {
        OffsetRange::new(start, Self::NO_END)
    }

    /// The first offset that is not claimed.
    #[inline]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The end; 2^64 - 1 if there is none.
    #[inline]
    pub fn end(&self) -> u64 {
        self.end
    }
}

impl PartialEq for OffsetRange {
    fn eq(&self, other: &Self) -> bool {
        self.to() == other.to()
    }
}

impl Eq for OffsetRange {}

impl Hash for OffsetRange {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to().hash(state);
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

    #[inline]
    fn try_claim(&mut self, position: u64) -> bool {
        if position >= self.end {
            self.next = self.end;
            return false;
        }
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
        let residual = OffsetRange::new(at, self.end);
        self.end = at;
        Some(residual)
    }

    fn is_done(&self) -> bool {
        self.next >= self.end
    }

    fn progress(&self) -> (f64, f64) {
        let left = if self.is_bounded() { (self.end - self.next) as f64 } else { f64::INFINITY };
        ((self.next - self.start) as f64, left)
    }

    fn is_bounded(&self) -> bool {
        self.end < Self::NO_END
    }

    fn mistake(&self, position: u64) -> Option<String> {
        if position < self.start {
            Some(format!("it claims {position}, which lies before its restriction"))
        } else if position < self.next {
            Some(format!("it claims {position}, but is beyond it already: the next may be {}", self.next))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_splits;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_obey_the_laws(
            start in 0u64..100,
            len in 0u64..100,
            splits in proptest::collection::vec((0usize..100, 0.0..1.0f64), 0..5),
        ) {
            check_splits(OffsetRange::new(start, start + len), OffsetRange::next, &splits)?;
        }

        #[test]
        fn ranges_without_an_end_obey_the_laws(start in any::<u32>(), claims in proptest::collection::vec(0usize..100, 0..5)) {
            let splits: Vec<_> = claims.into_iter().map(|claims| (claims, 0.0)).collect();
            check_splits(OffsetRange::unbounded(start.into()), OffsetRange::next, &splits)?;
        }
    }

    #[test]
    fn claims_beyond_the_end_are_refused_and_claims_backwards_are_mistakes() {
        let mut range = OffsetRange::new(10, 20);
        assert!(range.try_claim(12));
        assert!(range.mistake(9).unwrap().contains("before its restriction"));
        assert!(range.mistake(12).unwrap().contains("the next may be 13"));
        assert!(range.split(0.5).is_some());
        assert!([16, 20, u64::MAX].iter().all(|&beyond| !range.try_claim(beyond) && range.mistake(beyond).is_none()));
    }

    #[test]
    fn a_drained_range_is_finished_if_it_can_be() {
        assert_eq!(OffsetRange::new(3, 9).truncate(), Some(OffsetRange::new(3, 9)));
        assert_eq!(OffsetRange::unbounded(3).truncate(), None);
        assert_eq!(OffsetRange::unbounded(3).progress(), (0.0, f64::INFINITY));
    }
}
