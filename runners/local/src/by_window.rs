//! The tables of windows that fire once, as a whole.
//!
//! A row in several windows is folded in once: into the table of all rows that are in just these windows. For sliding windows these
//! are the slices of time between the edges of windows, and when one of them fires, its slices are merged. (Slices: Li et al., "No
//! pane, no gain", SIGMOD Record 2005; Traub et al., "Scotty", ICDE 2018.)
//!
//! Before a shuffle there is a store of each worker's own, which does not wait for a window's other rows: it fires what it has
//! of a slice when the first of its windows ends, or when it has too many keys.

use crate::outbox::Outbox;
use ferrobeam_core::batch::{Column, Meta, WindowColumn, WindowSet};
use ferrobeam_core::dofn::erased::Parcel;
use ferrobeam_core::dofn::guard::guard;
use ferrobeam_core::graph::StepName;
use ferrobeam_core::grouping::{DROPPED, Panes, Slot};
use ferrobeam_core::windowing::{PaneInfo, Timing, Window};
use ferrobeam_core::{Result, Timestamp};
use ferrobeam_runner_core::engine::{Dropped, Now};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// With more keys than this a store before a shuffle fires all that it has.
const MANY: usize = 1 << 20;

/// So few of them it has if it makes little of much: a small table is in the cache.
const FEW: usize = 1 << 14;

/// So many batches of a window fire before others have their turn.
const BATCHES: usize = 8;

/// The tables of open windows.
pub(crate) struct ByWindow {
    panes: Box<dyn Panes>,
    /// By the end of the window. Before a shuffle a slice is only with the first of its windows.
    open: BTreeMap<(Timestamp, Window), Vec<Slot>>,
    /// The slots that fire, one after the other, and what they become.
    firing: VecDeque<(Slot, Meta)>,
    /// The slices that take rows, by their windows.
    slices: HashMap<WindowSet, Slot>,
    /// By slot.
    windows: Vec<Slice>,
    free: Vec<Slot>,
    /// Whether nothing fires before all has come. Then nothing is dropped.
    waits: bool,
    has_all: bool,
    /// If it is before a shuffle.
    load: Option<Load>,
}

/// A slice in use.
struct Slice {
    windows: WindowSet,
    /// In how many windows it is that have not fired.
    left: usize,
}

/// What a store before a shuffle holds.
struct Load {
    /// How many rows have come since it last had too much, and how many have been fired.
    rows: usize,
    fired: usize,
    /// How many keys it holds at most.
    most: usize,
}

impl ByWindow {
    /// A store of its own, or the first half of one, before the shuffle.
    pub(crate) fn new(panes: Box<dyn Panes>, waits: bool, is_first_half: bool) -> Self {
        let load = is_first_half.then_some(Load { rows: 0, fired: 0, most: MANY });
        let (open, firing, slices) = (BTreeMap::new(), VecDeque::new(), HashMap::new());
        ByWindow { panes, open, firing, slices, windows: Vec::new(), free: Vec::new(), waits, has_all: false, load }
    }

    /// What the output watermark may not pass.
    pub(crate) fn hold(&self) -> Option<Timestamp> {
        if self.waits && !self.has_all {
            return Some(Timestamp::MIN);
        }
        let firing = || self.firing.front().map(|(_, meta)| *meta.time.get(0));
        firing().or_else(|| self.open.first_key_value().map(|((end, _), _)| *end))
    }

    /// Takes pairs that come at `now`.
    ///
    /// # Errors
    /// User code's.
    pub(crate) fn add(&mut self, step: &StepName, parcel: Parcel, now: Now) -> Result<()> {
        let (mut slots, mut dropped) = (Vec::new(), Vec::new());
        for set in parcel.meta.windows.table() {
            let is_late = |window: &&Window| !self.waits && window.max_timestamp() < now.input_watermark;
            let late = set.as_slice().iter().filter(is_late).count();
            dropped.push(late as u64);
            slots.push(if late == 0 {
                self.slot(set)
            } else if late == set.as_slice().len() {
                DROPPED
            } else {
                let left: Vec<Window> = set.as_slice().iter().filter(|window| !is_late(window)).copied().collect();
                self.slot(&left.into())
            });
        }
        if dropped.iter().any(|dropped| *dropped > 0) {
            let late = (0..parcel.len).map(|row| dropped[parcel.meta.windows.code(row)]).sum();
            guard(step, || {
                Dropped { late, finished: 0 }.count_since(Dropped::default());
                Ok(())
            })?;
        }
        let rows = parcel.len;
        self.panes.add(parcel, &slots)?;
        self.relieve(rows)
    }

    /// Before a shuffle, fires all if that is too much.
    fn relieve(&mut self, more: usize) -> Result<()> {
        let Some(load) = &mut self.load else { return Ok(()) };
        let keys = self.panes.keys();
        load.rows += more;
        if keys < load.most {
            return Ok(());
        }
        // Worth its room is what makes one row of many.
        load.most = if load.rows < 2 * (load.fired + keys) { FEW } else { MANY };
        self.fire_all()?;
        self.load.iter_mut().for_each(|load| (load.rows, load.fired) = (0, 0));
        Ok(())
    }

    /// The slot of the rows that are in these windows.
    fn slot(&mut self, set: &WindowSet) -> Slot {
        if let Some(slot) = self.slices.get(set) {
            return *slot;
        }
        let slot = self.new_slot(Slice { windows: set.clone(), left: set.as_slice().len() });
        self.slices.insert(set.clone(), slot);
        let keys = set.as_slice().iter().map(|window| (window.max_timestamp(), *window));
        match &self.load {
            Some(_) => keys.min().into_iter().for_each(|first| self.open.entry(first).or_default().push(slot)),
            None => keys.for_each(|key| self.open.entry(key).or_default().push(slot)),
        }
        slot
    }

    fn new_slot(&mut self, slice: Slice) -> Slot {
        match self.free.pop() {
            Some(slot) => {
                self.windows[slot as usize] = slice;
                slot
            }
            None => {
                self.windows.push(slice);
                (self.windows.len() - 1) as Slot
            }
        }
    }

    /// Whether a window is still to fire that has ended.
    pub(crate) fn is_due(&self, now: Now) -> bool {
        let has_ended = |((end, _), _): (&(Timestamp, Window), _)| *end < now.input_watermark;
        !self.firing.is_empty()
            || (self.open.first_key_value().is_some_and(has_ended)
                && (now.input_watermark == Timestamp::MAX || !self.waits))
    }

    /// Fires the windows that have ended, the earliest first, as long as there is room for what they make; whether there was
    /// one.
    ///
    /// # Errors
    /// User code's.
    pub(crate) fn fire(&mut self, now: Now, outbox: &Outbox) -> Result<bool> {
        self.has_all |= now.input_watermark == Timestamp::MAX;
        let mut fired = false;
        while !outbox.is_full() && self.is_due(now) {
            fired = true;
            if self.firing.is_empty() {
                self.begin_first()?;
            }
            if !self.go_on(BATCHES)? {
                // Others have their turn.
                break;
            }
        }
        Ok(fired)
    }

    /// Fires all that is open.
    fn fire_all(&mut self) -> Result<()> {
        while self.begin_first()? {}
        while !self.firing.is_empty() {
            self.go_on(usize::MAX)?;
        }
        Ok(())
    }

    /// Makes so many batches of the slot that fires. Whether that was all of it.
    fn go_on(&mut self, batches: usize) -> Result<bool> {
        let Some((slot, meta)) = self.firing.front() else { return Ok(true) };
        let before = self.panes.keys();
        let is_done = self.panes.fire(*slot, meta, batches)?;
        self.load.iter_mut().for_each(|load| load.fired += before - self.panes.keys());
        if is_done {
            self.free.push(*slot);
            self.firing.pop_front();
        }
        Ok(is_done)
    }

    /// Lets the window fire that ends first; whether there is one.
    fn begin_first(&mut self) -> Result<bool> {
        let Some(((end, window), slots)) = self.open.pop_first() else { return Ok(false) };
        let pane = PaneInfo {
            timing: Timing::OnTime,
            index: 0,
            nonspeculative_index: 0,
            is_first: true,
            is_last: !self.waits,
        };
        let meta = |windows: WindowSet| Meta {
            time: Column::All(end),
            windows: WindowColumn::All(windows),
            pane: Column::All(pane),
        };
        if self.load.is_some() {
            for slot in slots {
                let windows = self.windows[slot as usize].windows.clone();
                self.slices.remove(&windows);
                self.firing.push_back((slot, meta(windows)));
            }
            return Ok(true);
        }
        let whole = match slots.as_slice() {
            [slot] if self.windows[*slot as usize].left == 1 => {
                self.slices.remove(&self.windows[*slot as usize].windows);
                *slot
            }
            _ => {
                let windows = WindowSet::One(window);
                let whole = self.new_slot(Slice { windows, left: 0 });
                slots.iter().try_for_each(|slot| self.merge(*slot, whole))?;
                whole
            }
        };
        self.firing.push_back((whole, meta(WindowSet::One(window))));
        Ok(true)
    }

    /// About how much memory it holds, if there is a limit.
    pub(crate) fn held(&self) -> usize {
        self.panes.held()
    }

    /// Gives memory back.
    ///
    /// # Errors
    /// Those of files; user code's.
    pub(crate) fn spill(&mut self) -> Result<()> {
        // Before a shuffle it goes downstream instead, where it would have gone some time.
        if self.load.is_some() { self.fire_all() } else { self.panes.spill() }
    }

    /// Adds what a slice has to the window that fires.
    fn merge(&mut self, slot: Slot, whole: Slot) -> Result<()> {
        let slice = &mut self.windows[slot as usize];
        slice.left -= 1;
        let is_last = slice.left == 0;
        if is_last {
            self.slices.remove(&slice.windows);
            self.free.push(slot);
        }
        self.panes.merge(slot, whole, is_last)
    }
}
