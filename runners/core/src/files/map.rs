//! The newest record of each key.

use super::FAN;
use super::merge::merge;
use super::run::{Key, Run, RunReader, RunWriter};
use ferrobeam_core::Result;
use ferrobeam_core::grouping::SpillSpace;
use std::sync::Arc;

/// Records by key, whose numbers are hashes. A record that says that there is none is one, too: its author knows it.
pub(crate) struct Map {
    space: Arc<dyn SpillSpace>,
    /// The oldest first.
    runs: Vec<Run>,
    /// How many bytes there were when all of them last became one run.
    clean: usize,
    /// As long as there is no more than that, it does not matter how much of it is old.
    pub(super) waste: usize,
}

impl Map {
    pub(crate) fn new(space: Arc<dyn SpillSpace>) -> Self {
        Map { space, runs: Vec::new(), clean: 0, waste: 64 << 20 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    #[cfg(test)]
    pub(super) fn runs(&self) -> usize {
        self.runs.len()
    }

    /// The newest record of a key.
    ///
    /// # Errors
    /// Those of files.
    pub(crate) fn find(&mut self, key: Key<'_>) -> Result<Option<Vec<u8>>> {
        for run in self.runs.iter_mut().rev() {
            if let Some(value) = run.find(key)? {
                return Ok(Some(value.to_vec()));
            }
        }
        Ok(None)
    }

    /// Begins to write records, so many at most.
    ///
    /// # Errors
    /// Those of files.
    pub(crate) fn writer(&self, most: usize) -> Result<RunWriter> {
        Ok(RunWriter::new(self.space.create()?, most, true, 0))
    }

    /// Adds what was written, which is newer than all others. A record that does not count any more is given up as soon as
    /// there is no older one that would.
    ///
    /// # Errors
    /// Those of files.
    pub(crate) fn add(&mut self, written: RunWriter, counts: &mut dyn FnMut(Key<'_>, &[u8]) -> bool) -> Result<()> {
        self.runs.extend(written.finish()?);
        if self.runs.iter().map(|run| run.bytes).sum::<usize>() > 2 * self.clean + self.waste {
            self.unite(0, counts)?;
            self.clean = self.runs.iter().map(|run| run.bytes).sum();
        }
        while let Some(from) = self.runs.len().checked_sub(FAN)
            && self.runs[from].level == self.runs[self.runs.len() - 1].level
        {
            self.unite(from, counts)?;
        }
        Ok(())
    }

    /// Makes one run of the last ones.
    fn unite(&mut self, from: usize, counts: &mut dyn FnMut(Key<'_>, &[u8]) -> bool) -> Result<()> {
        let last = &self.runs[from..];
        let (most, level) = (last.iter().map(|run| run.len).sum(), last.iter().map(|run| run.level).max());
        let readers: Vec<RunReader> = last.iter().map(Run::reader).collect::<Result<_>>()?;
        let mut into = RunWriter::new(self.space.create()?, most, true, level.map_or(0, |level| level + 1));
        merge(readers, &mut into, &mut |key, value| from > 0 || counts(key, value))?;
        self.runs.truncate(from);
        self.runs.extend(into.finish()?);
        Ok(())
    }
}
