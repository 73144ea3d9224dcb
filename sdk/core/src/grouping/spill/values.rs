//! Values of one key that are in a file.

use super::{SpillFile, block_size};
use crate::Element;
use crate::coder::{self, Coder};
use crate::error::{BoxError, Result};
use std::marker::PhantomData;
use std::sync::Arc;

/// The values of one key, in a file; read any number of times.
pub struct Spilled<V> {
    file: Arc<dyn SpillFile>,
    len: usize,
    of: PhantomData<fn() -> V>,
}

impl<V> Clone for Spilled<V> {
    fn clone(&self) -> Self {
        Spilled { file: self.file.clone(), len: self.len, of: PhantomData }
    }
}

impl<V: Element> Spilled<V> {
    /// The number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads the values.
    pub(crate) fn iter(&self) -> SpilledIter<V> {
        SpilledIter { values: self.clone(), next: 0, block: Vec::new(), at: 0, left: self.len }
    }

    /// Writes other values to the same place.
    ///
    /// # Errors
    /// Those of files.
    pub(crate) fn writer<U: Element>(&self) -> Result<SpilledWriter<U>> {
        Ok(SpilledWriter::new(self.file.sibling()?, block_size(usize::MAX)))
    }
}

/// Reads the values of a key. What cannot be read makes it panic: an iterator has no other way to say so, and the panic becomes
/// the error of the step that reads.
pub(crate) struct SpilledIter<V> {
    values: Spilled<V>,
    /// The position of the next block.
    next: u64,
    block: Vec<u8>,
    /// What of the block has been read.
    at: usize,
    left: usize,
}

impl<V> Clone for SpilledIter<V> {
    fn clone(&self) -> Self {
        let SpilledIter { values, next, block, at, left } = self;
        SpilledIter { values: values.clone(), next: *next, block: block.clone(), at: *at, left: *left }
    }
}

impl<V: Element> SpilledIter<V> {
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    fn read(&mut self) -> Result<V, BoxError> {
        while self.at == self.block.len() {
            let next = self.values.file.read(self.next, &mut self.block)?;
            self.next = next.ok_or("a spilled file ends before its values do")?;
            self.at = 0;
        }
        let mut rest = &self.block[self.at..];
        let value = coder::of::<V>().decode(&mut rest)?;
        self.at = self.block.len() - rest.len();
        Ok(value)
    }
}

impl<V: Element> Iterator for SpilledIter<V> {
    type Item = V;

    fn next(&mut self) -> Option<V> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        match self.read() {
            Ok(value) => Some(value),
            Err(error) => panic!("the values of a key cannot be read back: {error}"),
        }
    }
}

/// Writes the values of a key.
pub(crate) struct SpilledWriter<V> {
    file: Arc<dyn SpillFile>,
    buffer: Vec<u8>,
    block: usize,
    len: usize,
    of: PhantomData<fn(V)>,
}

impl<V: Element> SpilledWriter<V> {
    pub(super) fn new(file: Arc<dyn SpillFile>, block: usize) -> Self {
        SpilledWriter { file, buffer: Vec::new(), block, len: 0, of: PhantomData }
    }

    /// Adds a value.
    ///
    /// # Errors
    /// Those of files; if it has no encoding.
    pub(crate) fn push(&mut self, value: &V) -> Result<(), BoxError> {
        coder::put(value, &mut self.buffer)?;
        self.len += 1;
        self.flush(self.block)
    }

    /// Adds so many encoded values.
    pub(super) fn push_encoded(&mut self, values: &[u8], len: usize) -> Result<(), BoxError> {
        self.buffer.extend_from_slice(values);
        self.len += len;
        self.flush(self.block)
    }

    fn flush(&mut self, block: usize) -> Result<(), BoxError> {
        if self.buffer.len() >= block {
            self.file.append(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// All that was added.
    ///
    /// # Errors
    /// Those of files.
    pub(crate) fn finish(mut self) -> Result<Spilled<V>, BoxError> {
        self.flush(1)?;
        Ok(Spilled { file: self.file, len: self.len, of: PhantomData })
    }
}
