//! The files of a directory as they are now, open as long as they may grow.
//!
//! An open file stays readable when it is renamed or removed, and its number is not given to another. So a worker keeps
//! them open, and looks at the pattern again and again for what is new.

use super::limit::let_open;
use super::position::{Directory, FileId, Mark, Position};
use crate::files::{Compression, FileError, expand_present};
use ferrobeam_core::Timestamp;
use ferrobeam_core::metrics::Counter;
use glob::Pattern;
use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, SystemTime};
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of files that were cut before they were read.
const CUT_OFF: Counter = Counter::new("ferrobeam", "bytes_cut_off_unread");

/// How many of the first bytes of a file tell it from another.
const HEAD: u64 = 1024;

/// How many of the bytes that were read last tell it from the same file written anew.
const TAIL: usize = 256;

/// How many bytes are read at a time, unless a line is longer.
const CHUNK: u64 = 64 << 10;

/// Far above what a line should be.
const LONGEST: u64 = 64 << 20;

/// A file that is open.
pub(crate) struct OpenFile {
    pub(crate) path: String,
    file: File,
    size: u64,
    /// How long it has been since it began.
    longest: u64,
    modified: Option<SystemTime>,
    /// Whether something was written since what was read was last compared.
    is_changed: bool,
    /// When it was seen to grow, in processing time.
    grew: Timestamp,
    /// Whether the pattern still finds it.
    is_there: bool,
    head: Vec<u8>,
    /// After how many steps it was to be forgotten. It stays until that counts, for a bundle may be repeated.
    forgotten: Option<u64>,
}

/// What is to be done next.
pub(crate) enum Turn {
    /// These bytes come next in a file; they hold whole lines only, or its last one.
    Read(FileId, u64, Vec<u8>),
    Restart(FileId),
    Forget(FileId),
    /// There is nothing to read.
    Nothing,
}

/// The files that a pattern finds.
pub(crate) struct Table {
    pattern: String,
    except: Vec<Pattern>,
    idle: Duration,
    /// Whether another run will read the end of what is no whole line yet.
    is_continued: bool,
    files: BTreeMap<FileId, OpenFile>,
}

#[cfg(unix)]
fn id_of(_: &str, metadata: &Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt;
    FileId { device: metadata.dev(), inode: metadata.ino() }
}

/// Without numbers a file is its path.
#[cfg(not(unix))]
fn id_of(path: &str, _: &Metadata) -> FileId {
    FileId { device: 0, inode: xxh3_64(path.as_bytes()) }
}

impl OpenFile {
    /// The hash of what tells the file from others, as far as it was read up to `offset`.
    fn head(&self, offset: u64) -> u64 {
        // At most `HEAD`, which is small.
        let known = self.head.len().min(offset.min(HEAD) as usize);
        xxh3_64(&self.head[..known])
    }

    /// Whether what was read of the file is not there any more: it was cut, written anew, or is another.
    fn is_other(&mut self, read: &Mark) -> Result<bool, FileError> {
        if read.offset == 0 {
            return Ok(false);
        }
        if self.size < read.offset || read.head != self.head(read.offset) {
            return Ok(true);
        }
        if self.is_changed {
            let tail = self.bytes(read.offset.saturating_sub(read.tail_length), read.tail_length)?;
            if xxh3_64(&tail) != read.tail {
                return Ok(true);
            }
            self.is_changed = false;
        }
        Ok(false)
    }

    /// Whether it was forgotten.
    fn is_over(&self, id: FileId, directory: &Directory) -> bool {
        self.forgotten.is_some_and(|steps| steps < directory.steps() && directory.file(id).is_none())
    }

    fn bytes(&mut self, from: u64, most: u64) -> Result<Vec<u8>, FileError> {
        let mut bytes = Vec::new();
        let read = self.file.seek(SeekFrom::Start(from)).and_then(|_| (&self.file).take(most).read_to_end(&mut bytes));
        read.map(|_| bytes).map_err(FileError::io("read", &self.path))
    }

    fn look(&mut self, now: Timestamp) -> Result<(), FileError> {
        let metadata = self.file.metadata().map_err(FileError::io("look at", &self.path))?;
        let (size, modified) = (metadata.len(), metadata.modified().ok());
        if size != self.size {
            self.grew = now;
        }
        if size != self.size || modified != self.modified {
            (self.size, self.modified, self.is_changed) = (size, modified, true);
            self.longest = self.longest.max(size);
            self.head = self.bytes(0, HEAD)?;
        }
        Ok(())
    }
}

impl Table {
    pub(crate) fn new(pattern: String, except: Vec<Pattern>, idle: Duration, is_continued: bool) -> Table {
        Table { pattern, except, idle, is_continued, files: BTreeMap::new() }
    }

    /// Forgets all: another run begins.
    pub(crate) fn clear(&mut self) {
        self.files.clear();
    }

    /// Closes what was forgotten, as a bundle begins: what it begins with is committed. (Bundles that drain may call twice.)
    pub(crate) fn settle(&mut self, directory: &Directory) {
        if !directory.is_draining() {
            self.files.retain(|id, file| !file.is_over(*id, directory));
        }
    }

    pub(crate) fn path(&self, id: FileId) -> Option<&str> {
        self.files.get(&id).map(|file| file.path.as_str())
    }

    /// The place behind a line that ends with these bytes.
    pub(crate) fn mark(&self, id: FileId, offset: u64, line: &[u8]) -> Mark {
        let tail = &line[line.len().saturating_sub(TAIL)..];
        let head = self.files.get(&id).map_or(0, |file| file.head(offset));
        Mark { offset, head, tail: xxh3_64(tail), tail_length: tail.len() as u64 }
    }

    /// Looks for files, and at the sizes of those that are known.
    ///
    /// # Errors
    /// A directory cannot be listed or a file not be opened. That there is none, or that one goes in this moment, is no error.
    pub(crate) fn scan(&mut self, now: Timestamp) -> Result<(), FileError> {
        let found = if Path::new(&self.pattern).is_dir() {
            // Its name may have brackets in it.
            expand_present(&format!("{}/*", Pattern::escape(&self.pattern)))
        } else {
            expand_present(&self.pattern)
        };
        let found = match found {
            Err(FileError::NoMatch { .. } | FileError::OnlyDirectories { .. }) => Vec::new(),
            // A directory went while it was listed; the others wait for the next time.
            Err(FileError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(()),
            found => found?,
        };
        let_open(found.len() + self.files.len());
        self.files.values_mut().for_each(|file| file.is_there = false);
        for path in found.into_iter().map(|file| file.path) {
            let name = path.rsplit(std::path::is_separator).next().unwrap_or(&path);
            let is_wanted = Compression::of(&path) == Compression::None;
            if is_wanted && !self.except.iter().any(|except| except.matches(name)) {
                self.open(path, now)?;
            }
        }
        self.files.values_mut().try_for_each(|file| file.look(now))
    }

    fn open(&mut self, path: String, now: Timestamp) -> Result<(), FileError> {
        let metadata = match std::fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            metadata => metadata.map_err(FileError::io("look at", &path))?,
        };
        if let Some(known) = self.files.get_mut(&id_of(&path, &metadata)) {
            (known.path, known.is_there) = (path, true);
            return Ok(());
        }
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            file => file.map_err(FileError::io("open", &path))?,
        };
        // Of what was opened, which may be another one by now.
        let metadata = file.metadata().map_err(FileError::io("look at", &path))?;
        let open = OpenFile {
            path,
            file,
            size: 0,
            longest: 0,
            modified: None,
            is_changed: true,
            grew: now,
            is_there: true,
            head: Vec::new(),
            forgotten: None,
        };
        self.files.insert(id_of(&open.path, &metadata), open);
        Ok(())
    }

    /// What to do next: the file whose event time is least has the first turn.
    ///
    /// # Errors
    /// A file cannot be read, or a line is too long.
    pub(crate) fn turn(&mut self, directory: &Directory, now: Timestamp) -> Result<Turn, FileError> {
        let latest = |id| directory.file(id).map_or(Timestamp::MIN, |file| file.latest);
        let wanted = self.files.iter().filter(|(id, file)| !file.is_over(**id, directory));
        let ids: Vec<FileId> = wanted.map(|(id, _)| *id).collect();
        let mut order: Vec<_> = ids.into_iter().map(|id| (latest(id), id)).collect();
        order.sort_unstable();
        let mut gone = None;
        for (_, id) in order {
            let Some(file) = self.files.get_mut(&id) else { continue };
            let read = directory.file(id).map_or(Mark::default(), |known| known.mark);
            if read.offset < file.size {
                // What is read next must be of the file that the mark is of, and the last scan may be long ago.
                file.look(now)?;
            }
            let is_other = file.is_other(&read)?;
            if is_other || file.size < file.longest {
                // What was seen and is gone. If what was read is still there, so are the lines up to the new end.
                let longest = std::mem::replace(&mut file.longest, file.size);
                let left = if is_other { read.offset } else { file.size };
                CUT_OFF.add(i64::try_from(longest.saturating_sub(left)).unwrap_or(i64::MAX));
            }
            if is_other {
                return Ok(Turn::Restart(id));
            }
            let offset = read.offset;
            let end = directory.end(id).min(file.size);
            if offset < end {
                let bytes = whole_lines(file, offset, end)?;
                if !bytes.is_empty() {
                    return Ok(Turn::Read(id, offset, bytes));
                }
            }
            let is_gone = !file.is_there && file.grew + self.idle <= now;
            let is_left = directory.is_draining() && !(self.is_continued && file.is_there);
            if offset < end && (is_gone || is_left) {
                // Nobody will write the end of its last line, or nobody read it.
                let bytes = file.bytes(offset, end - offset)?;
                if !bytes.is_empty() {
                    return Ok(Turn::Read(id, offset, bytes));
                }
            }
            if is_gone {
                gone.get_or_insert(id);
            }
        }
        let Some(id) = gone else { return Ok(Turn::Nothing) };
        if let Some(file) = self.files.get_mut(&id) {
            file.forgotten = Some(directory.steps());
        }
        Ok(Turn::Forget(id))
    }

    /// The event time that no file lies before which is not idle; if all are, the latest of them.
    pub(crate) fn event_time(&self, directory: &Directory, now: Timestamp) -> Option<Timestamp> {
        let position = |id: &FileId| directory.file(*id);
        let is_busy = |(id, file): &(&FileId, &OpenFile)| {
            let offset = position(id).map_or(0, |known| known.mark.offset);
            file.grew + self.idle > now || offset < file.size
        };
        let latest = |known: Option<&Position>| known.map_or(Timestamp::MIN, |known| known.latest);
        let files = self.files.iter().filter(|(id, file)| !file.is_over(**id, directory));
        let busy = files.filter(is_busy).map(|(id, _)| latest(position(id))).min();
        busy.or_else(|| directory.files().iter().map(|file| file.latest).max())
    }

    /// How long the files are now.
    pub(crate) fn sizes(&self) -> Vec<(FileId, u64)> {
        self.files.iter().map(|(id, file)| (*id, file.size)).collect()
    }
}

/// The next whole lines of a file; nothing if the first of them has no end yet.
fn whole_lines(file: &mut OpenFile, from: u64, end: u64) -> Result<Vec<u8>, FileError> {
    let mut most = CHUNK;
    loop {
        let mut bytes = file.bytes(from, most.min(end - from))?;
        if let Some(last) = memchr::memrchr(b'\n', &bytes) {
            bytes.truncate(last + 1);
            return Ok(bytes);
        }
        if bytes.len() as u64 > LONGEST {
            let message = format!("the line at byte {from} is longer than {LONGEST} bytes");
            return Err(FileError::io("read", &file.path)(std::io::Error::other(message)));
        }
        if (bytes.len() as u64) < most {
            return Ok(Vec::new());
        }
        most *= 4;
    }
}
