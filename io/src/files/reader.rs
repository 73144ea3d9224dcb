use super::compression::BUFFER;
use super::{Compression, FileError};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The decompressed bytes of a file. Its errors carry a [`FileError`] that names the path and, if it is the compressed
/// stream that is broken, how far it could be read.
pub struct FileReader {
    path: PathBuf,
    compression: Compression,
    bytes: Box<dyn BufRead + Send>,
    offset: u64,
}

impl FileReader {
    /// Opens a file at its start.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or does not start as its extension promises.
    pub fn open(path: impl AsRef<Path>) -> Result<FileReader, FileError> {
        FileReader::open_at(path, 0)
    }

    /// Opens a file so that the next byte is the one at `offset` of its decompressed bytes: plain files seek, others
    /// are decompressed up to there. Past the end, there is nothing to read.
    ///
    /// # Errors
    ///
    /// As for [`FileReader::open`]; and if a compressed file is broken before `offset`.
    pub fn open_at(path: impl AsRef<Path>, offset: u64) -> Result<FileReader, FileError> {
        let path = path.as_ref().to_path_buf();
        let compression = Compression::of(&path);
        let mut file = File::open(&path).map_err(FileError::io("open", &path))?;
        let seeks = compression == Compression::None;
        if seeks && offset > 0 {
            file.seek(SeekFrom::Start(offset)).map_err(FileError::io("read", &path))?;
        }
        let bytes = compression
            .decode(BufReader::with_capacity(BUFFER, file))
            .map_err(|source| describe(&path, compression, 0, source))?;
        let mut reader = FileReader { path, compression, bytes, offset: if seeks { offset } else { 0 } };
        if !seeks {
            let skipped = io::copy(&mut (&mut reader).take(offset), &mut io::sink());
            skipped.map_err(FileError::io("read", &reader.path))?;
        }
        Ok(reader)
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the next byte is, among the decompressed bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

/// What the operating system says is about the file; all else that can be wrong is the stream's fault.
fn describe(path: &Path, compression: Compression, offset: u64, source: io::Error) -> FileError {
    let path = path.to_path_buf();
    if compression == Compression::None || source.raw_os_error().is_some() {
        FileError::Io { action: "read", path, source }
    } else {
        FileError::Corrupt { path, compression, offset, source }
    }
}

impl Read for FileReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for FileReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.bytes.fill_buf() {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                Err(describe(&self.path, self.compression, self.offset, error).into_io())
            }
            bytes => bytes,
        }
    }

    fn consume(&mut self, amount: usize) {
        self.bytes.consume(amount);
        self.offset += amount as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    const ALL: [(&str, Compression); 4] = [
        ("f.txt", Compression::None),
        ("f.txt.gz", Compression::Gzip),
        ("f.ZST", Compression::Zstd),
        ("f.bz2", Compression::Bzip2),
    ];

    fn pack(compression: Compression, bytes: &[u8]) -> Vec<u8> {
        let mut encoder = compression.encode(Vec::new()).unwrap();
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(path: &Path, offset: u64) -> Result<Vec<u8>, FileError> {
        let mut bytes = Vec::new();
        let mut reader = FileReader::open_at(path, offset)?;
        reader.read_to_end(&mut bytes).map_err(FileError::io("read", path))?;
        Ok(bytes)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn every_compression_gives_back_what_was_packed(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..4),
            from in 0..700_u64,
        ) {
            let directory = tempfile::tempdir().unwrap();
            let whole = parts.concat();
            for (name, compression) in ALL {
                prop_assert_eq!(Compression::of(name), compression);
                let path = directory.path().join(name);
                std::fs::write(&path, parts.iter().flat_map(|part| pack(compression, part)).collect::<Vec<_>>()).unwrap();
                prop_assert_eq!(&read(&path, 0).unwrap(), &whole);
                prop_assert_eq!(&read(&path, from).unwrap(), &whole[whole.len().min(from as usize)..]);
            }
        }
    }

    #[test]
    fn a_cut_stream_is_an_error_wherever_it_is_cut() {
        let directory = tempfile::tempdir().unwrap();
        let text = (0..3000).map(|n| format!("{}\n", n * n)).collect::<String>();
        for (name, compression) in &ALL[1..] {
            let path = directory.path().join(name);
            let packed = pack(*compression, text.as_bytes());
            for cut in (0..packed.len()).step_by(packed.len() / 97).chain([packed.len() - 1]) {
                std::fs::write(&path, &packed[..cut]).unwrap();
                let error = read(&path, 0).expect_err(name);
                let FileError::Corrupt { path: named, offset, .. } = &error else { panic!("{error}") };
                assert_eq!(named, &path);
                assert!(*offset <= text.len() as u64);
            }
        }
    }

    #[test]
    fn a_damaged_stream_says_how_far_it_is_good() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.gz");
        let mut packed = pack(Compression::Gzip, b"hello\n");
        packed.extend_from_slice(b"this is no second member");
        std::fs::write(&path, packed).unwrap();
        let text = read(&path, 0).unwrap_err().to_string();
        let expected =
            format!("`{}` is cut off or damaged: its gzip stream breaks after 6 decompressed bytes: ", path.display());
        assert!(text.starts_with(&expected), "{text}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let text = FileReader::open("no/such/file").map(|_| ()).unwrap_err().to_string();
        assert!(text.starts_with("cannot open `no/such/file`: "), "{text}");
    }
}
