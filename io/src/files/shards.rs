//! Output files that appear all at once or not at all.
//!
//! Shards are written under temporary names in a hidden directory beside the output, hence in the same file system, and
//! are moved to their places only when all of them are whole and on the disk. Every step may be repeated: a second
//! attempt at a shard has a name of its own, and a move that was already made is recognised by the file's hash.

use super::shard_writer::digest_of;
use super::{FileError, ShardWriter, WrittenShard};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The files `PREFIX-00000-of-0000N.SUFFIX` of one output.
///
/// Two runs must not write the same shards at the same time: one of them would fail.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ferrobeam_io::files::Shards;
/// let directory = tempfile::tempdir()?;
/// let shards = Shards::new(&format!("{}/out", directory.path().display()), 1, ".txt");
/// shards.prepare()?;
/// let mut writer = shards.create(0)?;
/// writer.write_line(b"hello")?;
/// let written = writer.finish()?;
/// assert!(!directory.path().join("out-00000-of-00001.txt").exists());
/// shards.commit(&[written])?;
/// assert_eq!(std::fs::read_to_string(directory.path().join("out-00000-of-00001.txt"))?, "hello\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shards {
    directory: PathBuf,
    /// The part of the prefix behind the last separator.
    name: String,
    count: u32,
    suffix: String,
}

impl Shards {
    /// The shards of an output. If `prefix` ends in a separator, the names are only the numbers. The extension of
    /// `suffix` says how they are compressed. There is at least one shard.
    pub fn new(prefix: &str, count: u32, suffix: &str) -> Shards {
        let split = prefix.rfind(std::path::is_separator).map_or(0, |at| at + 1);
        let (directory, name) = prefix.split_at(split);
        let directory = PathBuf::from(if directory.is_empty() { "." } else { directory });
        Shards { directory, name: name.to_owned(), count: count.max(1), suffix: suffix.to_owned() }
    }

    /// How many shards there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Where a shard will be.
    pub fn path(&self, shard: u32) -> PathBuf {
        let Shards { directory, name, count, suffix } = self;
        let dash = if name.is_empty() { "" } else { "-" };
        directory.join(format!("{name}{dash}{shard:05}-of-{count:05}{suffix}"))
    }

    /// The hidden directory of the temporary files. Its name is made of all that the shards' names are made of, so that
    /// two outputs never share it, and a run finds and removes what a killed one left behind.
    pub fn temporary(&self) -> PathBuf {
        let Shards { directory, name, count, suffix } = self;
        directory.join(format!(".{name}-of-{count:05}{suffix}.tmp"))
    }

    /// Makes ready to write: makes the temporary directory, if it is not there.
    ///
    /// # Errors
    ///
    /// If the output directory does not exist or cannot be written to, or a shard's place is taken by a directory.
    pub fn prepare(&self) -> Result<(), FileError> {
        let path = self.directory.clone();
        match fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(FileError::NoOutputDirectory { path }),
            Err(error) => return Err(FileError::io("write to the directory", path)(error)),
            Ok(metadata) if !metadata.is_dir() => {
                return Err(FileError::io("write to the directory", path)(ErrorKind::NotADirectory.into()));
            }
            Ok(_) => {}
        }
        if let Some(path) = (0..self.count).map(|shard| self.path(shard)).find(|path| path.is_dir()) {
            return Err(FileError::OutputIsDirectory { path });
        }
        match fs::create_dir(self.temporary()) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                Err(FileError::io("write to the directory", path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Starts an attempt to write a shard. Needs [`Shards::prepare`].
    ///
    /// # Errors
    ///
    /// If the temporary file cannot be made.
    pub fn create(&self, shard: u32) -> Result<ShardWriter, FileError> {
        ShardWriter::create(&self.temporary(), shard, self.path(shard))
    }

    /// Moves all shards to their places, replacing what is there, and removes the temporary directory. If a move fails,
    /// those before it are taken back.
    ///
    /// # Errors
    ///
    /// If `written` does not hold every shard once, a temporary file is gone, or a file cannot be moved.
    pub fn commit(&self, written: &[WrittenShard]) -> Result<(), FileError> {
        for shard in 0..self.count {
            let times = written.iter().filter(|written| written.shard == shard).count();
            if times != 1 {
                return Err(FileError::ShardCount { shard, times, target: self.path(shard) });
            }
        }
        let mut moves = Vec::new();
        for shard in written {
            let (path, target) = (PathBuf::from(&shard.path), self.path(shard.shard));
            if path.exists() {
                moves.push((path, target));
            } else if digest_of(&target).ok() != Some(shard.digest) {
                return Err(FileError::ShardLost { path, target });
            }
        }
        for (done, (path, target)) in moves.iter().enumerate() {
            if let Err(error) = fs::rename(path, target) {
                for (path, target) in &moves[..done] {
                    // Best effort: the first error is the one to tell.
                    let _ = fs::rename(target, path);
                }
                return Err(FileError::io("write", target)(error));
            }
        }
        sync_directory(&self.directory)?;
        self.abandon()
    }

    /// Removes the temporary directory and all that is in it; it may be gone already.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    pub fn abandon(&self) -> Result<(), FileError> {
        let path = self.temporary();
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(FileError::io("remove", path)(error)),
            _ => Ok(()),
        }
    }
}

/// Makes renames in `directory` last. Only Unix can open a directory to do so.
pub(super) fn sync_directory(directory: &Path) -> Result<(), FileError> {
    if cfg!(unix) {
        File::open(directory)
            .and_then(|file| file.sync_all())
            .map_err(FileError::io("write to the directory", directory))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{FileReader, LineReader};
    use std::collections::BTreeSet;
    use tempfile::TempDir;

    fn shards(root: &TempDir, count: u32, suffix: &str) -> Shards {
        Shards::new(&format!("{}/out", root.path().display()), count, suffix)
    }

    fn write(shards: &Shards, shard: u32, lines: &[&str]) -> WrittenShard {
        let mut writer = shards.create(shard).unwrap();
        lines.iter().for_each(|line| writer.write_line(line.as_bytes()).unwrap());
        writer.finish().unwrap()
    }

    fn entries(root: &TempDir) -> BTreeSet<String> {
        let names = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    fn lines(path: &Path) -> Vec<String> {
        let (mut lines, mut all) = (LineReader::new(FileReader::open(path).unwrap(), 0, None), Vec::new());
        while let Some(line) = lines.next_line().unwrap() {
            all.push(String::from_utf8(line.bytes.to_vec()).unwrap());
        }
        all
    }

    #[test]
    fn names_are_beams() {
        let name = |prefix: &str| Shards::new(prefix, 12, ".txt.gz").path(3).display().to_string();
        assert_eq!(name("a/b"), "a/b-00003-of-00012.txt.gz");
        assert_eq!(name("b"), "./b-00003-of-00012.txt.gz");
        assert_eq!(name("/b"), "/b-00003-of-00012.txt.gz");
        assert_eq!(name("a/"), "a/00003-of-00012.txt.gz");
    }

    #[test]
    fn shards_appear_together_and_leave_nothing_else() {
        for suffix in ["", ".txt", ".txt.gz", ".zst", ".bz2"] {
            let root = tempfile::tempdir().unwrap();
            let shards = shards(&root, 2, suffix);
            shards.prepare().unwrap();
            let written = [write(&shards, 1, &["b", "c"]), write(&shards, 0, &[])];
            assert_eq!(entries(&root), BTreeSet::from([format!(".out-of-00002{suffix}.tmp")]));
            shards.commit(&written).unwrap();
            let expected = [0, 1].map(|shard| format!("out-0000{shard}-of-00002{suffix}"));
            assert_eq!(entries(&root), BTreeSet::from(expected));
            assert_eq!((lines(&shards.path(0)).len(), lines(&shards.path(1))), (0, vec!["b".into(), "c".into()]));
        }
    }

    #[test]
    fn every_step_may_be_repeated() {
        let root = tempfile::tempdir().unwrap();
        let shards = shards(&root, 2, ".txt");
        shards.prepare().unwrap();
        let lost_attempt = write(&shards, 0, &["half"]);
        shards.prepare().unwrap();
        let written = [write(&shards, 0, &["whole"]), write(&shards, 1, &["b"])];
        assert_ne!(lost_attempt.path, written[0].path);
        shards.commit(&written).unwrap();
        shards.commit(&written).unwrap();
        assert_eq!(entries(&root).len(), 2);
        assert_eq!(lines(&shards.path(0)), ["whole"]);
        shards.abandon().unwrap();
        assert_eq!(lines(&shards.path(0)), ["whole"]);
    }

    #[test]
    fn a_dropped_attempt_leaves_no_file() {
        let root = tempfile::tempdir().unwrap();
        let shards = shards(&root, 1, ".gz");
        shards.prepare().unwrap();
        let mut writer = shards.create(0).unwrap();
        writer.write_line(b"half").unwrap();
        drop(writer);
        assert_eq!(fs::read_dir(shards.temporary()).unwrap().count(), 0);
        shards.abandon().unwrap();
        assert!(entries(&root).is_empty());
    }

    #[test]
    fn an_older_output_is_not_taken_for_a_lost_shard() {
        let root = tempfile::tempdir().unwrap();
        let shards = shards(&root, 1, ".txt");
        shards.prepare().unwrap();
        fs::write(shards.path(0), "older").unwrap();
        let written = write(&shards, 0, &["new"]);
        fs::remove_file(&written.path).unwrap();
        assert!(matches!(shards.commit(&[written]), Err(FileError::ShardLost { .. })));
        assert_eq!(lines(&shards.path(0)), ["older"]);
    }

    #[test]
    fn a_failed_move_takes_the_others_back() {
        let root = tempfile::tempdir().unwrap();
        let shards = shards(&root, 2, ".txt");
        shards.prepare().unwrap();
        let written = [write(&shards, 0, &["a"]), write(&shards, 1, &["b"])];
        fs::create_dir(shards.path(1)).unwrap();
        let error = shards.commit(&written).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot write `{}`: ", shards.path(1).display())), "{error}");
        assert!(!shards.path(0).exists());
        fs::remove_dir(shards.path(1)).unwrap();
        shards.commit(&written).unwrap();
        assert_eq!(lines(&shards.path(0)), ["a"]);
    }

    #[test]
    fn commit_wants_every_shard_once() {
        let root = tempfile::tempdir().unwrap();
        let shards = shards(&root, 2, ".txt");
        shards.prepare().unwrap();
        let one = write(&shards, 0, &[]);
        assert!(matches!(
            shards.commit(std::slice::from_ref(&one)),
            Err(FileError::ShardCount { shard: 1, times: 0, .. })
        ));
        let again = [one.clone(), write(&shards, 1, &[]), one];
        assert!(matches!(shards.commit(&again), Err(FileError::ShardCount { shard: 0, times: 2, .. })));
        assert!(!shards.path(0).exists());
    }

    #[test]
    fn a_bad_place_is_an_error_before_anything_is_written() {
        let root = tempfile::tempdir().unwrap();
        let place = |name: &str| format!("{}/{name}", root.path().display());
        let error = Shards::new(&place("none/out"), 1, "").prepare().unwrap_err().to_string();
        assert_eq!(error, format!("the output directory `{}/` does not exist; create it first", place("none")));
        fs::write(place("file"), "").unwrap();
        let error = Shards::new(&place("file/out"), 1, "").prepare().unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot write to the directory `{}/`: ", place("file"))), "{error}");
        fs::create_dir(place("taken-00000-of-00001")).unwrap();
        let error = Shards::new(&place("taken"), 1, "").prepare().unwrap_err().to_string();
        assert_eq!(error, format!("cannot write `{}`: it is a directory", place("taken-00000-of-00001")));
        assert_eq!(entries(&root).len(), 2);
    }
}
