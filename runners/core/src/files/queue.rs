//! The least record of all.

use super::FAN;
use super::merge::{least, merge, skip};
use super::run::{Key, RunReader, RunWriter};
use ferrobeam_core::Result;
use ferrobeam_core::grouping::SpillSpace;
use std::sync::Arc;

/// Records that come out in the order of their keys, each once.
pub(crate) struct Queue {
    space: Arc<dyn SpillSpace>,
    runs: Vec<RunReader>,
}

impl Queue {
    pub(crate) fn new(space: Arc<dyn SpillSpace>) -> Self {
        Queue { space, runs: Vec::new() }
    }

    /// The key that comes out next.
    pub(crate) fn first(&self) -> Option<Key<'_>> {
        self.runs[least(&self.runs)?].key()
    }

    /// Takes the next record out: its value goes where it is to go.
    ///
    /// # Errors
    /// Those of files.
    pub(crate) fn pop(&mut self, value: &mut Vec<u8>) -> Result<()> {
        let Some(place) = least(&self.runs) else { return Ok(()) };
        value.clear();
        value.extend_from_slice(self.runs[place].value());
        skip(&mut self.runs, place)?;
        self.runs.retain(|run| run.key().is_some());
        Ok(())
    }

    /// Begins to write records.
    ///
    /// # Errors
    /// Those of files.
    pub(crate) fn writer(&self) -> Result<RunWriter> {
        self.of_level(0)
    }

    fn of_level(&self, level: u32) -> Result<RunWriter> {
        Ok(RunWriter::new(self.space.create()?, 0, false, level))
    }

    /// Adds what was written.
    ///
    /// # Errors
    /// Those of files.
    pub(crate) fn add(&mut self, written: RunWriter) -> Result<()> {
        let Some(run) = written.finish()? else { return Ok(()) };
        self.runs.push(run.reader()?);
        while let Some(from) = self.runs.len().checked_sub(FAN)
            && self.runs[from].level == self.runs[self.runs.len() - 1].level
        {
            let last = self.runs.split_off(from);
            let mut into = self.of_level(last[0].level + 1)?;
            merge(last, &mut into, &mut |_, _| true)?;
            self.runs.extend(into.finish()?.map(|run| run.reader()).transpose()?);
        }
        Ok(())
    }
}
