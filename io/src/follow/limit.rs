//! How many files may be open.

/// Lets this process have so many files open, and some more for all else that it does, as far as the system lets it: many
/// systems give a process 1024 at first, for the sake of old programs, and far more if it asks.
#[cfg(unix)]
pub(super) fn let_open(files: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const OTHERS: u64 = 256;

    let wanted = files as u64 + OTHERS;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < wanted) {
        // If it may not, opening a file fails, and that error names the file.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}

#[cfg(not(unix))]
pub(super) fn let_open(_: usize) {}
