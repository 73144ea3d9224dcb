//! CSV records with their places in the file.
//!
//! `csv_core` says where a record ends; this says where it starts, to the byte, so that reading can go on there later and
//! errors can name the line.

use crate::files::LineError;
use csv::ByteRecord;
use csv_core::ReadRecordResult;
use std::io::{self, BufRead};

/// A record, and where it is.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    /// The offset of its first byte, behind empty lines.
    pub(crate) offset: u64,
    /// How many line ends there are between the reader's start and the record.
    pub(crate) line_ends: u64,
    /// Its bytes as they are in the file, without the line end.
    pub(crate) raw: &'a [u8],
    pub(crate) fields: &'a ByteRecord,
}

/// Why there is no next record.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error(transparent)]
    Read(#[from] LineError),
    #[error("a quote in the record that starts here is not closed")]
    Quote { offset: u64 },
}

impl From<io::Error> for RecordError {
    fn from(error: io::Error) -> Self {
        RecordError::Read(error.into())
    }
}

/// Reads records: fields in quotes may hold line ends, empty lines are no records, a byte order mark is dropped.
pub(crate) struct RecordReader<R> {
    bytes: R,
    core: csv_core::Reader,
    offset: u64,
    /// Line ends between records; the parser counts only what it sees.
    skipped_line_ends: u64,
    longest: Option<u64>,
    raw: Vec<u8>,
    text: Vec<u8>,
    ends: Vec<usize>,
    fields: ByteRecord,
}

impl<R: BufRead> RecordReader<R> {
    /// Reads records from `bytes`, which start at `offset` of their file. No record may be longer than `longest` bytes.
    pub(crate) fn new(bytes: R, offset: u64, delimiter: u8, longest: Option<u64>) -> Self {
        RecordReader {
            bytes,
            core: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            offset,
            skipped_line_ends: 0,
            longest,
            raw: Vec::new(),
            text: vec![0; 1024],
            ends: vec![0; 32],
            fields: ByteRecord::new(),
        }
    }

    /// The next record, or `None` at the end of the file.
    pub(crate) fn next_record(&mut self) -> Result<Option<Record<'_>>, RecordError> {
        self.skip_line_ends()?;
        let offset = self.offset;
        let line_ends = self.skipped_line_ends + self.core.line() - 1;
        self.raw.clear();
        let (mut text_length, mut fields) = (0, 0);
        loop {
            let bytes = self.bytes.fill_buf()?;
            let is_end = bytes.is_empty();
            if is_end && self.raw.is_empty() {
                return Ok(None);
            }
            // A line end that is not there: only inside quotes it does not end the record.
            let input = if is_end { b"\n" } else { bytes };
            let (text, ends) = (&mut self.text[text_length..], &mut self.ends[fields..]);
            let (result, read, written, ended) = self.core.read_record(input, text, ends);
            text_length += written;
            fields += ended;
            if !is_end {
                self.raw.extend_from_slice(&bytes[..read]);
                self.bytes.consume(read);
                self.offset += read as u64;
            }
            if let Some(limit) = self.longest.filter(|longest| self.raw.len() as u64 > longest.saturating_add(1)) {
                return Err(LineError::TooLong { offset, limit }.into());
            }
            match result {
                ReadRecordResult::Record => break,
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::InputEmpty if is_end => return Err(RecordError::Quote { offset }),
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::End => return Ok(None),
            }
        }
        self.fields.clear();
        let mut start = 0;
        for &end in &self.ends[..fields] {
            self.fields.push_field(&self.text[start..end]);
            start = end;
        }
        let raw = self.raw.strip_suffix(b"\n").or(self.raw.strip_suffix(b"\r")).unwrap_or(&self.raw);
        Ok(Some(Record { offset, line_ends, raw, fields: &self.fields }))
    }

    /// Goes behind empty lines, and behind the `\n` that may follow the `\r` at which the last record ended.
    fn skip_line_ends(&mut self) -> io::Result<()> {
        loop {
            let bytes = self.bytes.fill_buf()?;
            let skipped = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let is_done = skipped < bytes.len() || bytes.is_empty();
            self.skipped_line_ends += memchr::memchr_iter(b'\n', &bytes[..skipped]).count() as u64;
            self.bytes.consume(skipped);
            self.offset += skipped as u64;
            if is_done {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::BufReader;

    type Found = (u64, u64, String, Vec<String>);

    fn lossy(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// Reads with a tiny buffer, so that everything is cut somewhere.
    fn all(text: &[u8], offset: u64) -> Result<Vec<Found>, RecordError> {
        let bytes = BufReader::with_capacity(3, &text[offset as usize..]);
        let (mut reader, mut all) = (RecordReader::new(bytes, offset, b',', None), Vec::new());
        while let Some(record) = reader.next_record()? {
            let fields = record.fields.iter().map(lossy).collect();
            all.push((record.offset, record.line_ends, lossy(record.raw), fields));
        }
        Ok(all)
    }

    fn quoted(field: &str) -> String {
        format!("\"{}\"", field.replace('"', "\"\""))
    }

    proptest! {
        #[test]
        fn records_are_where_they_are(
            rows in prop::collection::vec(prop::collection::vec("[a-c\",\r\n]{0,4}", 2..4), 0..6),
            ends in prop::collection::vec("\n{1,3}|(\r\n){1,2}", 6),
            is_ended in any::<bool>(),
        ) {
            let (mut text, mut expected) = (String::new(), Vec::new());
            for (row, end) in rows.iter().zip(&ends) {
                let raw = row.iter().map(|field| quoted(field)).collect::<Vec<_>>().join(",");
                expected.push((text.len() as u64, text.matches('\n').count() as u64, raw.clone(), row.clone()));
                text += &(raw + end);
            }
            let text = if is_ended { text.as_str() } else { text.trim_end_matches(['\r', '\n']) };
            prop_assert_eq!(&all(text.as_bytes(), 0).unwrap(), &expected);
            for (index, (offset, line_ends, ..)) in expected.iter().enumerate() {
                let rest = all(text.as_bytes(), *offset).unwrap();
                prop_assert_eq!(rest.len(), expected.len() - index);
                for (found, wanted) in rest.iter().zip(&expected[index..]) {
                    prop_assert_eq!((found.0, found.1 + line_ends, &found.2), (wanted.0, wanted.1, &wanted.2));
                }
            }
        }

        #[test]
        fn fields_are_what_the_csv_crate_reads(text in "[ab\", \r\n]{0,30}") {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let expected = reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect());
            let expected = expected.collect::<Vec<Vec<String>>>();
            match all(text.as_bytes(), 0) {
                Ok(found) => prop_assert_eq!(found.into_iter().map(|found| found.3).collect::<Vec<_>>(), expected),
                Err(error) => {
                    let is_quote = matches!(error, RecordError::Quote { .. });
                    prop_assert!(is_quote && text.contains('"'), "{}", error);
                }
            }
        }
    }

    #[test]
    fn a_byte_order_mark_is_dropped() {
        let mut reader = RecordReader::new("\u{feff}\"a\",b\n".as_bytes(), 0, b',', None);
        assert_eq!(reader.next_record().unwrap().unwrap().fields, &ByteRecord::from(vec!["a", "b"]));
    }

    #[test]
    fn an_open_quote_is_an_error_where_its_record_starts() {
        for text in ["a,b\n1,\"2\n3,4\n", "a,b\n1,\"2", "a,b\n1,\"2\"\"\n"] {
            assert!(matches!(all(text.as_bytes(), 0), Err(RecordError::Quote { offset: 4 })), "{text}");
        }
        assert_eq!(all(b"a,b\n1,\"2\"", 0).unwrap().len(), 2);
    }

    #[test]
    fn a_record_may_be_as_long_as_the_limit() {
        let read = |limit| {
            RecordReader::new(&b"aaaa,bbbb\n1,2\n"[..], 0, b',', Some(limit))
                .next_record()
                .map(|record| record.is_some())
        };
        assert!(matches!(read(9), Ok(true)));
        assert!(matches!(read(8), Err(RecordError::Read(LineError::TooLong { offset: 0, limit: 8 }))));
    }
}
