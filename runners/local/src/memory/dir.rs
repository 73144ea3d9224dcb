//! The directory of one run, which goes with it; what runs left that were killed goes with the next one.

use ferrobeam_core::{Error, Result};
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What names of directories begin with.
const PREFIX: &str = "ferrobeam-spill-";

/// The file in each of them that its process has locked as long as it lives.
const LOCK: &str = "lock";

/// A directory for spilled data.
pub(crate) struct Dir {
    path: PathBuf,
    /// What was not there before, the innermost first.
    parents: Vec<PathBuf>,
    files: AtomicU64,
    /// Held until the directory is removed.
    lock: Option<File>,
}

/// Directories of this process.
static MADE: AtomicU64 = AtomicU64::new(0);

impl Dir {
    /// Makes a directory of its own in this one, and removes those there that nobody has any more.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) fn make(parent: &Path) -> Result<Dir> {
        let failed = |source| Error::Io { what: format!("cannot spill to {} (--spill-dir)", parent.display()), source };
        if parent.exists() && !parent.is_dir() {
            return Err(failed(io::ErrorKind::NotADirectory.into()));
        }
        let missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
        let mut parents: Vec<PathBuf> = parent.ancestors().take_while(missing).map(Path::to_owned).collect();
        fs::create_dir_all(parent).map_err(failed)?;
        remove_leftovers(parent);
        loop {
            let number = MADE.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("{PREFIX}{}-{number}", std::process::id()));
            // Nobody else may read what a user's data is.
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                // A process with this number was here, in another container perhaps.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                // Another run that had made the parent has ended.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    fs::create_dir_all(parent).map_err(failed)?;
                    continue;
                }
                made => made.map_err(failed)?,
            }
            // Somebody who looks for leftovers may have come between: then it is another directory's turn.
            match locked(&path, true) {
                Ok(Some(lock)) if path.join(LOCK).exists() => {
                    let parents = std::mem::take(&mut parents);
                    return Ok(Dir { path, parents, files: AtomicU64::new(0), lock: Some(lock) });
                }
                Ok(_) => (),
                Err(error) if error.kind() == io::ErrorKind::NotFound => (),
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// The path of a file that there was never before.
    pub(crate) fn file(&self) -> PathBuf {
        self.path.join(self.files.fetch_add(1, Ordering::Relaxed).to_string())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next run.
        let _ = fs::remove_dir_all(&self.path);
        self.lock = None;
        // One that something else is in by now stays.
        let _ = self.parents.iter().try_for_each(fs::remove_dir);
    }
}

/// The lock of a directory, if nobody has it.
fn locked(path: &Path, create: bool) -> io::Result<Option<File>> {
    let file = File::options().write(true).create(create).truncate(false).open(path.join(LOCK))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn remove_leftovers(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        match locked(&entry.path(), false) {
            Ok(Some(lock)) => {
                let _ = fs::remove_dir_all(entry.path());
                drop(lock);
            }
            // An empty directory is being made, and whoever makes it tries again; or nobody came to put the file into it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => drop(fs::remove_dir(entry.path())),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_any_more_goes_and_what_lives_stays() {
        let parent = tempfile::tempdir().unwrap();
        let living = Dir::make(parent.path()).unwrap();
        let dead = parent.path().join(format!("{PREFIX}1-0"));
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        fs::write(dead.join("0"), "left").unwrap();
        let foreign = parent.path().join("data");
        fs::create_dir(&foreign).unwrap();

        let other = Dir::make(parent.path()).unwrap();
        assert!(!dead.exists() && living.path().exists() && foreign.exists());
        assert_ne!(living.path(), other.path());
        let paths = [living.path().to_owned(), other.path().to_owned()];
        fs::write(living.file(), "spilled").unwrap();
        drop((living, other));
        assert!(paths.iter().all(|path| !path.exists()));
    }

    #[test]
    fn a_parent_that_was_not_there_goes_when_nothing_is_in_it() {
        let root = tempfile::tempdir().unwrap();
        let (outer, parent) = (root.path().join("a"), root.path().join("a/b/c"));
        let (first, second) = (Dir::make(&parent).unwrap(), Dir::make(&parent).unwrap());
        drop(first);
        assert!(second.path().exists());
        drop(second);
        // The second had found it.
        assert!(parent.exists());
        fs::remove_dir_all(&outer).unwrap();
        drop(Dir::make(&parent).unwrap());
        assert!(!outer.exists() && root.path().exists());
    }

    #[test]
    fn a_place_that_is_no_directory_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Dir::make(&file).err().unwrap().to_string();
        assert!(
            error.starts_with(&format!("cannot spill to {} (--spill-dir): not a directory", file.display())),
            "{error}"
        );
    }
}
