//! One worker's share of a grouping: its keys, until their windows fire.

use crate::LocalRunner;
use crate::layout::Layout;
use crate::wiring::{Code, Wirer};
use ferrobeam_core::batch::{Column, Meta, WindowColumn, WindowSet};
use ferrobeam_core::dofn::erased::{Outputs, Parcel};
use ferrobeam_core::dofn::guard::guard;
use ferrobeam_core::graph::StepName;
use ferrobeam_core::grouping::{Cells, DROPPED, Panes, Rows, Slot};
use ferrobeam_core::windowing::{PaneInfo, Timing, Window, WindowingStrategy};
use ferrobeam_core::{Error, Result, Timestamp};
use ferrobeam_runner_core::bundle::intake::take_in;
use ferrobeam_runner_core::engine::{self, Dropped, Now};
use std::collections::BTreeMap;

/// A grouping while it runs.
pub(crate) struct GroupingNode {
    pub(crate) step: StepName,
    store: Store,
}

/// What holds the values until they fire.
enum Store {
    /// Each window fires once, as a whole.
    ByWindow(ByWindow),
    /// Windows fire as their trigger says.
    ByKey { cells: Box<dyn Cells>, driver: Box<engine::Grouping> },
}

/// The tables of open windows.
struct ByWindow {
    panes: Box<dyn Panes>,
    /// By the end of the window.
    open: BTreeMap<(Timestamp, Window), Slot>,
    free: Vec<Slot>,
    slots: Slot,
    /// Whether nothing fires before all has come. Then nothing is dropped.
    waits: bool,
    has_all: bool,
}

impl GroupingNode {
    /// # Errors
    /// The graph does not fit the code.
    pub(crate) fn new(layout: &Layout<'_>, number: usize, wirer: &Wirer<'_>) -> Result<Self> {
        let junction = &layout.plan.groupings[number];
        let Code { step, code, by_window, waits, .. } = Code::of(layout.graph, junction, wirer.workers)?;
        let out = wirer.leaving(&junction.output, &step)?;
        let store = if by_window {
            let panes = code.panes(&step, out)?;
            let (open, free) = (BTreeMap::new(), Vec::new());
            Store::ByWindow(ByWindow { panes, open, free, slots: 0, waits, has_all: false })
        } else {
            let windowing = WindowingStrategy::clone(layout.graph.windowing(&junction.input)?);
            let cells = code.cells(&step, &mut Outputs::main(out))?;
            Store::ByKey { cells, driver: Box::new(engine::Grouping::new(windowing)) }
        };
        Ok(GroupingNode { step, store })
    }

    /// Takes pairs that come at `now`.
    ///
    /// # Errors
    /// User code's.
    pub(crate) fn add(&mut self, parcel: Parcel, now: Now) -> Result<()> {
        if parcel.meta.windows.table().iter().any(|set| set.as_slice().len() != 1) {
            let message = format!("{}: a pair in several windows reached a grouping", self.step);
            return Err(Error::Runner { runner: LocalRunner::NAME, message });
        }
        match &mut self.store {
            Store::ByWindow(store) => store.add(&self.step, parcel, now),
            Store::ByKey { cells, driver } => take_in(&self.step, driver, &mut **cells, parcel, now),
        }
    }

    /// Does what is due; whether something was.
    ///
    /// # Errors
    /// User code's.
    pub(crate) fn advance(&mut self, now: Now) -> Result<bool> {
        match &mut self.store {
            Store::ByWindow(store) => store.fire(now),
            Store::ByKey { cells, driver } => {
                if !driver.is_due(now) {
                    return Ok(false);
                }
                let mut commands = Vec::new();
                driver.advance(now, &mut commands);
                cells.apply(Rows::NONE, &commands)?;
                Ok(true)
            }
        }
    }

    /// What the output watermark may not pass.
    pub(crate) fn hold(&self) -> Option<Timestamp> {
        match &self.store {
            Store::ByWindow(store) => (store.waits && !store.has_all).then_some(Timestamp::MIN),
            Store::ByKey { driver, .. } => driver.hold(),
        }
    }

    /// The driver, for its times.
    pub(crate) fn driver(&self) -> Option<&engine::Grouping> {
        match &self.store {
            Store::ByWindow(_) => None,
            Store::ByKey { driver, .. } => Some(driver),
        }
    }
}

impl ByWindow {
    fn add(&mut self, step: &StepName, parcel: Parcel, now: Now) -> Result<()> {
        let (mut slots, mut drops) = (Vec::new(), false);
        for window in parcel.meta.windows.table().iter().flat_map(WindowSet::as_slice) {
            let end = window.max_timestamp();
            let slot = if !self.waits && end < now.input_watermark {
                drops = true;
                DROPPED
            } else {
                let ByWindow { open, free, slots, .. } = self;
                *open.entry((end, *window)).or_insert_with(|| {
                    free.pop().unwrap_or_else(|| {
                        *slots += 1;
                        *slots - 1
                    })
                })
            };
            slots.push(slot);
        }
        if drops {
            let late = (0..parcel.len).filter(|row| slots[parcel.meta.windows.code(*row)] == DROPPED).count();
            guard(step, || {
                Dropped { late: late as u64, finished: 0 }.count_since(Dropped::default());
                Ok(())
            })?;
        }
        self.panes.add(parcel, &slots).map(drop)
    }

    /// Fires the windows that have ended, the earliest first; whether there was one.
    fn fire(&mut self, now: Now) -> Result<bool> {
        let is_end = now.input_watermark == Timestamp::MAX;
        self.has_all |= is_end;
        let mut fired = false;
        while let Some(first) = self.open.first_entry() {
            let (end, window) = *first.key();
            if end >= now.input_watermark || (self.waits && !is_end) {
                break;
            }
            let slot = first.remove();
            let pane = PaneInfo {
                timing: Timing::OnTime,
                index: 0,
                nonspeculative_index: 0,
                is_first: true,
                is_last: !self.waits,
            };
            let windows = WindowColumn::All(WindowSet::One(window));
            self.panes.fire(slot, Meta { time: Column::All(end), windows, pane: Column::All(pane) })?;
            self.free.push(slot);
            fired = true;
        }
        Ok(fired)
    }
}
