//! One source for everything that is a line a record.

use crate::bad_row::{BadRow, RowPolicy};
use crate::file_range::{END, FileRange, Files};
use crate::files::{FileError, FileReader, LineCounter, LineError, LineReader};
use ferrobeam_core::dofn::source::{Claims, Source};
use ferrobeam_core::{BoxError, Element};
use std::marker::PhantomData;

/// What a line means.
pub(crate) trait LineFormat: Send + Sync + 'static {
    type Value: Element;
    /// The value of a line, if it has one; else what is wrong with it.
    fn parse(&self, line: &str) -> Result<Option<Self::Value>, String>;
}

pub(crate) struct LineSource<F, P> {
    files: Files,
    format: F,
    policy: PhantomData<fn() -> P>,
}

impl<F, P> LineSource<F, P> {
    pub(crate) fn new(files: Files, format: F) -> Self {
        LineSource { files, format, policy: PhantomData }
    }
}

/// An open file, and what tells line numbers in it.
pub(crate) struct OpenLines {
    path: String,
    lines: LineReader<FileReader>,
    numbers: LineCounter,
}

impl<F: LineFormat, P: RowPolicy<F::Value>> Source for LineSource<F, P> {
    type Out = P::Out;
    type Restriction = FileRange;
    type Reader = OpenLines;

    fn split(&self, parts: usize) -> Result<Vec<FileRange>, BoxError> {
        Ok(self.files.ranges(parts, true)?)
    }

    fn open(&self, restriction: &FileRange) -> Result<OpenLines, BoxError> {
        let path = restriction.path().to_owned();
        let lines = LineReader::open(&path, restriction.next(), self.files.longest)?;
        Ok(OpenLines { numbers: LineCounter::new(&path), path, lines })
    }

    fn read(&self, reader: &mut OpenLines, claims: &mut Claims<'_, FileRange, P::Out>) -> Result<(), BoxError> {
        let OpenLines { path, lines, numbers } = reader;
        while claims.has_room() {
            // Claimed before it is read: what is wrong with a line is the business of the range that owns it.
            let Some(mut claim) = claims.claim(lines.offset()) else { return Ok(()) };
            let line = match lines.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => {
                    let end = lines.offset();
                    claims.restriction().check_end(end)?;
                    claims.claim(END);
                    return Ok(());
                }
                Err(LineError::Io(error)) => return Err(FileError::io("read", &path)(error).into()),
                Err(error @ LineError::TooLong { offset, .. }) => {
                    let line = numbers.line_at(offset)?;
                    let message = format!("{error}; `longest_line` lets it be longer");
                    return Err(FileError::Line { path: path.as_str().into(), line, message }.into());
                }
            };
            let parsed = match std::str::from_utf8(line.bytes) {
                Ok(text) => self.format.parse(text),
                Err(error) => Err(not_utf8(&error)),
            };
            match parsed {
                Ok(None) => {}
                Ok(Some(value)) => claim.emit(P::good(value)),
                Err(error) => claim.emit(P::bad(BadRow {
                    path: path.clone(),
                    line: numbers.line_at(line.offset)?,
                    offset: line.offset,
                    text: String::from_utf8_lossy(line.bytes).into_owned(),
                    error,
                })?),
            }
        }
        Ok(())
    }
}

pub(crate) fn not_utf8(error: &std::str::Utf8Error) -> String {
    format!("it is not UTF-8 from its byte {} on", error.valid_up_to() + 1)
}
