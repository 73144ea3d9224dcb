//! Records in files that are read back one by one.

use super::{SpillFile, SpillSpace};
use crate::error::{Error, Result};
use std::fmt;
use std::sync::Arc;

/// Blocks of this size go to files: a record is read with all of its block.
const BLOCK: usize = 16 << 10;

/// Files of less than this are not worth being written anew.
const LEAST_WASTE: usize = 64 << 20;

/// Where a record is. Its file stays as long as one of its records is known.
#[derive(Clone)]
pub struct Piece {
    file: Arc<dyn SpillFile>,
    block: u64,
    at: u32,
    len: u32,
}

impl Piece {
    /// How many bytes the record has.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.len as usize
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Piece").field("block", &self.block).field("at", &self.at).field("len", &self.len).finish()
    }
}

/// The files of a store that reads what it has spilled record by record.
///
/// All that is written between two [`close`](Self::close)s is one file.
pub struct Pieces {
    space: Arc<dyn SpillSpace>,
    /// The file that is being written.
    open: Option<Open>,
    reader: PieceReader,
    /// How many bytes of records were written since the records were looked at.
    written: usize,
}

/// Reads records.
#[derive(Default)]
pub(in crate::grouping) struct PieceReader {
    /// The block that was read last, and which it is.
    block: Vec<u8>,
    of: Option<(Arc<dyn SpillFile>, u64)>,
}

struct Open {
    file: Arc<dyn SpillFile>,
    /// The position of the block that is being filled.
    next: u64,
    block: Vec<u8>,
}

impl Pieces {
    /// No records yet.
    #[must_use]
    pub fn new(space: Arc<dyn SpillSpace>) -> Self {
        Pieces { space, open: None, reader: PieceReader::default(), written: 0 }
    }

    /// The place of their files.
    #[must_use]
    pub fn space(&self) -> &dyn SpillSpace {
        &*self.space
    }

    /// Writes a record. It can be read after the next [`close`](Self::close).
    ///
    /// # Errors
    /// Those of files and of the record.
    pub fn put<E: From<Error>>(&mut self, record: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<Piece, E> {
        let open = match &mut self.open {
            Some(open) => open,
            None => self.open.insert(Open { file: self.space.create()?, next: 0, block: Vec::new() }),
        };
        let at = open.block.len();
        record(&mut open.block)?;
        let len = open.block.len() - at;
        self.written += len;
        // A block ends after the record with which it is full.
        let length = |len: usize| u32::try_from(len).map_err(|_| too_long(len));
        let piece = Piece { file: open.file.clone(), block: open.next, at: length(at)?, len: length(len)? };
        if open.block.len() >= BLOCK {
            open.flush()?;
        }
        Ok(piece)
    }

    /// Lets all records be read that were written; the file goes on.
    ///
    /// # Errors
    /// Those of files.
    pub(crate) fn flush(&mut self) -> Result<()> {
        match &mut self.open {
            Some(open) if !open.block.is_empty() => open.flush(),
            _ => Ok(()),
        }
    }

    /// Ends the file that is being written.
    ///
    /// # Errors
    /// Those of files.
    pub fn close(&mut self) -> Result<()> {
        self.flush()?;
        self.open = None;
        Ok(())
    }

    /// Reads a record.
    ///
    /// # Errors
    /// Those of files.
    pub fn read(&mut self, piece: &Piece) -> Result<&[u8]> {
        self.reader.read(piece)
    }

    /// Whether more than half of what is in files is of no use any more, so that it pays to [`renew`](Self::renew) all records;
    /// `used` counts their bytes.
    pub fn is_wasteful(&mut self, used: impl FnOnce() -> usize) -> bool {
        if self.written < LEAST_WASTE {
            return false;
        }
        let used = used();
        let is_wasteful = self.written / 2 > used;
        // Renewing writes what is used; if nothing is renewed, it is looked at again when as much has been written.
        self.written = if is_wasteful { 0 } else { self.written };
        is_wasteful
    }

    /// Writes records anew, to one file.
    ///
    /// # Errors
    /// Those of files.
    pub fn renew(&mut self, mut pieces: Vec<&mut Piece>) -> Result<()> {
        // Each block is read once.
        pieces.sort_unstable_by_key(|piece| (Arc::as_ptr(&piece.file).addr(), piece.block, piece.at));
        for piece in pieces {
            let record = self.read(piece)?.to_vec();
            *piece = self.put(|out| {
                out.extend_from_slice(&record);
                Ok::<_, Error>(())
            })?;
        }
        self.close()
    }
}

impl PieceReader {
    /// Reads a record.
    ///
    /// # Errors
    /// Those of files.
    pub(in crate::grouping) fn read(&mut self, piece: &Piece) -> Result<&[u8]> {
        let is_there =
            |(file, block): &(Arc<dyn SpillFile>, u64)| Arc::ptr_eq(file, &piece.file) && *block == piece.block;
        if !self.of.as_ref().is_some_and(is_there) {
            self.of = None;
            self.block.clear();
            piece.file.read(piece.block, &mut self.block)?;
            self.of = Some((piece.file.clone(), piece.block));
        }
        let (from, to) = (piece.at as usize, piece.at as usize + piece.len as usize);
        self.block.get(from..to).ok_or_else(|| {
            let message = "a record of a spilled file is not where it was written".to_owned();
            Error::Runner { runner: "spilled files", message }
        })
    }
}

impl Open {
    fn flush(&mut self) -> Result<()> {
        self.next = self.file.append(&self.block)?;
        self.block.clear();
        Ok(())
    }
}

#[cold]
fn too_long(len: usize) -> Error {
    let message = format!("{len} bytes of one key and window are too many for one record of a file");
    Error::Runner { runner: "spilled files", message }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Memory;
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn records_come_back_in_any_order_and_files_go_with_the_last(
            files in vec(vec(vec(any::<u8>(), 0..5000), 0..20), 1..5),
            order in any::<prop::sample::Index>(),
        ) {
            let space = Memory::with_room(1 << 20);
            let mut pieces = Pieces::new(Arc::new(space.clone()));
            let mut written = Vec::new();
            for records in files {
                for record in records {
                    let piece = pieces.put(|out| {
                        out.extend_from_slice(&record);
                        Ok::<_, Error>(())
                    }).unwrap();
                    written.push((piece, record));
                }
                pieces.close().unwrap();
            }
            let middle = order.index(written.len().max(1)).min(written.len());
            written.rotate_left(middle);
            for (piece, record) in &written {
                prop_assert_eq!((pieces.read(piece).unwrap(), piece.bytes()), (&record[..], record.len()));
            }
            let before = space.live_files();
            pieces.renew(written.iter_mut().map(|(piece, _)| piece).collect()).unwrap();
            for (piece, record) in &written {
                prop_assert_eq!((pieces.read(piece).unwrap(), piece.bytes()), (&record[..], record.len()));
            }
            prop_assert!(space.live_files() <= before.min(1), "all are in one file now");
            drop((written, pieces));
            prop_assert_eq!(space.live_files(), 0);
        }
    }

    #[test]
    fn waste_is_noticed_when_there_is_much_of_it() {
        let mut pieces = Pieces::new(Arc::new(Memory::with_room(1 << 20)));
        assert!(!pieces.is_wasteful(|| 0), "of little");
        let megabyte = vec![0; 1 << 20];
        let put = |pieces: &mut Pieces| {
            pieces.put(|out| {
                out.extend_from_slice(&megabyte);
                Ok::<_, Error>(())
            })
        };
        for _ in 0..64 {
            put(&mut pieces).unwrap();
        }
        assert!(!pieces.is_wasteful(|| 40 << 20), "more than half is used");
        assert!(pieces.is_wasteful(|| 20 << 20));
        assert!(!pieces.is_wasteful(|| 20 << 20), "it has been written anew");
    }
}
