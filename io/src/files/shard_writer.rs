use super::compression::{BUFFER, Encoder};
use super::{Compression, FileError};
use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::BuildHasher;
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3Default;

/// A shard that is complete, under a temporary name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenShard {
    /// Its number.
    pub shard: u32,
    /// The temporary file.
    pub path: String,
    /// The xxh3 hash of the file's bytes.
    pub digest: u64,
}

/// One attempt to write a shard. Dropped before it is finished, it removes its file.
pub struct ShardWriter {
    shard: u32,
    out: Encoder<BufWriter<Hashed>>,
    file: Temporary,
}

impl ShardWriter {
    /// Makes a temporary file in `directory` for the shard that shall become `target`.
    pub(crate) fn create(directory: &Path, shard: u32, target: PathBuf) -> Result<ShardWriter, FileError> {
        // Names must differ between attempts, also of different processes; which names they are has no influence on
        // the output.
        let attempt = RandomState::new().hash_one(std::process::id());
        let path = directory.join(format!("{shard:05}-{attempt:016x}"));
        let file = File::create_new(&path).map_err(|error| match error.kind() {
            // The directory was made before: whoever has removed it has written the same shards.
            ErrorKind::NotFound => FileError::ShardLost { path: path.clone(), target: target.clone() },
            _ => FileError::io("write", &path)(error),
        })?;
        ShardWriter::over(file, shard, Temporary { path, target, is_kept: false })
    }

    /// Makes a hidden temporary file beside `target`, for an output of which nobody knows how many files there will be.
    pub(crate) fn beside(target: PathBuf) -> Result<ShardWriter, FileError> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let attempt = RandomState::new().hash_one(std::process::id());
        let path = target.with_file_name(format!(".{name}.{attempt:016x}.tmp"));
        let file = File::create_new(&path).map_err(FileError::io("write", &path))?;
        ShardWriter::over(file, 0, Temporary { path, target, is_kept: false })
    }

    /// Completes the file and moves it to its place, where a repetition replaces it.
    ///
    /// # Errors
    ///
    /// As for [`ShardWriter::finish`]; and if it cannot be moved.
    pub(crate) fn commit(self) -> Result<(), FileError> {
        let target = self.file.target.clone();
        let written = self.finish()?;
        if let Err(error) = fs::rename(&written.path, &target) {
            // The failure to move it is the one to tell.
            let _ = fs::remove_file(&written.path);
            return Err(FileError::io("write", target)(error));
        }
        let directory = target.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
        super::shards::sync_directory(directory)
    }

    fn over(file: File, shard: u32, temporary: Temporary) -> Result<ShardWriter, FileError> {
        let hashed = BufWriter::with_capacity(BUFFER, Hashed { file, hash: Box::default() });
        let out =
            Compression::of(&temporary.target).encode(hashed).map_err(FileError::io("write", &temporary.target))?;
        Ok(ShardWriter { shard, out, file: temporary })
    }

    /// Writes `line` and a line end.
    ///
    /// # Errors
    ///
    /// If it cannot be written, for instance because the disk is full.
    pub fn write_line(&mut self, line: &[u8]) -> Result<(), FileError> {
        let written = self.out.write_all(line).and_then(|()| self.out.write_all(b"\n"));
        written.map_err(FileError::io("write", &self.file.target))
    }

    /// Completes the file and waits until it is on the disk.
    ///
    /// # Errors
    ///
    /// As for [`ShardWriter::write_line`]; and if the path is not UTF-8.
    pub fn finish(self) -> Result<WrittenShard, FileError> {
        let ShardWriter { shard, out, mut file } = self;
        let flush = |out: BufWriter<Hashed>| out.into_inner().map_err(io::IntoInnerError::into_error);
        let written = out.finish().and_then(flush).and_then(|out| out.file.sync_all().map(|()| out.hash.digest()));
        let digest = written.map_err(FileError::io("write", &file.target))?;
        let path = file.path.to_str().ok_or_else(|| FileError::Name { path: file.path.clone() })?.to_owned();
        file.is_kept = true;
        Ok(WrittenShard { shard, path, digest })
    }
}

/// A file that is removed with this value, unless it is kept.
struct Temporary {
    path: PathBuf,
    target: PathBuf,
    is_kept: bool,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_kept {
            // The temporary directory will be removed in any case; this only frees the space earlier.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Hashes what it writes.
struct Hashed {
    file: File,
    hash: Box<Xxh3Default>,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The hash of a file as it would have been told by its writer.
pub(crate) fn digest_of(path: &Path) -> io::Result<u64> {
    let (mut file, mut hash, mut bytes) = (File::open(path)?, Box::new(Xxh3Default::new()), vec![0; BUFFER]);
    loop {
        match file.read(&mut bytes)? {
            0 => return Ok(hash.digest()),
            read => hash.update(&bytes[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_files() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a.txt", "a.gz"] {
            let mut writer = ShardWriter::create(directory.path(), 7, directory.path().join(name)).unwrap();
            (0..50_000).for_each(|n| writer.write_line(format!("{n}").as_bytes()).unwrap());
            let written = writer.finish().unwrap();
            assert_eq!(digest_of(Path::new(&written.path)).unwrap(), written.digest);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_names_the_shard() {
        for name in ["out.txt", "out.gz", "out.zst", "out.bz2"] {
            let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
            let temporary = Temporary { path: PathBuf::new(), target: PathBuf::from(name), is_kept: true };
            let mut writer = ShardWriter::over(full, 0, temporary).unwrap();
            let lines = (0..200_000_u64).try_for_each(|n| writer.write_line(&n.wrapping_mul(n).to_le_bytes()));
            let error = lines.and_then(|()| writer.finish().map(|_| ())).unwrap_err();
            assert!(error.to_string().starts_with(&format!("cannot write `{name}`: No space left")), "{error}");
        }
    }

    #[test]
    fn a_missing_directory_is_blamed_on_another_run() {
        let error = ShardWriter::create(Path::new("no/such"), 0, PathBuf::from("out")).map(|_| ()).unwrap_err();
        let (path, question) = ("the temporary file `no/such/00000-", "has disappeared; does another run write `out`?");
        assert!(error.to_string().starts_with(path) && error.to_string().ends_with(question), "{error}");
    }
}
