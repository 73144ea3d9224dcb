//! A grouping whose windows fire as their trigger says: what its store has, its driver, and keys that have gone to files.

use super::intake::{put_in, take_in};
use crate::engine::{Grouping, Now, ParkedWindows};
use ferrobeam_core::dofn::erased::Parcel;
use ferrobeam_core::graph::StepName;
use ferrobeam_core::grouping::{Cells, Rows, SpillSpace, Spills};
use ferrobeam_core::windowing::WindowingStrategy;
use ferrobeam_core::{Result, Timestamp};
use std::sync::Arc;

/// So many keys come back at a time, of those that are due.
const MANY: usize = 1024;

/// So much is done at a time before elements come in.
const COMMANDS: usize = 4096;

/// One worker's share of a grouping, by key.
pub struct ByKey {
    cells: Box<dyn Cells>,
    driver: Grouping,
    parked: Option<ParkedWindows>,
    /// So many bytes of keys that are due come back at a time, about.
    room: usize,
}

impl ByKey {
    /// A grouping with this windowing, and nothing in its store.
    #[must_use]
    pub fn new(cells: Box<dyn Cells>, windowing: WindowingStrategy) -> Self {
        ByKey { cells, driver: Grouping::new(windowing), parked: None, room: 0 }
    }

    /// Takes pairs that come at `now`, when all has been done that was due before.
    ///
    /// # Errors
    /// User code's; those of files.
    pub fn add(&mut self, step: &StepName, parcel: Parcel, now: Now) -> Result<()> {
        while self.parked.as_ref().is_some_and(|parked| parked.is_due(now)) {
            self.advance_some(now, COMMANDS)?;
        }
        let ByKey { cells, driver, parked, .. } = self;
        let Some(parked) = parked else { return take_in(step, driver, &mut **cells, parcel, now) };
        let mut keys = Vec::new();
        let rows = cells.intern(parcel, &mut keys)?;
        parked.bring(&keys, driver, &mut **cells)?;
        put_in(step, driver, &mut **cells, (rows, &keys), now)
    }

    /// Moves time on, but not further when there are `most` commands or a few more, or as many keys have come back as may be in
    /// memory at a time: then [`is_due`](Self::is_due) stays true.
    ///
    /// # Errors
    /// User code's; those of files.
    pub fn advance_some(&mut self, now: Now, most: usize) -> Result<()> {
        let ByKey { cells, driver, parked, room } = self;
        let until = match parked {
            Some(parked) => parked.wake(now, (MANY, *room), driver, &mut **cells)?,
            None => now,
        };
        let mut commands = Vec::new();
        driver.advance_some(until, most, &mut commands);
        cells.apply(Rows::NONE, &commands)
    }

    /// Whether something may be due.
    #[must_use]
    pub fn is_due(&self, now: Now) -> bool {
        self.driver.is_due(now) || self.parked.as_ref().is_some_and(|parked| parked.is_due(now))
    }

    /// What the output watermark may not pass.
    #[must_use]
    pub fn hold(&self) -> Option<Timestamp> {
        let ByKey { driver, parked, .. } = self;
        // What is due and has not fired, for want of room, may have nothing that holds: a pane that is empty.
        let holds = [driver.hold(), driver.next_event_time(), parked.as_ref().and_then(ParkedWindows::hold)];
        holds.into_iter().flatten().min()
    }

    /// Before processing time has reached this, it makes nothing due.
    #[must_use]
    pub fn next_processing_time(&self) -> Option<Timestamp> {
        let parked = self.parked.as_ref().and_then(ParkedWindows::next_processing_time);
        self.driver.next_processing_time().into_iter().chain(parked).min()
    }

    /// When synchronized processing time is beyond this, something is due.
    #[must_use]
    pub fn next_synchronized_processing_time(&self) -> Option<Timestamp> {
        // A key that waits for it comes back first, when processing time is as far.
        self.driver.next_synchronized_processing_time()
    }

    /// About how much memory windows take that do not go to files.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.parked.as_ref().map_or(0, |parked| parked.stuck(&self.driver))
    }
}

impl Spills for ByKey {
    fn limit(&mut self, space: Arc<dyn SpillSpace>) {
        self.room = space.room() / 2;
        self.parked = Some(ParkedWindows::new(&space));
        self.cells.limit(space);
    }

    fn held(&self) -> usize {
        self.parked.as_ref().map_or(0, |parked| parked.held(&self.driver, &*self.cells))
    }

    fn spill(&mut self) -> Result<()> {
        let Some(parked) = &mut self.parked else { return Ok(()) };
        parked.park(&mut self.driver, &mut *self.cells)
    }
}
