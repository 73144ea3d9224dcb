//! From values of the author's type to CSV records.

use serde::Serialize;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Writes records and their header, one at a time, into text that is handed out.
pub(crate) struct RecordWriter {
    records: csv::Writer<Buffer>,
    /// What the writer has written; it gives no other way to take it out and go on.
    written: Buffer,
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl RecordWriter {
    pub(crate) fn new(delimiter: u8) -> RecordWriter {
        let written = Buffer::default();
        RecordWriter { records: records(delimiter, false, written.clone()), written }
    }

    /// The record of `value`, without a line end.
    pub(crate) fn record(&mut self, value: &impl Serialize) -> Result<String, csv::Error> {
        self.records.serialize(value)?;
        self.records.flush()?;
        take(&self.written)
    }
}

/// The header that the names of `value`'s fields make, if they have names.
pub(crate) fn header(value: &impl Serialize, delimiter: u8) -> Result<Option<String>, csv::Error> {
    let written = Buffer::default();
    let mut with_header = records(delimiter, true, written.clone());
    with_header.serialize(value)?;
    with_header.flush()?;
    let text = take(&written)?;
    let record = RecordWriter::new(delimiter).record(value)?;
    Ok(text.strip_suffix(&record).and_then(|header| header.strip_suffix('\n')).map(str::to_owned))
}

fn records(delimiter: u8, has_headers: bool, out: Buffer) -> csv::Writer<Buffer> {
    csv::WriterBuilder::new().delimiter(delimiter).has_headers(has_headers).from_writer(out)
}

fn take(written: &Buffer) -> Result<String, csv::Error> {
    let mut bytes = std::mem::take(&mut *written.0.lock().unwrap_or_else(PoisonError::into_inner));
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Person<'a> {
        name: &'a str,
        #[serde(rename = "years, full")]
        age: Option<u8>,
    }

    #[test]
    fn records_are_one_text_each() {
        let mut writer = RecordWriter::new(b';');
        for (name, age, expected) in
            [("Ada", Some(36), "Ada;36"), ("a;b", None, "\"a;b\";"), ("a\nb", None, "\"a\nb\";")]
        {
            assert_eq!(writer.record(&Person { name, age }).unwrap(), expected);
        }
        assert!(writer.record(&("only one",)).is_err());
        assert_eq!(RecordWriter::new(b',').record(&("",)).unwrap(), "\"\"");
    }

    #[test]
    fn a_header_is_made_of_names() {
        let person = Person { name: "Ada", age: None };
        assert_eq!(header(&person, b',').unwrap().unwrap(), "name,\"years, full\"");
        assert_eq!(header(&("Ada", 36), b',').unwrap(), None);
    }
}
