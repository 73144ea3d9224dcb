//! A file of compressed blocks, each with a checksum.

use super::Place;
use ferrobeam_core::grouping::SpillFile;
use ferrobeam_core::{Error, Result};
use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, PoisonError};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Before each block: its length, its length in the file, the checksum of both and of what is in the file.
const HEADER: usize = 16;

fn checksum(len: usize, stored: &[u8]) -> u64 {
    xxh3_64_with_seed(stored, (len as u64) << 32 | stored.len() as u64)
}

/// A file that is open only while it is written to or read, for there may be very many.
pub(super) struct Disk {
    place: Arc<Place>,
    path: PathBuf,
    /// How many blocks are not compressed before that is tried again.
    pause: AtomicU8,
}

impl Disk {
    /// # Errors
    /// The operating system's.
    pub(super) fn create(place: &Arc<Place>) -> Result<Disk> {
        let path = place.dir.file();
        let disk = Disk { place: place.clone(), path, pause: AtomicU8::new(0) };
        File::create_new(&disk.path).map_err(|source| disk.failed("spill to", source))?;
        Ok(disk)
    }

    #[cold]
    fn failed(&self, what: &str, source: io::Error) -> Error {
        let Place { step, dir, .. } = &*self.place;
        Error::Io { what: format!("{step}: cannot {what} {}", dir.path().display()), source }
    }

    fn write(&self, block: &[u8]) -> io::Result<u64> {
        let mut scratch = self.place.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        scratch.resize(HEADER + get_maximum_output_size(block.len()), 0);
        let mut len = block.len();
        if self.pause.load(Ordering::Relaxed) == 0 {
            len = compress_into(block, &mut scratch[HEADER..]).map_err(io::Error::other)?;
        } else {
            self.pause.fetch_sub(1, Ordering::Relaxed);
        }
        if len >= block.len() - block.len() / 16 {
            // The next ones are probably not smaller, either.
            if len != block.len() || self.pause.load(Ordering::Relaxed) == 0 {
                self.pause.store(15, Ordering::Relaxed);
            }
            len = block.len();
            scratch[HEADER..HEADER + len].copy_from_slice(block);
        }
        let bytes = &mut scratch[..HEADER + len];
        let checksum = checksum(block.len(), &bytes[HEADER..]);
        let length = |len: usize| u32::try_from(len).map(u32::to_le_bytes).map_err(io::Error::other);
        bytes[..4].copy_from_slice(&length(block.len())?);
        bytes[4..8].copy_from_slice(&length(len)?);
        bytes[8..HEADER].copy_from_slice(&checksum.to_le_bytes());
        let mut file = File::options().append(true).open(&self.path)?;
        file.write_all(bytes)?;
        self.place.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        file.stream_position()
    }

    fn read_at(&self, at: u64, block: &mut Vec<u8>) -> io::Result<Option<u64>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(at))?;
        let mut header = [0; HEADER];
        // The first read of a block that is there is not empty.
        let read = file.read(&mut header)?;
        if read == 0 {
            return Ok(None);
        }
        file.read_exact(&mut header[read..])?;
        let [a, b, c, d, e, f, g, h, expected @ ..] = header;
        let (len, stored) = (u32::from_le_bytes([a, b, c, d]) as usize, u32::from_le_bytes([e, f, g, h]) as usize);
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a block is not as it was written");
        if stored > len {
            return Err(damaged());
        }
        let mut scratch = self.place.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let into = if stored == len { &mut *block } else { &mut *scratch };
        into.clear();
        // Not more than there is, whatever the header says.
        (&mut file).take(stored as u64).read_to_end(into)?;
        if into.len() != stored || checksum(len, into) != u64::from_le_bytes(expected) {
            return Err(damaged());
        }
        if stored < len {
            block.resize(len, 0);
            let whole = decompress_into(&scratch, block).is_ok_and(|found| found == len);
            return if whole { Ok(Some(at + (HEADER + stored) as u64)) } else { Err(damaged()) };
        }
        Ok(Some(at + (HEADER + stored) as u64))
    }
}

impl SpillFile for Disk {
    fn append(&self, block: &[u8]) -> Result<u64> {
        self.write(block).map_err(|source| self.failed("spill to", source))
    }

    fn read(&self, at: u64, block: &mut Vec<u8>) -> Result<Option<u64>> {
        self.read_at(at, block).map_err(|source| self.failed("read back what was spilled to", source))
    }

    fn sibling(&self) -> Result<Arc<dyn SpillFile>> {
        Ok(Arc::new(Disk::create(&self.place)?))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // If it cannot be removed now, its directory is later.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::*;
    use ferrobeam_core::graph::StepName;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn place(parent: &std::path::Path) -> Arc<Place> {
        let limits = Limits { stores: Some(1), dir: Some(parent.to_owned()), ..Limits::default() };
        let dir = limits.start(1).unwrap().unwrap().dir.clone();
        Arc::new(Place { step: StepName::here("Group"), dir, scratch: std::sync::Mutex::default(), written: 0.into() })
    }

    fn blocks(disk: &Disk) -> Result<Vec<Vec<u8>>> {
        let (mut all, mut at, mut block) = (Vec::new(), 0, Vec::new());
        while let Some(next) = disk.read(at, &mut block)? {
            all.push(block.clone());
            at = next;
        }
        Ok(all)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn blocks_come_back_and_damage_is_seen(
            written in vec(prop_oneof![vec(any::<u8>(), 1..300), vec(0..2_u8, 1..300)], 1..40),
            at in any::<prop::sample::Index>(),
            flip in 1..=255_u8,
        ) {
            let parent = tempfile::tempdir().unwrap();
            let disk = Disk::create(&place(parent.path())).unwrap();
            for block in &written {
                let behind = disk.append(block).unwrap();
                prop_assert_eq!(behind, fs::metadata(&disk.path).unwrap().len());
            }
            prop_assert_eq!(&blocks(&disk).unwrap(), &written);

            let mut bytes = fs::read(&disk.path).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            fs::write(&disk.path, &bytes).unwrap();
            let error = blocks(&disk).unwrap_err().to_string();
            prop_assert!(error.contains("`Group`") && error.contains("cannot read back"), "{}", error);
        }
    }
}
