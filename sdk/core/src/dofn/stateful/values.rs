//! Values that are stored together: a bag, or those of one key of a multimap.

use super::operator::CellChange;
use super::visit::{Access, Kept};
use crate::{Element, Timestamp};
use bytes::Bytes;

/// What is known of stored values and what user code did to them.
pub(super) struct Values<T> {
    /// What was committed, once it was read.
    committed: Option<Vec<Bytes>>,
    /// What counts of that.
    old: Vec<Kept<T>>,
    /// What came since.
    new: Vec<Kept<T>>,
    /// What was committed must go: it was cleared, or some of it does not count any more.
    replaced: bool,
}

impl<T> Default for Values<T> {
    /// Values that nobody has looked at.
    fn default() -> Self {
        Values { committed: None, old: Vec::new(), new: Vec::new(), replaced: false }
    }
}

impl<T: Element> Values<T> {
    /// No values, and it is known that none were committed.
    pub(super) fn none() -> Self {
        Values { committed: Some(Vec::new()), ..Values::default() }
    }

    /// Whether it is known that none were committed.
    pub(super) fn had_none(&self) -> bool {
        self.committed.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether reading would tell something new.
    pub(super) fn is_unread(&self) -> bool {
        self.committed.is_none() && !self.replaced
    }

    /// Makes sure that what was committed is known, if it still matters.
    pub(super) fn read(&mut self, access: &Access, key: &[u8]) {
        if self.is_unread() {
            let (committed, now) = (access.values(key), access.now());
            let all = committed.iter().flat_map(|bytes| access.decode(bytes));
            let (live, expired): (Vec<_>, Vec<_>) = all.partition(|kept| kept.is_live(now));
            (self.old, self.replaced) = (live, !expired.is_empty());
            self.committed = Some(committed);
        }
    }

    /// The values, as far as they are read.
    pub(super) fn iter(&self, now: Timestamp) -> impl Iterator<Item = &T> {
        self.old.iter().chain(&self.new).filter(move |kept| kept.is_live(now)).map(|kept| &kept.value)
    }

    pub(super) fn add(&mut self, value: Kept<T>) {
        self.new.push(value);
    }

    pub(super) fn clear(&mut self) {
        self.old.clear();
        self.new.clear();
        self.replaced = true;
    }

    /// Takes all values that were read.
    pub(super) fn take(&mut self, now: Timestamp) -> impl Iterator<Item = T> + use<T> {
        let all: Vec<_> = self.old.drain(..).chain(self.new.drain(..)).collect();
        self.replaced = true;
        all.into_iter().filter(move |kept| kept.is_live(now)).map(|kept| kept.value)
    }

    /// What has changed: `clear` stands before what is written in place of what was there.
    pub(super) fn changes(&self, access: &Access, key: &Bytes, clear: CellChange, changes: &mut Vec<CellChange>) {
        let old: &[Kept<T>] = if self.replaced { &self.old } else { &[] };
        let written: Vec<Bytes> = old.iter().chain(&self.new).map(|kept| access.encode(kept)).collect();
        if self.replaced {
            match &self.committed {
                // A runner may have cut the same bytes elsewhere.
                Some(committed) if committed.concat() == written.concat() => return,
                Some(committed) if committed.is_empty() => {}
                _ => changes.push(clear),
            }
        }
        changes.extend(written.into_iter().map(|value| CellChange::Append { key: key.clone(), value }));
    }
}
