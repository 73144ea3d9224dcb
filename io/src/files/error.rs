use super::Compression;
use std::io;
use std::path::{Path, PathBuf};

/// What is wrong with a file, a directory or a pattern; the text names it and, where it helps, says what to do.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A pattern matches nothing.
    #[error("no file matches `{pattern}`")]
    NoMatch {
        /// The pattern as it was given.
        pattern: String,
    },
    /// A pattern matches directories, and no file.
    #[error("no file matches `{pattern}`: only directories do; the files in them are `{pattern}/*`")]
    OnlyDirectories {
        /// The pattern as it was given.
        pattern: String,
    },
    /// A path without wildcards is a directory.
    #[error("`{}` is a directory; to read the files in it, write `{}`", .path.display(), .path.join("*").display())]
    Directory {
        /// The directory.
        path: PathBuf,
    },
    /// A pattern cannot be parsed.
    #[error("`{pattern}` is not a valid pattern: {reason}")]
    Pattern {
        /// The pattern as it was given.
        pattern: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A path is a pipe, a socket or a device, which can be neither measured nor read twice.
    #[error("`{}` is not a regular file", .path.display())]
    NotRegular {
        /// The path.
        path: PathBuf,
    },
    /// A matching file's name is not UTF-8, so that it cannot be passed between workers.
    #[error("the file name `{}` is not UTF-8", .path.display())]
    Name {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refuses something.
    #[error("cannot {action} `{}`: {source}", .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// What it was tried on.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A compressed file is cut off or damaged.
    #[error("`{}` is cut off or damaged: its {compression} stream breaks after {offset} decompressed bytes: {source}", .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What its extension says it is.
        compression: Compression,
        /// How many bytes could be decompressed.
        offset: u64,
        /// What the decoder says.
        source: io::Error,
    },
    /// Something is wrong at a line of a file.
    #[error("`{}`, line {line}: {message}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong there.
        message: String,
    },
    /// The directory that shall hold the output does not exist.
    #[error("the output directory `{}` does not exist; create it first", .path.display())]
    NoOutputDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// The path that shall be replaced by output is a directory.
    #[error("cannot write `{}`: it is a directory", .path.display())]
    OutputIsDirectory {
        /// The path.
        path: PathBuf,
    },
    /// A shard that was written has disappeared before it could be moved to its place, or the directory in which it was to be.
    #[error("the temporary file `{}` or its directory has disappeared; does another run write `{}`?", .path.display(), .target.display())]
    ShardLost {
        /// The temporary file.
        path: PathBuf,
        /// What it should have become.
        target: PathBuf,
    },
    /// Not every shard was written exactly once.
    #[error("shard {shard} of `{}` was written {times} times", .target.display())]
    ShardCount {
        /// The number of the shard.
        shard: u32,
        /// How often it was written; 1 would be right.
        times: usize,
        /// Where it belongs.
        target: PathBuf,
    },
}

impl FileError {
    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> FileError {
        move |source| match source.downcast::<FileError>() {
            Ok(already) => already,
            Err(source) => FileError::Io { action, path: path.as_ref().to_path_buf(), source },
        }
    }

    /// Travels through the traits of `std::io`, to be taken out again by [`FileError::io`].
    pub(crate) fn into_io(self) -> io::Error {
        let kind = match &self {
            FileError::Io { source, .. } => source.kind(),
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, self)
    }
}
