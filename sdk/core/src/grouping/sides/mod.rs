//! What a side input holds: rows by window, which memory need not have room for.
//!
//! A collection that is looked at from the side is grouped by window alone. What has not fired, and what has fired and nobody
//! looks at, can go to files; it comes back when somebody looks, as a whole, for user code sees it as references.

mod pane;
mod stored;
#[cfg(test)]
mod tests;

use super::spill::{Meter, Pieces, SpillSpace, owned};
use super::{Cell, Command, Contents};
use crate::Element;
use crate::dofn::erased::{Parcel, SharedRows};
use crate::error::Result;
use crate::graph::StepName;
use crate::windowing::Window;
use pane::PaneOf;
use std::collections::BTreeMap;
use std::sync::Arc;
use stored::Stored;

/// What the windows of a side input hold until they fire, by cell.
pub trait SideRows: Send {
    /// Does as a driver says with the rows of a parcel, and gives what has fired.
    ///
    /// # Errors
    /// [`Error::Wire`](crate::Error::Wire) if the parcel holds other rows.
    fn apply(&mut self, parcel: Option<Parcel>, commands: &[Command]) -> Result<Vec<(Window, Arc<dyn SidePane>)>>;

    /// What a window holds that nothing came to.
    fn none(&self) -> SharedRows;

    /// Says where to spill to, and which step makes the rows, for errors. Before it is called nothing is measured, and nothing
    /// spills.
    fn limit(&mut self, step: &StepName, space: Arc<dyn SpillSpace>);

    /// About how many bytes of memory it holds.
    fn held(&self) -> usize;

    /// Writes all of that to a file.
    ///
    /// # Errors
    /// Those of files; that a row has no encoding.
    fn spill(&mut self) -> Result<()>;
}

/// A pane of a side input, in memory or in files.
pub trait SidePane: Send + Sync {
    /// Its rows, and whether they had to be read: then they stay in memory until it is told to [`spill`](Self::spill).
    ///
    /// # Errors
    /// Those of files; the coder's.
    fn rows(&self) -> Result<(SharedRows, bool)>;

    /// What it has in memory.
    fn held(&self) -> Held;

    /// Lets go of what it has in memory. What is not in files yet is written, unless somebody looks at it now.
    ///
    /// # Errors
    /// Those of files; that a row has no encoding.
    fn spill(&self, pieces: &mut Pieces) -> Result<()>;
}

/// About how many bytes of memory something holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// What can be given back.
    pub idle: usize,
    /// What somebody looks at now.
    pub used: usize,
}

/// Rows of a runner that has no files.
impl SidePane for SharedRows {
    fn rows(&self) -> Result<(SharedRows, bool)> {
        Ok((self.clone(), false))
    }
    fn held(&self) -> Held {
        Held::default()
    }
    fn spill(&self, _: &mut Pieces) -> Result<()> {
        Ok(())
    }
}

/// The rows of a side input of `T`.
pub(crate) struct SideRowsOf<T> {
    cells: BTreeMap<Cell, Stored<T>>,
    files: Option<Files>,
}

/// What is known as soon as there is a limit.
struct Files {
    step: StepName,
    pieces: Pieces,
    meter: Meter,
    /// What cells have in memory.
    held: usize,
}

impl<T: Element> SideRowsOf<T> {
    pub(crate) fn boxed() -> Box<dyn SideRows> {
        Box::new(SideRowsOf::<T> { cells: BTreeMap::new(), files: None })
    }

    /// Takes what a cell has.
    fn take(&mut self, cell: Cell) -> Stored<T> {
        let taken = self.cells.remove(&cell).unwrap_or_default();
        if let Some(files) = &mut self.files {
            files.held -= taken.held();
        }
        taken
    }

    /// What a row takes that has come.
    fn size(&self) -> usize {
        self.files.as_ref().map_or(0, |files| files.meter.in_list::<T>())
    }
}

impl<T: Element> SideRows for SideRowsOf<T> {
    fn apply(&mut self, parcel: Option<Parcel>, commands: &[Command]) -> Result<Vec<(Window, Arc<dyn SidePane>)>> {
        /// One row of so many is measured.
        const SAMPLE: usize = 256;
        let values = parcel.map(Parcel::open::<T>).transpose()?.map(|batch| batch.values).unwrap_or_default();
        if let Some(files) = &mut self.files {
            values.iter().step_by(SAMPLE).for_each(|value| files.meter.sample_value(value));
        }
        let mut values: Vec<Option<T>> = values.into_iter().map(Some).collect();
        let (size, mut fired) = (self.size(), Vec::new());
        for command in commands {
            match command {
                Command::Add { row, cell, last } => {
                    let value = values.get_mut(*row as usize);
                    let value = value.and_then(|value| if *last { value.take() } else { value.clone() });
                    if let Some(value) = value {
                        self.cells.entry(*cell).or_default().push(value, size);
                        self.files.iter_mut().for_each(|files| files.held += size);
                    }
                }
                Command::Merge { from, into } => {
                    let from = self.take(*from);
                    self.files.iter_mut().for_each(|files| files.held += from.held());
                    self.cells.entry(*into).or_default().extend(from);
                }
                Command::Fire { cell, contents, pane, .. } => {
                    let rows = match contents {
                        Contents::Keep => self.cells.get(cell).cloned().unwrap_or_default(),
                        Contents::Take => self.take(*cell),
                    };
                    let step = self.files.as_ref().map(|files| files.step.clone());
                    let rows: Arc<dyn SidePane> = Arc::new(PaneOf::new(rows, step));
                    fired.push((pane.window, rows));
                }
                Command::Clear { cell } => drop(self.take(*cell)),
                Command::Forget { .. } => {}
            }
        }
        Ok(fired)
    }

    fn none(&self) -> SharedRows {
        SharedRows::new(Vec::<T>::new())
    }

    fn limit(&mut self, step: &StepName, space: Arc<dyn SpillSpace>) {
        let (step, pieces, meter) = (step.clone(), Pieces::new(space), Meter::default());
        self.files = Some(Files { step, pieces, meter, held: 0 });
    }

    fn held(&self) -> usize {
        self.files.as_ref().map_or(0, |files| files.held)
    }

    fn spill(&mut self) -> Result<()> {
        let Some(Files { step, pieces, held, .. }) = &mut self.files else { return Ok(()) };
        self.cells.values_mut().try_for_each(|cell| cell.write(step, pieces))?;
        *held = 0;
        pieces.close()
    }
}

/// What rows take in memory whose encodings are so long together.
fn memory_of<T>(rows: usize, encoded: usize) -> usize {
    rows * (size_of::<T>() + owned::<T>(encoded / rows.max(1)))
}
