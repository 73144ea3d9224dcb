use crate::files::FileError;
use ferrobeam_core::{Element, PCollection};
use serde::Serialize;
use std::fmt;

/// A row of a file that does not hold what it should: what the second collection of `.with_errors()` consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Element)]
#[element(crate = "ferrobeam_core")]
pub struct BadRow {
    /// The file.
    pub path: String,
    /// The line at which the row starts, counted from 1.
    pub line: u64,
    /// The offset of the row's first byte, of the decompressed bytes.
    pub offset: u64,
    /// The row as it is in the file; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// What is wrong with it.
    pub error: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, line {}: {}", self.path, self.line, self.error)
    }
}

/// What becomes of rows, good and bad.
pub(crate) trait RowPolicy<T>: Send + Sync + 'static {
    type Out: Element;
    fn good(value: T) -> Self::Out;
    fn bad(row: BadRow) -> Result<Self::Out, FileError>;
}

/// A bad row is an error.
pub(crate) struct Strict;

impl<T: Element> RowPolicy<T> for Strict {
    type Out = T;
    fn good(value: T) -> T {
        value
    }
    fn bad(row: BadRow) -> Result<T, FileError> {
        Err(FileError::Line { path: row.path.into(), line: row.line, message: row.error })
    }
}

/// Bad rows are kept beside good ones, for [`split_rows`].
pub(crate) struct WithErrors;

impl<T: Element> RowPolicy<T> for WithErrors {
    type Out = Result<T, BadRow>;
    fn good(value: T) -> Self::Out {
        Ok(value)
    }
    fn bad(row: BadRow) -> Result<Self::Out, FileError> {
        Ok(Err(row))
    }
}

/// Good rows and bad ones as two collections.
#[track_caller]
pub(crate) fn split_rows<T: Element>(rows: &PCollection<Result<T, BadRow>>) -> (PCollection<T>, PCollection<BadRow>) {
    let (good, bad) = rows.try_map(|row| row);
    (good.named("SplitRows"), bad)
}
