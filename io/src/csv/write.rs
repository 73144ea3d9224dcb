use super::encode::{RecordWriter, header};
use crate::write::{Output, write_lines};
use ferrobeam_core::dofn::{Context, DoFn, Tag};
use ferrobeam_core::{BoxError, Element, PCollection, PTransform};
use serde::Serialize;
use std::marker::PhantomData;

/// Writes values as CSV records to the files `PREFIX-00000-of-0000N.csv`, as [`crate::text::write`] does.
///
/// Every file starts with the names of the fields of `T`, if they have names. They are learnt from the values: if there
/// are none, the files are empty.
///
/// A run fails also if a `T` cannot be a record, for instance because it holds a map, or has not as many fields as
/// another.
pub fn write(prefix: impl Into<String>) -> Write {
    Write { output: Output::new(prefix.into(), ".csv"), delimiter: b',', has_headers: true }
}

/// The transform that [`write()`] makes.
#[derive(Clone, Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct Write {
    output: Output,
    delimiter: u8,
    has_headers: bool,
}

impl Write {
    /// How many files there are (1 unless set), also if there are fewer values.
    pub fn shards(self, count: u32) -> Self {
        Write { output: Output { shards: count, ..self.output }, ..self }
    }

    /// How the files' names end (in `.csv` unless set). `.gz`, `.zst` and `.bz2` at its end compress.
    pub fn suffix(self, suffix: impl Into<String>) -> Self {
        Write { output: Output { suffix: suffix.into(), ..self.output }, ..self }
    }

    /// What stands between fields: a comma unless set.
    pub fn delimiter(self, delimiter: u8) -> Self {
        Write { delimiter, ..self }
    }

    /// Whether files start with the names of the columns, which they do unless set.
    pub fn has_headers(self, has_headers: bool) -> Self {
        Write { has_headers, ..self }
    }
}

impl<T: Element + Serialize> PTransform<PCollection<T>> for Write {
    type Output = ();

    fn name(&self) -> String {
        "WriteCsv".to_owned()
    }

    #[track_caller]
    fn expand(self, values: PCollection<T>) {
        let Write { output, delimiter, has_headers } = self;
        let to_csv = ToCsv { delimiter, has_headers, writer: None, of: PhantomData };
        let outputs = values.par_do_tagged(to_csv, &HEADERS);
        let lines = outputs.main().named("ToCsv");
        write_lines(&lines, Some(&outputs.get(&HEADERS)), output);
    }
}

const HEADERS: Tag<String> = Tag::new("headers");

/// Gives the records, and once a bundle the header.
struct ToCsv<T> {
    delimiter: u8,
    has_headers: bool,
    writer: Option<RecordWriter>,
    of: PhantomData<fn(T)>,
}

impl<T> Clone for ToCsv<T> {
    fn clone(&self) -> Self {
        ToCsv { writer: None, of: PhantomData, ..*self }
    }
}

impl<T: Element + Serialize> DoFn for ToCsv<T> {
    type In = T;
    type Out = String;

    fn setup(&mut self) -> Result<(), BoxError> {
        Ok(super::delimiter::check(self.delimiter)?)
    }

    fn start_bundle(&mut self) -> Result<(), BoxError> {
        self.writer = None;
        Ok(())
    }

    fn process(&mut self, value: T, ctx: &mut Context<'_, String>) -> Result<(), BoxError> {
        if self.writer.is_none()
            && self.has_headers
            && let Some(header) = header(&value, self.delimiter)?
        {
            ctx.emit_to(&HEADERS, header);
        }
        let writer = self.writer.get_or_insert_with(|| RecordWriter::new(self.delimiter));
        ctx.emit(writer.record(&value)?);
        Ok(())
    }
}
