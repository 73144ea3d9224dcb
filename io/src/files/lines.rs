//! Lines, and the byte ranges that own them.
//!
//! A range `start..end` owns exactly the lines that *start* in it, so that any cut of a file into ranges gives every
//! line once, without looking at the file to choose the cut. The last line of a range may therefore end beyond it.

use super::{FileError, FileReader};
use std::io::{self, BufRead, Read};
use std::path::Path;

/// A line without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The file offset of its first byte (of the byte order mark, if the line starts with one).
    pub offset: u64,
    /// Its bytes, without `\n` or `\r\n` and without a byte order mark.
    pub bytes: &'a [u8],
}

/// Why there is no next line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The bytes cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The line is longer than it may be.
    #[error("the line at byte {offset} is longer than {limit} bytes")]
    TooLong {
        /// Where the line starts.
        offset: u64,
        /// How long it may be.
        limit: u64,
    },
}

/// Reads lines, knowing where each one starts. The buffer of a line is used again for the next.
///
/// Lines end in `\n` or `\r\n`; the last one need not end. A UTF-8 byte order mark at the start of a file is dropped.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ferrobeam_io::files::LineReader;
/// let mut lines = LineReader::new(&b"one\r\ntwo"[..], 0, None);
/// let line = lines.next_line()?.ok_or("no first line")?;
/// assert_eq!((line.offset, line.bytes), (0, &b"one"[..]));
/// let line = lines.next_line()?.ok_or("no second line")?;
/// assert_eq!((line.offset, line.bytes), (5, &b"two"[..]));
/// assert!(lines.next_line()?.is_none());
/// # Ok(())
/// # }
/// ```
pub struct LineReader<R> {
    bytes: R,
    offset: u64,
    longest: Option<u64>,
    line: Vec<u8>,
}

impl LineReader<FileReader> {
    /// Opens a file so that the next line is the first that starts at `from` or after it. No line may be longer than
    /// `longest` bytes.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened or read up to there.
    pub fn open(path: impl AsRef<Path>, from: u64, longest: Option<u64>) -> Result<Self, FileError> {
        let path = path.as_ref();
        let mut lines = LineReader::new(FileReader::open_at(path, from.saturating_sub(1))?, from, longest);
        if from > 0 {
            lines.skip_rest_of_line().map_err(FileError::io("read", path))?;
        }
        Ok(lines)
    }
}

impl<R: BufRead> LineReader<R> {
    /// Reads lines from `bytes`, whose first line starts at `offset` of its file. No line may be longer than `longest`
    /// bytes.
    pub fn new(bytes: R, offset: u64, longest: Option<u64>) -> Self {
        LineReader { bytes, offset, longest, line: Vec::new() }
    }

    /// Where the next line starts.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next line, or `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// If the bytes cannot be read, or the line is too long.
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>, LineError> {
        self.line.clear();
        let offset = self.offset;
        let mark: &[u8] = if offset == 0 { b"\xef\xbb\xbf" } else { b"" };
        // Room for what does not count: the mark and the end of the line.
        let room = self.longest.map_or(u64::MAX, |longest| longest.saturating_add(mark.len() as u64 + 2));
        let read = (&mut self.bytes).take(room).read_until(b'\n', &mut self.line)?;
        self.offset += read as u64;
        let mut bytes = self.line.as_slice();
        if let Some(line) = bytes.strip_suffix(b"\n") {
            bytes = line.strip_suffix(b"\r").unwrap_or(line);
        }
        bytes = bytes.strip_prefix(mark).unwrap_or(bytes);
        if let Some(limit) = self.longest.filter(|longest| bytes.len() as u64 > *longest) {
            return Err(LineError::TooLong { offset, limit });
        }
        // A mark without a line after it makes no line either.
        let is_end = self.line.is_empty() || self.line == mark;
        Ok((!is_end).then_some(Line { offset, bytes }))
    }

    /// With the reader one byte before `offset`: goes to the next start of a line; beyond the end of the file it stays.
    fn skip_rest_of_line(&mut self) -> io::Result<()> {
        let skipped = self.bytes.skip_until(b'\n')? as u64;
        self.offset += skipped.saturating_sub(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(lines: &mut LineReader<impl BufRead>) -> Vec<(u64, String)> {
        let mut all = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            all.push((line.offset, String::from_utf8(line.bytes.to_vec()).unwrap()));
        }
        all
    }

    /// What the reader should say, in the plainest way.
    fn expected(text: &str) -> Vec<(u64, String)> {
        let mut offset = 0;
        let lines = text.split_inclusive('\n').map(|line| {
            let start = offset;
            offset += line.len();
            let line = if start == 0 { line.trim_start_matches('\u{feff}') } else { line };
            (
                start as u64,
                line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line)).to_owned(),
            )
        });
        lines.filter(|_| text != "\u{feff}").collect()
    }

    proptest! {
        #[test]
        fn lines_are_the_texts_lines(text in "\u{feff}?([a-c\u{e9}\r]{0,3}\r?\n){0,6}[a-c\r]{0,3}") {
            prop_assert_eq!(all(&mut LineReader::new(text.as_bytes(), 0, None)), expected(&text));
        }

        #[test]
        fn ranges_own_every_line_once(
            text in "\u{feff}?([a-c\r]{0,5}\r?\n){0,8}[a-c]{0,3}",
            cuts in prop::collection::vec(0..60_u64, 0..5),
            name in prop::sample::select(vec!["a.txt", "a.gz"]),
        ) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join(name);
            let mut packed = super::super::Compression::of(&path).encode(Vec::new()).unwrap();
            std::io::Write::write_all(&mut packed, text.as_bytes()).unwrap();
            std::fs::write(&path, packed.finish().unwrap()).unwrap();
            let mut cuts = [cuts, vec![0, u64::MAX]].concat();
            cuts.sort_unstable();
            let owned = cuts.windows(2).flat_map(|range| {
                let mut lines = LineReader::open(&path, range[0], None).unwrap();
                assert!(lines.offset() >= range[0], "also beyond the end");
                all(&mut lines).into_iter().take_while(|(offset, _)| *offset < range[1]).collect::<Vec<_>>()
            });
            prop_assert_eq!(owned.collect::<Vec<_>>(), expected(&text));
        }

        #[test]
        fn a_line_may_be_as_long_as_the_limit(length in 0..40_usize, limit in 0..40_u64, tail in "(\r?\nx?)?") {
            let text = format!("\u{feff}{}{tail}", "a".repeat(length));
            let mut lines = LineReader::new(text.as_bytes(), 0, Some(limit));
            let line = lines.next_line();
            if length as u64 > limit {
                let is_too_long = matches!(line, Err(LineError::TooLong { offset: 0, limit: at }) if at == limit);
                prop_assert!(is_too_long);
            } else if length > 0 || !tail.is_empty() {
                prop_assert_eq!(line.unwrap().unwrap().bytes.len(), length);
                prop_assert_eq!(lines.offset(), (text.len() - usize::from(tail.ends_with('x'))) as u64);
            }
        }
    }
}
