//! A memory cgroup, in which a program may have no more than so much.

use crate::Failure;
use std::fs;
use std::path::{Path, PathBuf};

/// A cgroup of its own, until this is dropped.
pub(super) struct Cap {
    folder: PathBuf,
}

impl Cap {
    /// A cgroup with so many bytes. Making one is for root.
    ///
    /// # Errors
    /// There is no controller of memory here, or it is not for this user.
    pub(super) fn new(bytes: u64) -> Result<Cap, Failure> {
        // The first version of cgroups has a tree for memory alone.
        let (tree, limit) = match Path::new("/sys/fs/cgroup/memory").exists() {
            true => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            false => ("/sys/fs/cgroup", "memory.max"),
        };
        let folder = Path::new(tree).join(format!("ferrobeam-bench-{}", std::process::id()));
        let failed = |e| format!("cannot cap memory by the cgroup {}: {e}", folder.display());
        fs::create_dir(&folder).map_err(failed)?;
        let cap = Cap { folder: folder.clone() };
        fs::write(folder.join(limit), bytes.to_string()).map_err(failed)?;
        Ok(cap)
    }

    /// A line of shell by which a process puts itself into it.
    pub(super) fn enter(&self) -> String {
        format!("echo $$ > '{}/cgroup.procs' && ", self.folder.display())
    }
}

impl Drop for Cap {
    fn drop(&mut self) {
        // One with a process in it stays; that is seen by whoever looks, and does no harm.
        let _ = fs::remove_dir(&self.folder);
    }
}
