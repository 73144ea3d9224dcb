//! Rows, of which the first ones may be in files.

use super::memory_of;
use crate::Element;
use crate::coder::{self, Coder, put_varint, take_varint};
use crate::dofn::guard::guard;
use crate::error::{BoxError, Result};
use crate::graph::StepName;
use crate::grouping::spill::{Piece, PieceReader, Pieces};

/// Rows of a cell, or of a pane.
#[derive(Clone)]
pub(super) struct Stored<T> {
    pieces: Vec<Piece>,
    /// How many rows are in files.
    written: usize,
    /// The others.
    pub(super) here: Vec<T>,
    /// About what those take that are not in files.
    bytes: usize,
}

impl<T> Default for Stored<T> {
    fn default() -> Self {
        Stored { pieces: Vec::new(), written: 0, here: Vec::new(), bytes: 0 }
    }
}

impl<T: Element> Stored<T> {
    /// Adds a row that takes about so much.
    pub(super) fn push(&mut self, row: T, bytes: usize) {
        self.here.push(row);
        self.bytes += bytes;
    }

    /// Adds others, in no particular order.
    pub(super) fn extend(&mut self, others: Stored<T>) {
        self.pieces.extend(others.pieces);
        self.written += others.written;
        self.here.extend(others.here);
        self.bytes += others.bytes;
    }

    /// About what of it takes memory, and is not in files, too.
    pub(super) fn held(&self) -> usize {
        self.bytes
    }

    /// About what all of it takes when it is in memory.
    pub(super) fn whole(&self) -> usize {
        self.bytes + memory_of::<T>(self.written, self.pieces.iter().map(Piece::bytes).sum())
    }

    /// How many rows are in files.
    pub(super) fn written(&self) -> usize {
        self.written
    }

    /// Writes what is in memory to a file, and frees it.
    pub(super) fn write(&mut self, step: &StepName, pieces: &mut Pieces) -> Result<()> {
        let here = std::mem::take(&mut self.here);
        let written = self.add(step, pieces, &here);
        if written.is_err() {
            self.here = here;
        }
        written
    }

    /// Writes rows to a file that follow those that are there; they are the last ones.
    pub(super) fn add(&mut self, step: &StepName, pieces: &mut Pieces, rows: &[T]) -> Result<()> {
        const RECORD: usize = 32 << 10;
        // Coders may be user code.
        let written = guard(step, || {
            let (coder, mut record, mut written, mut left) = (coder::of::<T>(), Vec::new(), Vec::new(), rows.iter());
            while left.len() > 0 {
                record.clear();
                let before = left.len();
                while record.len() < RECORD
                    && let Some(row) = left.next()
                {
                    coder.encode(row, &mut record)?;
                }
                written.push(pieces.put(|out| {
                    put_varint((before - left.len()) as u64, out);
                    out.extend_from_slice(&record);
                    Ok::<_, BoxError>(())
                })?);
            }
            Ok(written)
        })?;
        self.pieces.extend(written);
        self.written += rows.len();
        self.bytes = 0;
        Ok(())
    }

    /// Reads what is in files; what is in memory is not among it.
    pub(super) fn read(&self, step: &StepName) -> Result<Vec<T>> {
        guard(step, || {
            let (coder, mut reader) = (coder::of::<T>(), PieceReader::default());
            let mut rows = Vec::with_capacity(self.written + self.here.len());
            for piece in &self.pieces {
                let mut record = reader.read(piece)?;
                for _ in 0..take_varint(&mut record)? {
                    rows.push(coder.decode(&mut record)?);
                }
            }
            Ok(rows)
        })
    }
}
