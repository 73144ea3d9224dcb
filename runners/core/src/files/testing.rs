//! Files in memory.

use ferrobeam_core::Result;
use ferrobeam_core::grouping::{SpillFile, SpillSpace};
use std::sync::{Arc, Mutex};

pub(crate) struct InMemory;

struct Blocks(Mutex<Vec<Vec<u8>>>);

impl SpillSpace for InMemory {
    fn create(&self) -> Result<Arc<dyn SpillFile>> {
        Ok(Arc::new(Blocks(Mutex::default())))
    }
    fn room(&self) -> usize {
        1 << 20
    }
}

impl SpillFile for Blocks {
    fn append(&self, block: &[u8]) -> Result<u64> {
        let mut blocks = self.0.lock().unwrap();
        blocks.push(block.to_vec());
        Ok(blocks.len() as u64)
    }
    fn read(&self, at: u64, block: &mut Vec<u8>) -> Result<Option<u64>> {
        let blocks = self.0.lock().unwrap();
        let found = blocks.get(at as usize);
        found.into_iter().for_each(|found| block.clone_from(found));
        Ok(found.map(|_| at + 1))
    }
    fn sibling(&self) -> Result<Arc<dyn SpillFile>> {
        InMemory.create()
    }
}
