//! A file of records in the order of their keys.

use super::filter::Filter;
use super::wire::{damaged, put_bytes, take_array, take_bytes};
use ferrobeam_core::Result;
use ferrobeam_core::grouping::SpillFile;
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

/// A record is read with all of its block, which has about so many bytes.
const BLOCK: usize = 4 << 10;

/// Records stand in the order of a number, and of bytes where numbers are equal.
pub(crate) type Key<'a> = (u64, &'a [u8]);

/// Records that do not change any more.
pub(crate) struct Run {
    file: Arc<dyn SpillFile>,
    /// The number of the first record of each block, and where the block is.
    blocks: Vec<(u64, u64)>,
    filter: Option<Filter>,
    /// How many records there are.
    pub(super) len: usize,
    /// How many bytes they have.
    pub(super) bytes: usize,
    /// How often they have been merged.
    pub(super) level: u32,
    /// The block that was read last, and which it is.
    block: Vec<u8>,
    of: Option<usize>,
}

impl Run {
    /// The value of a record; none if there is no such record.
    pub(super) fn find(&mut self, (number, key): Key<'_>) -> Result<Option<&[u8]>> {
        if self.filter.as_ref().is_some_and(|filter| !filter.may_have(number)) {
            return Ok(None);
        }
        // The records of a number may begin in the block before the first that begins with it.
        let from = self.blocks.partition_point(|(first, _)| *first < number).saturating_sub(1);
        for block in from..self.blocks.len() {
            if self.blocks[block].0 > number {
                break;
            }
            if self.of != Some(block) {
                self.of = None;
                self.file.read(self.blocks[block].1, &mut self.block)?.ok_or_else(damaged)?;
                self.of = Some(block);
            }
            let mut at = 0;
            while at < self.block.len() {
                let head = Head::at(&self.block, at)?;
                match (head.number, &self.block[head.key.clone()]).cmp(&(number, key)) {
                    Ordering::Less => {}
                    Ordering::Equal => return Ok(Some(&self.block[head.value])),
                    Ordering::Greater => return Ok(None),
                }
                at = head.value.end;
            }
        }
        Ok(None)
    }

    /// Reads all of it.
    pub(super) fn reader(&self) -> Result<RunReader> {
        let (block, head) = (Vec::new(), None);
        let mut reader = RunReader { file: self.file.clone(), next: 0, block, head, level: self.level };
        reader.read_block()?;
        Ok(reader)
    }
}

/// Where in a block a record is.
struct Head {
    number: u64,
    key: Range<usize>,
    value: Range<usize>,
}

impl Head {
    fn at(block: &[u8], at: usize) -> Result<Head> {
        let mut rest = &block[at..];
        let number = u64::from_le_bytes(take_array(&mut rest)?);
        let key = take_bytes(&mut rest)?.len();
        let behind = block.len() - rest.len();
        let value = take_bytes(&mut rest)?.len();
        let end = block.len() - rest.len();
        Ok(Head { number, key: behind - key..behind, value: end - value..end })
    }
}

/// Reads a run from its first record to its last.
pub(super) struct RunReader {
    file: Arc<dyn SpillFile>,
    /// The position of the next block.
    next: u64,
    block: Vec<u8>,
    /// The record that comes next; none at the end.
    head: Option<Head>,
    /// How often they have been merged.
    pub(super) level: u32,
}

impl RunReader {
    /// The key of the next record.
    pub(super) fn key(&self) -> Option<Key<'_>> {
        self.head.as_ref().map(|head| (head.number, &self.block[head.key.clone()]))
    }

    /// What the next record has.
    pub(super) fn value(&self) -> &[u8] {
        self.head.as_ref().map(|head| &self.block[head.value.clone()]).unwrap_or_default()
    }

    /// Goes beyond the next record.
    pub(super) fn advance(&mut self) -> Result<()> {
        match self.head.take() {
            Some(head) if head.value.end < self.block.len() => {
                self.head = Some(Head::at(&self.block, head.value.end)?);
                Ok(())
            }
            Some(_) => self.read_block(),
            None => Ok(()),
        }
    }

    fn read_block(&mut self) -> Result<()> {
        self.block.clear();
        if let Some(next) = self.file.read(self.next, &mut self.block)? {
            self.next = next;
            self.head = Some(Head::at(&self.block, 0)?);
        }
        Ok(())
    }
}

/// Writes a run.
pub(crate) struct RunWriter {
    run: Run,
    block: Vec<u8>,
    /// The position of the block that is being filled.
    next: u64,
}

impl RunWriter {
    /// A run of so many records at most; with a filter if they will be looked for, whose numbers are hashes then.
    pub(super) fn new(file: Arc<dyn SpillFile>, most: usize, finds: bool, level: u32) -> Self {
        let filter = finds.then(|| Filter::with_room(most));
        let (blocks, block, of) = (Vec::new(), Vec::new(), None);
        let run = Run { file, blocks, filter, len: 0, bytes: 0, level, block, of };
        RunWriter { run, block: Vec::with_capacity(BLOCK + BLOCK / 4), next: 0 }
    }

    /// Adds a record behind all others.
    ///
    /// # Errors
    /// Those of files.
    pub(crate) fn put(&mut self, (number, key): Key<'_>, value: &[u8]) -> Result<()> {
        if self.block.is_empty() {
            self.run.blocks.push((number, self.next));
        }
        let before = self.block.len();
        self.block.extend_from_slice(&number.to_le_bytes());
        put_bytes(key, &mut self.block);
        put_bytes(value, &mut self.block);
        if let Some(filter) = &mut self.run.filter {
            filter.insert(number);
        }
        self.run.len += 1;
        self.run.bytes += self.block.len() - before;
        if self.block.len() >= BLOCK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.next = self.run.file.append(&self.block)?;
        self.block.clear();
        Ok(())
    }

    /// The run; none if it has no records.
    pub(super) fn finish(mut self) -> Result<Option<Run>> {
        if !self.block.is_empty() {
            self.flush()?;
        }
        Ok((self.run.len > 0).then_some(self.run))
    }
}
