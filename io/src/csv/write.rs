use super::encode::{RecordWriter, header};
use crate::write::{Output, write_lines};
use crate::write_stream::Stream;
use ferrobeam_core::dofn::{Context, DoFn, Tag};
use ferrobeam_core::{BoxError, Element, PCollection, PTransform};
use serde::Serialize;
use std::marker::PhantomData;
use std::time::Duration;

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

    /// Writes a file for each window, pane and shard of a stream: see [`crate::text::Write::windowed`]. Each starts with the
    /// header.
    ///
    /// ```
    /// use ferrobeam_core::{prelude::*, time::*};
    /// use ferrobeam_io::{csv, follow};
    /// Root::build(|root| {
    ///     let lines = root.apply(follow::directory("logs")).window(FixedWindows::of(minutes(1)));
    ///     let counts = lines.map(|line| line.path).count_per_element();
    ///     counts.apply(csv::write("counts/lines").windowed());
    ///     Ok(())
    /// })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    pub fn windowed(self) -> WriteStream {
        let Write { output, delimiter, has_headers } = self;
        WriteStream { stream: Stream::windowed(output), delimiter, has_headers }
    }

    /// Writes files of limited size and age of a stream: see [`crate::text::Write::rolling`]. Each starts with the header,
    /// which does not count for its size.
    pub fn rolling(self, bytes: u64, age: Duration) -> WriteStream {
        let Write { output, delimiter, has_headers } = self;
        WriteStream { stream: Stream::rolling(output, bytes, age), delimiter, has_headers }
    }
}

/// The transform that [`Write::windowed`] and [`Write::rolling`] make.
#[derive(Clone, Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct WriteStream {
    stream: Stream,
    delimiter: u8,
    has_headers: bool,
}

impl<T: Element + Serialize> PTransform<PCollection<T>> for WriteStream {
    type Output = ();

    fn name(&self) -> String {
        "WriteCsv".to_owned()
    }

    #[track_caller]
    fn expand(self, values: PCollection<T>) {
        let WriteStream { stream, delimiter, has_headers } = self;
        let (lines, headers) = to_csv(&values, delimiter, has_headers);
        stream.write(&lines, headers.as_ref());
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
        let (lines, headers) = to_csv(&values, delimiter, has_headers);
        write_lines(&lines, headers.as_ref(), output);
    }
}

/// The records, and the header again and again if there may be one.
#[track_caller]
fn to_csv<T: Element + Serialize>(
    values: &PCollection<T>,
    delimiter: u8,
    has_headers: bool,
) -> (PCollection<String>, Option<PCollection<Option<String>>>) {
    let outputs = values.par_do_tagged(ToCsv { delimiter, has_headers, writer: None, of: PhantomData }, &HEADERS);
    let lines = outputs.main().named("ToCsv");
    let headers = outputs.get(&HEADERS);
    if has_headers {
        return (lines, Some(headers));
    }
    headers.discard();
    (lines, None)
}

/// None for values whose fields have no names: also that must be known before a file begins.
const HEADERS: Tag<Option<String>> = Tag::new("headers");

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
        if self.writer.is_none() && self.has_headers {
            ctx.emit_to(&HEADERS, header(&value, self.delimiter)?);
        }
        let writer = self.writer.get_or_insert_with(|| RecordWriter::new(self.delimiter));
        ctx.emit(writer.record(&value)?);
        Ok(())
    }
}
