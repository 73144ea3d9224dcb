//! Values by timestamp.

use super::operator::CellChange;
use super::state::{CellForm, CellSpec, NewStateCell, StateCell};
use super::visit::{Access, Kept, Visit};
use crate::coder::CoderError;
use crate::time::millis;
use crate::{Element, Timestamp};
use std::collections::BTreeMap;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;
use std::time::Duration;

/// A cell of state that holds values in the order of timestamps; those of one timestamp are in no particular order.
/// Inserting and removing do not read what is there, and looking at a range reads only that.
///
/// ```
/// use ferrobeam_core::prelude::*;
///
/// #[derive(State)]
/// # #[state(crate = "ferrobeam_core")]
/// struct Readings {
///     celsius: OrderedList<f64>,
/// }
/// let at = Timestamp::from_millis;
/// let mut state = Readings::new();
/// state.celsius.insert(at(30), 21.5);
/// state.celsius.insert(at(10), 19.0);
/// state.celsius.insert(at(20), 20.0);
/// assert_eq!(state.celsius.range(..at(30)).map(|(_, celsius)| celsius).sum::<f64>(), 39.0);
/// state.celsius.clear_range(..=at(20));
/// assert_eq!(state.celsius.iter().collect::<Vec<_>>(), [(at(30), &21.5)]);
/// ```
pub struct OrderedList<T> {
    access: Access,
    /// What was committed, as far as it was read and still counts.
    old: BTreeMap<Timestamp, Vec<Kept<T>>>,
    /// What is to be written.
    new: BTreeMap<Timestamp, Vec<Kept<T>>>,
    /// Where nothing is left to read.
    known: Vec<Range<Timestamp>>,
    /// What goes before `new` is written.
    cleared: Vec<CellChange>,
}

impl<T: Element> OrderedList<T> {
    /// Inserts a value. Nothing lies at the end of time: an attempt fails the callback.
    pub fn insert(&mut self, at: Timestamp, value: T) {
        if at == Timestamp::MAX {
            return self.access.refuse(CoderError::refused("an ordered list holds nothing at the end of time"));
        }
        self.new.entry(at).or_default().push(self.access.keep(value));
    }

    /// The values with timestamps in a range.
    pub fn range(&mut self, range: impl RangeBounds<Timestamp>) -> impl Iterator<Item = (Timestamp, &T)> {
        let (range, now) = (half_open(&range), self.access.now());
        self.read(&range);
        // Two sorted sequences, of which the second is mostly short.
        let mut all: Vec<_> = part(&self.old, &range).chain(part(&self.new, &range)).collect();
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().filter(move |(_, kept)| kept.is_live(now)).map(|(at, kept)| (at, &kept.value))
    }

    /// All values.
    pub fn iter(&mut self) -> impl Iterator<Item = (Timestamp, &T)> {
        self.range(..)
    }

    /// Whether there is no value. This reads all of them: a look at a range is cheaper.
    pub fn is_empty(&mut self) -> bool {
        self.iter().next().is_none()
    }

    /// Removes the values with timestamps in a range; nothing is read for it.
    pub fn clear_range(&mut self, range: impl RangeBounds<Timestamp>) {
        let range = half_open(&range);
        if range.is_empty() {
            return;
        }
        let is_known = self.gaps(&range).is_empty();
        let had_none = is_known && part(&self.old, &range).next().is_none();
        for values in [&mut self.old, &mut self.new] {
            values.retain(|at, _| !range.contains(at));
        }
        if !had_none {
            self.cleared.push(CellChange::ClearRange { range: range.clone() });
        }
        if !is_known {
            self.known.push(range);
        }
    }

    /// Removes all values; nothing is read for it.
    pub fn clear(&mut self) {
        let all = Timestamp::MIN..Timestamp::MAX;
        let had_none = self.gaps(&all).is_empty() && self.old.is_empty();
        (self.old, self.new, self.known) = (BTreeMap::new(), BTreeMap::new(), vec![all]);
        if !had_none {
            self.cleared = vec![CellChange::Clear];
        }
    }

    /// Makes sure that what was committed in a range is known, if it still matters.
    fn read(&mut self, range: &Range<Timestamp>) {
        let now = self.access.now();
        for gap in self.gaps(range) {
            let mut expired = Vec::new();
            for (at, bytes) in self.access.range(gap.clone()) {
                for kept in self.access.decode(&bytes) {
                    if kept.is_live(now) { self.old.entry(at).or_default().push(kept) } else { expired.push(at) }
                }
            }
            expired.dedup();
            for at in expired {
                // What shares the timestamp is written again.
                self.cleared.push(CellChange::ClearRange { range: at..at + millis(1) });
                self.new.entry(at).or_default().extend(self.old.remove(&at).unwrap_or_default());
            }
            self.known.push(gap);
        }
    }

    /// The parts of a range that were not read.
    fn gaps(&mut self, range: &Range<Timestamp>) -> Vec<Range<Timestamp>> {
        self.known.sort_unstable_by_key(|known| known.start);
        let (mut gaps, mut start) = (Vec::new(), range.start);
        for known in &self.known {
            if known.start > start && start < range.end {
                gaps.push(start..known.start.min(range.end));
            }
            start = start.max(known.end);
        }
        if start < range.end {
            gaps.push(start..range.end);
        }
        gaps
    }
}

fn part<'a, T>(
    values: &'a BTreeMap<Timestamp, Vec<Kept<T>>>,
    range: &Range<Timestamp>,
) -> impl Iterator<Item = (Timestamp, &'a Kept<T>)> + use<'a, T> {
    // The map's own `range` panics if the end is before the start.
    let range = range.start..range.end.max(range.start);
    values.range(range).flat_map(|(at, values)| values.iter().map(|kept| (*at, kept)))
}

/// From the first timestamp to before the second.
fn half_open(range: &impl RangeBounds<Timestamp>) -> Range<Timestamp> {
    let start = match range.start_bound() {
        Bound::Included(at) => *at,
        Bound::Excluded(at) => *at + millis(1),
        Bound::Unbounded => Timestamp::MIN,
    };
    let end = match range.end_bound() {
        Bound::Included(at) => *at + millis(1),
        Bound::Excluded(at) => *at,
        Bound::Unbounded => Timestamp::MAX,
    };
    start..end
}

impl<T: Element> StateCell for OrderedList<T> {
    fn name(&self) -> &'static str {
        self.access.name
    }

    fn spec(&self) -> CellSpec {
        self.access.spec(CellForm::OrderedList(self.access.value_spec::<T>()))
    }

    fn enter(&mut self, visit: &Arc<Visit>) {
        *self = Self::named(self.access.name, self.access.ttl);
        self.access.enter(visit);
    }

    fn leave(&mut self) -> Vec<CellChange> {
        let mut changes = std::mem::take(&mut self.cleared);
        for (at, values) in std::mem::take(&mut self.new) {
            changes.extend(values.iter().map(|kept| CellChange::Insert { at, value: self.access.encode(kept) }));
        }
        changes
    }
}

impl<T: Element> NewStateCell for OrderedList<T> {
    fn named(name: &'static str, ttl: Option<Duration>) -> Self {
        let access = Access::new(name, ttl);
        OrderedList { access, old: BTreeMap::new(), new: BTreeMap::new(), known: Vec::new(), cleared: Vec::new() }
    }
}
