//! Records of the keys whose hashes have some bits in common.

use super::{SpillFile, SpillSpace, block_size};
use crate::error::Result;
use std::sync::Arc;

/// Into so many parts a slot goes, and each of them again if it is too large.
pub(super) const PARTS: usize = 1 << BITS;

const BITS: u32 = 6;

/// How often a part can be parted: then all bits of the hash are used.
pub(super) const LEVELS: u32 = 64 / BITS;

/// The part of a key. Other bits of the hash than those that chose the shard, or the place in a table.
#[inline]
pub(super) fn place(hash: u64, level: u32) -> usize {
    let mixed = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> (64 - BITS * (level + 1))) as usize & (PARTS - 1)
}

/// Records, most of them in a file.
pub(in crate::grouping) struct Part {
    file: Option<Arc<dyn SpillFile>>,
    /// The last records: less than a block.
    buffer: Vec<u8>,
    /// How many values or accumulators there are.
    pub(super) rows: usize,
    /// How many bytes of records.
    pub(super) bytes: usize,
    /// How often the keys were parted to come here.
    pub(super) level: u32,
    /// Whether nearly all of a larger part went here: few keys have very much.
    pub(super) is_heavy: bool,
}

impl Part {
    pub(super) fn new(level: u32) -> Self {
        Part { file: None, buffer: Vec::new(), rows: 0, bytes: 0, level, is_heavy: false }
    }

    /// Adds a record of so many rows.
    #[inline]
    pub(super) fn put<E: From<crate::Error>>(
        &mut self,
        space: &dyn SpillSpace,
        block: usize,
        rows: usize,
        record: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let before = self.buffer.len();
        record(&mut self.buffer)?;
        self.bytes += self.buffer.len() - before;
        self.rows += rows;
        if self.buffer.len() >= block { Ok(self.flush(space)?) } else { Ok(()) }
    }

    #[cold]
    fn flush(&mut self, space: &dyn SpillSpace) -> Result<()> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(space.create()?),
        };
        file.append(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// How much memory its last records take.
    pub(super) fn held(&self) -> usize {
        self.buffer.capacity()
    }

    /// Reads all blocks.
    pub(super) fn each_block<E: From<crate::Error>>(
        &self,
        mut block: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut at, mut bytes) = (0, Vec::new());
        if let Some(file) = &self.file {
            while let Some(next) = file.read(at, &mut bytes)? {
                block(&bytes)?;
                at = next;
            }
        }
        block(&self.buffer)
    }
}

/// Parts by the hash of the key.
pub(super) struct Parts {
    pub(super) parts: Vec<Part>,
    level: u32,
    /// The size of a block.
    pub(super) block: usize,
}

impl Parts {
    pub(super) fn new(level: u32, space: &dyn SpillSpace) -> Self {
        Parts { parts: (0..PARTS).map(|_| Part::new(level + 1)).collect(), level, block: block_size(space.room()) }
    }

    /// Adds a record of so many rows to the part of a key with this hash.
    #[inline]
    pub(super) fn put<E: From<crate::Error>>(
        &mut self,
        space: &dyn SpillSpace,
        hash: u64,
        rows: usize,
        record: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.parts[place(hash, self.level)].put(space, self.block, rows, record)
    }

    /// How much memory their last records take.
    pub(super) fn held(&self) -> usize {
        self.parts.iter().map(Part::held).sum()
    }

    /// Adds a copy of others, parted by the same bits.
    pub(super) fn add(&mut self, others: &Parts, space: &dyn SpillSpace) -> Result<()> {
        let block = self.block;
        for (part, other) in self.parts.iter_mut().zip(&others.parts) {
            other.each_block(|records| {
                part.put(space, block, 0, |out| {
                    out.extend_from_slice(records);
                    Ok::<_, crate::Error>(())
                })
            })?;
            part.rows += other.rows;
        }
        Ok(())
    }

    /// Writes the last records, too, though they are less than a block.
    pub(super) fn flush(&mut self, space: &dyn SpillSpace) -> Result<()> {
        for part in &mut self.parts {
            if !part.buffer.is_empty() {
                part.flush(space)?;
            }
            part.buffer = Vec::new();
        }
        Ok(())
    }
}
