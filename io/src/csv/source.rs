use super::decode::decode;
use super::records::{RecordError, RecordReader};
use super::{delimiter, header};
use crate::bad_row::{BadRow, RowPolicy};
use crate::file_range::{END, FileRange, Files};
use crate::files::{FileError, FileReader, LineCounter, LineError};
use csv::ByteRecord;
use ferrobeam_core::dofn::source::{Claims, Source};
use ferrobeam_core::{BoxError, Element};
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// Files of CSV records. They are not cut, since a line end may be inside quotes; but what is behind a record can be
/// read from there.
pub(crate) struct CsvSource<T, P> {
    pub(crate) files: Files,
    pub(crate) delimiter: u8,
    pub(crate) has_headers: bool,
    pub(crate) of: PhantomData<fn() -> (T, P)>,
}

/// An open file behind its header.
pub(crate) struct OpenRecords {
    path: String,
    records: RecordReader<FileReader>,
    header: Option<ByteRecord>,
    /// The header's offset and text, until there is a row: without one, nothing else tells that it is wrong.
    lone_header: Option<(u64, String)>,
    /// How many fields a record should have.
    width: usize,
    /// Where `records` started.
    start: u64,
    numbers: LineCounter,
}

impl<T: Element + DeserializeOwned, P: RowPolicy<T>> Source for CsvSource<T, P> {
    type Out = P::Out;
    type Restriction = FileRange;
    type Reader = OpenRecords;

    fn split(&self, parts: usize) -> Result<Vec<FileRange>, BoxError> {
        delimiter::check(self.delimiter)?;
        Ok(self.files.ranges(parts, false)?)
    }

    fn open(&self, restriction: &FileRange) -> Result<OpenRecords, BoxError> {
        let path = restriction.path().to_owned();
        let mut numbers = LineCounter::new(&path);
        let mut records = self.records_at(&path, 0)?;
        let first = records.next_record().map_err(|error| describe(error, &path, &mut numbers))?;
        // The position before the next is that of the last record that was claimed, if there is one.
        let claimed = restriction.next().checked_sub(1);
        let (mut width, mut header, mut lone_header) = (0, None, None);
        if let Some(first) = first {
            width = first.fields.len();
            if self.has_headers {
                header = Some(first.fields.clone());
                lone_header = claimed.is_none().then(|| (first.offset, lossy(first.raw)));
            }
        }
        let start = claimed.unwrap_or(0);
        if claimed.is_some() || !self.has_headers {
            records = self.records_at(&path, start)?;
        }
        if claimed.is_some() {
            records.next_record().map_err(|error| describe(error, &path, &mut numbers))?;
        }
        Ok(OpenRecords { path, records, header, lone_header, width, start, numbers })
    }

    fn read(&self, reader: &mut OpenRecords, claims: &mut Claims<'_, FileRange, P::Out>) -> Result<(), BoxError> {
        let OpenRecords { path, records, header, lone_header, width, start, numbers } = reader;
        while claims.has_room() {
            let Some(record) = records.next_record().map_err(|error| describe(error, path, numbers))? else {
                if let (Some(names), Some((offset, text))) = (header, lone_header.take())
                    && let Err(error) = header::check::<T>(names)
                    && let Some(mut claim) = claims.claim(offset)
                {
                    let (path, line) = (path.clone(), numbers.line_at(offset)?);
                    claim.emit(P::bad(BadRow { path, line, offset, text, error })?);
                }
                claims.claim(END);
                return Ok(());
            };
            let Some(mut claim) = claims.claim(record.offset) else { return Ok(()) };
            *lone_header = None;
            match decode(record.fields, header.as_ref(), *width) {
                Ok(value) => claim.emit(P::good(value)),
                Err(error) => claim.emit(P::bad(BadRow {
                    path: path.clone(),
                    line: numbers.line_at(*start)? + record.line_ends,
                    offset: record.offset,
                    text: lossy(record.raw),
                    error,
                })?),
            }
        }
        Ok(())
    }
}

impl<T, P> CsvSource<T, P> {
    fn records_at(&self, path: &str, offset: u64) -> Result<RecordReader<FileReader>, FileError> {
        Ok(RecordReader::new(FileReader::open_at(path, offset)?, offset, self.delimiter, self.files.longest))
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn describe(error: RecordError, path: &str, numbers: &mut LineCounter) -> FileError {
    let offset = match error {
        RecordError::Read(LineError::Io(error)) => return FileError::io("read", path)(error),
        RecordError::Read(LineError::TooLong { offset, .. }) | RecordError::Quote { offset } => offset,
    };
    let line = match numbers.line_at(offset) {
        Ok(line) => line,
        Err(error) => return error,
    };
    FileError::Line { path: path.into(), line, message: error.to_string() }
}
