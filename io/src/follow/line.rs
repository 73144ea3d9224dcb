//! A line of a file that grows.

use ferrobeam_core::Element;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// A line, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Element)]
#[element(crate = "ferrobeam_core")]
pub struct FollowedLine {
    /// The file, by the path at which it was found last.
    pub path: String,
    /// The offset of its first byte in the file.
    pub offset: u64,
    /// The line without its end; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// Whether there were none that are not.
    pub is_utf8: bool,
    /// What [`fields_of_path`](super::Follow::fields_of_path) and [`fields_of_line`](super::Follow::fields_of_line) found.
    pub fields: BTreeMap<String, String>,
}

impl FollowedLine {
    /// The line as one that cannot be used, for an error output: with `try_map`, say.
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    /// use ferrobeam_io::follow;
    /// Root::build(|root| {
    ///     let lines = root.apply(follow::directory("numbers/*.txt"));
    ///     let (numbers, bad) = lines.try_map(|line| line.text.parse::<u64>().map_err(|error| line.bad(error)));
    ///     numbers.discard();
    ///     bad.map(|bad| bad.to_string()).discard();
    ///     Ok(())
    /// })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    pub fn bad(&self, error: impl fmt::Display) -> BadLine {
        let FollowedLine { path, offset, text, .. } = self.clone();
        BadLine { path, offset, text, error: error.to_string() }
    }
}

/// A line that does not hold what it should.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Element)]
#[element(crate = "ferrobeam_core")]
pub struct BadLine {
    /// The file.
    pub path: String,
    /// The offset of the line's first byte.
    pub offset: u64,
    /// The line.
    pub text: String,
    /// What is wrong with it.
    pub error: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, byte {}: {}", self.path, self.offset, self.error)
    }
}
