//! What a grouping has no room for in memory.
//!
//! The store does the *mechanism*: it estimates what it holds, encodes it, parts it by the hash of the key, and reads it back
//! part by part when a window fires. The runner keeps the *policy*: when a store has to spill, which one, and where to. The
//! runner's files compress blocks and look after their integrity; a store sees blocks of its own records only.

mod cells;
mod heaps;
mod meter;
mod part;
mod pieces;
mod table;
mod values;

pub(super) use cells::{CellFiles, Fired};
pub(super) use meter::{Meter, owned};
pub(super) use part::Part;
pub(super) use pieces::PieceReader;
pub use pieces::{Piece, Pieces};
pub(crate) use table::{Collects, CollectsOf};
pub(super) use table::{Loaded, Spill};
pub use values::Spilled;
pub(crate) use values::SpilledIter;
use values::SpilledWriter;

use crate::error::Result;
use std::sync::Arc;

/// Where stores of one step put what memory has no room for; the runner's.
pub trait SpillSpace: Send + Sync {
    /// Makes an empty file, which goes when nobody has it any more.
    ///
    /// # Errors
    /// The operating system's, with the step and the directory.
    fn create(&self) -> Result<Arc<dyn SpillFile>>;

    /// About how many bytes of memory a store may fill with what it reads back at a time.
    fn room(&self) -> usize;
}

/// A sequence of blocks of bytes.
pub trait SpillFile: Send + Sync {
    /// Adds a block at the end. Gives the position behind it.
    ///
    /// # Errors
    /// The operating system's, with the step and the directory.
    fn append(&self, block: &[u8]) -> Result<u64>;

    /// Reads the block at a position, of which the first one is 0, in place of what is in `block`. Gives the position behind
    /// it, or none if there is no block.
    ///
    /// # Errors
    /// The operating system's; that the block is not as it was written.
    fn read(&self, at: u64, block: &mut Vec<u8>) -> Result<Option<u64>>;

    /// Makes an empty file in the same place.
    ///
    /// # Errors
    /// As [`SpillSpace::create`].
    fn sibling(&self) -> Result<Arc<dyn SpillFile>>;
}

/// A store that can give memory back.
pub trait Spills {
    /// Says where to spill to. Before it is called nothing is measured, and nothing spills.
    fn limit(&mut self, space: Arc<dyn SpillSpace>);

    /// About how many bytes of memory it holds.
    fn held(&self) -> usize;

    /// Writes a part of what it holds to files, and frees it. If it finds that it holds much less than it thought, it
    /// only says so from then on.
    ///
    /// # Errors
    /// Those of files; [`Error::Coder`](crate::Error::Coder) if something has no encoding.
    fn spill(&mut self) -> Result<()>;
}

/// Blocks of this size go to files, if `room` is left: one for each part of a slot, which together take a quarter of it.
fn block_size(room: usize) -> usize {
    (room / (4 * part::PARTS)).clamp(4 << 10, 256 << 10)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Files in memory.
    #[derive(Clone)]
    pub(crate) struct Memory {
        pub(crate) room: usize,
        /// How many blocks were written.
        pub(crate) blocks: Arc<AtomicUsize>,
        /// How many files there are.
        files: Arc<Live>,
    }

    /// Every file has a share of it.
    #[derive(Default)]
    struct Live(Arc<()>);

    impl Memory {
        pub(crate) fn with_room(room: usize) -> Self {
            Memory { room, blocks: Arc::default(), files: Arc::default() }
        }

        pub(crate) fn live_files(&self) -> usize {
            Arc::strong_count(&self.files.0) - 1
        }
    }

    struct InMemory {
        blocks: Mutex<Vec<Vec<u8>>>,
        written: Arc<AtomicUsize>,
        files: Arc<()>,
    }

    impl SpillSpace for Memory {
        fn create(&self) -> Result<Arc<dyn SpillFile>> {
            let (written, files) = (self.blocks.clone(), self.files.0.clone());
            Ok(Arc::new(InMemory { blocks: Mutex::default(), written, files }))
        }
        fn room(&self) -> usize {
            self.room
        }
    }

    impl SpillFile for InMemory {
        fn append(&self, block: &[u8]) -> Result<u64> {
            self.written.fetch_add(1, Ordering::Relaxed);
            let mut blocks = self.blocks.lock().unwrap();
            blocks.push(block.to_vec());
            Ok(blocks.len() as u64)
        }
        fn read(&self, at: u64, block: &mut Vec<u8>) -> Result<Option<u64>> {
            let blocks = self.blocks.lock().unwrap();
            let Some(found) = blocks.get(at as usize) else { return Ok(None) };
            block.clone_from(found);
            Ok(Some(at + 1))
        }
        fn sibling(&self) -> Result<Arc<dyn SpillFile>> {
            let (written, files) = (self.written.clone(), self.files.clone());
            Ok(Arc::new(InMemory { blocks: Mutex::default(), written, files }))
        }
    }
}
