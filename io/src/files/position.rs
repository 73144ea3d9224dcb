use super::{Compression, FileError, FileReader};
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

/// Tells line numbers by counting the line ends of a file, which is done only when somebody asks: in error messages.
/// It goes on from where it was last asked.
pub struct LineCounter {
    path: PathBuf,
    reader: Option<FileReader>,
    line_ends: u64,
    /// Whether the whole file is known to be what was written.
    is_sound: bool,
}

impl LineCounter {
    /// Counts in the file at `path`, which is opened when it is first needed.
    pub fn new(path: impl AsRef<Path>) -> LineCounter {
        LineCounter { path: path.as_ref().to_path_buf(), reader: None, line_ends: 0, is_sound: false }
    }

    /// The number, from 1, of the line that holds the byte at `offset`.
    ///
    /// Who asks has found something wrong there. In a compressed file that may be damage which the decoder notices only
    /// at the end, by a checksum; so it is read to its end, once.
    ///
    /// # Errors
    ///
    /// If the file cannot be read up to there, or is compressed and damaged anywhere.
    pub fn line_at(&mut self, offset: u64) -> Result<u64, FileError> {
        if !self.is_sound && Compression::of(&self.path) != Compression::None {
            let read = io::copy(&mut FileReader::open(&self.path)?, &mut io::sink());
            read.map_err(FileError::io("read", &self.path))?;
        }
        self.is_sound = true;
        let mut reader = match self.reader.take() {
            Some(reader) if reader.offset() <= offset => reader,
            _ => {
                self.line_ends = 0;
                FileReader::open(&self.path)?
            }
        };
        while reader.offset() < offset {
            let wanted = usize::try_from(offset - reader.offset()).unwrap_or(usize::MAX);
            let bytes = reader.fill_buf().map_err(FileError::io("read", &self.path))?;
            let bytes = &bytes[..bytes.len().min(wanted)];
            if bytes.is_empty() {
                break;
            }
            let read = bytes.len();
            self.line_ends += memchr::memchr_iter(b'\n', bytes).count() as u64;
            reader.consume(read);
        }
        self.reader = Some(reader);
        Ok(self.line_ends + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_line_number_is_one_more_than_the_line_ends_before(
            text in "[ab\n]{0,40}",
            offsets in prop::collection::vec(0..50_usize, 1..5),
        ) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("a.txt");
            std::fs::write(&path, &text).unwrap();
            let mut counter = LineCounter::new(&path);
            for offset in offsets {
                let before = &text[..offset.min(text.len())];
                prop_assert_eq!(counter.line_at(offset as u64).unwrap(), before.matches('\n').count() as u64 + 1);
            }
        }
    }
}
