//! A collection that is some step's side input, on the worker that keeps it.

use crate::LocalRunner;
use crate::layout::Readers;
use crate::shared::Shared;
use crate::wiring::Wirer;
use ferrobeam_core::dofn::erased::Parcel;
use ferrobeam_core::graph::StepName;
use ferrobeam_core::grouping::{Command, SideRows};
use ferrobeam_core::windowing::WindowingStrategy;
use ferrobeam_core::{Error, Result, Timestamp};
use ferrobeam_runner_core::engine::{Grouping, Now, Row, Side};
use ferrobeam_runner_core::waits::maker_of;

/// A side input while it fires.
pub(crate) struct ViewNode {
    pub(crate) side: Side,
    rows: Box<dyn SideRows>,
    pub(crate) driver: Grouping,
    /// What panes have in memory at which nobody looks, as it was found when all were looked at.
    idle: usize,
    /// How often nobody looked at all of them since.
    looks: usize,
}

/// One look in so many looks at all panes.
const RARELY: usize = 16;

impl ViewNode {
    /// # Errors
    /// The collection is none of this layout's side inputs.
    pub(crate) fn new(wirer: &Wirer<'_>, collection: &str) -> Result<Self> {
        let (layout, graph) = (wirer.layout, wirer.layout.graph);
        let windowing = WindowingStrategy::clone(graph.windowing(collection)?);
        let (mut rows, side) = (graph.coder(collection)?.side_rows(), layout.fired(collection)?.clone());
        let step = match maker_of(graph, collection) {
            Some(maker) => graph.step_name(graph.transform(maker)?)?.clone(),
            None => StepName::here("Side input"),
        };
        if let Some(space) = wirer.space(&step) {
            rows.limit(&step, space.clone());
            side.limit(space);
        }
        Ok(ViewNode { side, rows, driver: Grouping::new(windowing), idle: 0, looks: 0 })
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
        for (window, rows) in fired {
            self.idle += rows.held().idle;
            self.side.put(window, rows);
        }
        Ok(has_fired)
    }

    /// Looks from time to time at what panes hold: somebody may have begun or ended to look at them.
    pub(crate) fn look(&mut self) {
        self.looks = (self.looks + 1) % RARELY;
        if self.looks == 0 {
            self.idle = self.side.held().0.idle;
        }
    }

    /// About how much memory it holds that can go to files, if there is a limit.
    pub(crate) fn held(&self) -> usize {
        self.rows.held() + self.idle
    }

    /// Gives memory back.
    ///
    /// # Errors
    /// Those of files; that a row has no encoding.
    pub(crate) fn spill(&mut self) -> Result<()> {
        self.rows.spill()?;
        self.side.spill()?;
        self.idle = self.side.held().0.idle;
        Ok(())
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
