//! A collection that is some step's side input, on the worker that keeps it.

use crate::LocalRunner;
use crate::layout::{Layout, Readers};
use crate::shared::Shared;
use ferrobeam_core::dofn::erased::Parcel;
use ferrobeam_core::graph::SideRows;
use ferrobeam_core::grouping::Command;
use ferrobeam_core::windowing::WindowingStrategy;
use ferrobeam_core::{Error, Result, Timestamp};
use ferrobeam_runner_core::engine::{Grouping, Now, Row, Side};

/// A side input while it fires.
pub(crate) struct ViewNode {
    side: Side,
    rows: Box<dyn SideRows>,
    pub(crate) driver: Grouping,
}

impl ViewNode {
    /// # Errors
    /// The collection is none of this layout's side inputs.
    pub(crate) fn new(layout: &Layout<'_>, collection: &str) -> Result<Self> {
        let windowing = WindowingStrategy::clone(layout.graph.windowing(collection)?);
        let rows = layout.graph.coder(collection)?.transfer().side_rows();
        Ok(ViewNode { side: layout.fired(collection)?.clone(), rows, driver: Grouping::new(windowing) })
    }

    /// Takes elements that come at `now`. Whether a pane has fired.
    ///
    /// # Errors
    /// None but defects.
    pub(crate) fn add(&mut self, parcel: Parcel, now: Now) -> Result<bool> {
        let (mut commands, meta) = (Vec::new(), &parcel.meta);
        let row = |row| Row { key: 0, timestamp: *meta.time.get(row), windows: meta.windows.get(row).as_slice() };
        // Windows of side inputs do not merge, so no user code is called.
        let added = self.driver.add((0..parcel.len).map(row), now, &mut commands);
        added.map_err(|e| Error::Runner { runner: LocalRunner::NAME, message: format!("a side input: {e}") })?;
        self.apply(Some(parcel), &commands)
    }

    /// Does what is due; whether something was.
    ///
    /// # Errors
    /// None but defects.
    pub(crate) fn advance(&mut self, now: Now, shared: &Shared) -> Result<bool> {
        let is_due = self.driver.is_due(now);
        let mut is_news = false;
        if is_due {
            let mut commands = Vec::new();
            self.driver.advance(now, &mut commands);
            is_news = self.apply(None, &commands)?;
        }
        is_news |= self.side.reach(now.input_watermark);
        if is_news {
            shared.side_changed();
        }
        Ok(is_due)
    }

    fn apply(&mut self, parcel: Option<Parcel>, commands: &[Command]) -> Result<bool> {
        let fired = self.rows.apply(parcel, commands)?;
        let has_fired = !fired.is_empty();
        fired.into_iter().for_each(|(window, rows)| self.side.put(window, rows));
        Ok(has_fired)
    }

    /// Forgets the panes of windows that nobody will ask for: the main inputs are beyond all of theirs, and so is the work
    /// that a reader still has.
    pub(crate) fn forget(&self, readers: &Readers, shared: &Shared) {
        let behind = readers.iter().flatten().map(|(reader, lateness)| shared.asks(*reader).saturating_sub(*lateness));
        if let (Some(_), Some(main)) = (readers, behind.min()) {
            self.side.forget_before(main.min(Timestamp::MAX));
        }
    }
}
