//! JSON Lines: one JSON value a line.

use crate::bad_row::{BadRow, RowPolicy, Strict, WithErrors, split_rows};
use crate::file_range::Files;
use crate::files::RangeSizes;
use crate::line_source::{LineFormat, LineSource};
use crate::write::{Output, write_lines};
use crate::write_stream::Stream;
use ferrobeam_core::dofn::{Context, DoFn};
use ferrobeam_core::{BoxError, Element, PCollection, PTransform, Root};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Reads a value of each line of the files that `pattern` means; lines of nothing but white space are ignored.
///
/// Files are found, decompressed and cut as by [`crate::text::read`], and a run fails as there; also at a line that is
/// not the JSON of a `T`, unless [`Read::with_errors`] is asked for.
///
/// ```
/// use ferrobeam_core::prelude::*;
/// use ferrobeam_io::json;
/// Root::build(|root| {
///     let (points, bad) = root.apply(json::read::<(i64, i64)>("points/*.jsonl").with_errors());
///     points.filter(|(x, y)| x == y).apply(json::write("diagonal"));
///     bad.apply(json::write("bad"));
///     Ok(())
/// })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub fn read<T: Element + DeserializeOwned>(pattern: impl Into<String>) -> Read<T> {
    Read { files: Files::new(pattern.into()), of: PhantomData }
}

/// The transform that [`read()`] makes.
#[derive(Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct Read<T> {
    files: Files,
    of: PhantomData<fn() -> T>,
}

impl<T> Read<T> {
    /// The number of bytes that a line may have (64 MiB unless set); a longer one fails the run.
    pub fn longest_line(self, bytes: u64) -> Self {
        Read { files: Files { longest: Some(bytes), ..self.files }, of: PhantomData }
    }

    /// The sizes in bytes between which ranges of uncompressed files are chosen (1 MiB to 64 MiB unless set).
    pub fn range_bytes(self, sizes: RangeInclusive<u64>) -> Self {
        Read { files: Files { sizes: RangeSizes::new(sizes), ..self.files }, of: PhantomData }
    }

    /// Gives the lines that cannot be read as a second collection, instead of failing.
    pub fn with_errors(self) -> ReadWithErrors<T> {
        ReadWithErrors { read: self }
    }
}

impl<T: Element + DeserializeOwned> PTransform<&Root> for Read<T> {
    type Output = PCollection<T>;

    fn name(&self) -> String {
        "ReadJson".to_owned()
    }

    #[track_caller]
    fn expand(self, root: &Root) -> PCollection<T> {
        root.read(source::<T, Strict>(self.files))
    }
}

/// The transform that [`Read::with_errors`] makes: the values, and the lines that are none.
#[derive(Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct ReadWithErrors<T> {
    read: Read<T>,
}

impl<T: Element + DeserializeOwned> PTransform<&Root> for ReadWithErrors<T> {
    type Output = (PCollection<T>, PCollection<BadRow>);

    fn name(&self) -> String {
        "ReadJson".to_owned()
    }

    #[track_caller]
    fn expand(self, root: &Root) -> Self::Output {
        split_rows(&root.read(source::<T, WithErrors>(self.read.files)))
    }
}

fn source<T: Element + DeserializeOwned, P: RowPolicy<T>>(files: Files) -> LineSource<Json<T>, P> {
    LineSource::new(files, Json(PhantomData))
}

struct Json<T>(PhantomData<fn() -> T>);

impl<T: Element + DeserializeOwned> LineFormat for Json<T> {
    type Value = T;
    fn parse(&self, line: &str) -> Result<Option<T>, String> {
        if line.trim_ascii().is_empty() {
            return Ok(None);
        }
        serde_json::from_str(line).map(Some).map_err(|error| {
            // serde_json counts lines in the text that it was given, which is one line.
            let (text, place) = (error.to_string(), format!(" at line {} column {}", error.line(), error.column()));
            text.strip_suffix(&place).map_or(text.clone(), |text| format!("{text} at column {}", error.column()))
        })
    }
}

/// Writes values as JSON, one a line, to the files `PREFIX-00000-of-0000N.jsonl`, as [`crate::text::write`] does.
///
/// A run fails also if `T` cannot be JSON, for instance a map whose keys are not strings.
pub fn write(prefix: impl Into<String>) -> Write {
    Write { output: Output::new(prefix.into(), ".jsonl") }
}

/// The transform that [`write()`] makes.
#[derive(Clone, Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct Write {
    output: Output,
}

impl Write {
    /// How many files there are (1 unless set), also if there are fewer values.
    pub fn shards(self, count: u32) -> Self {
        Write { output: Output { shards: count, ..self.output } }
    }

    /// How the files' names end (in `.jsonl` unless set). `.gz`, `.zst` and `.bz2` at its end compress.
    pub fn suffix(self, suffix: impl Into<String>) -> Self {
        Write { output: Output { suffix: suffix.into(), ..self.output } }
    }

    /// Writes a file for each window, pane and shard of a stream: see [`crate::text::Write::windowed`].
    pub fn windowed(self) -> WriteStream {
        WriteStream(Stream::windowed(self.output))
    }

    /// Writes files of limited size and age of a stream: see [`crate::text::Write::rolling`].
    pub fn rolling(self, bytes: u64, age: Duration) -> WriteStream {
        WriteStream(Stream::rolling(self.output, bytes, age))
    }
}

/// The transform that [`Write::windowed`] and [`Write::rolling`] make.
#[derive(Clone, Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct WriteStream(Stream);

impl<T: Element + Serialize> PTransform<PCollection<T>> for WriteStream {
    type Output = ();

    fn name(&self) -> String {
        "WriteJson".to_owned()
    }

    #[track_caller]
    fn expand(self, values: PCollection<T>) {
        self.0.write(&values.par_do(ToJson(PhantomData)).named("ToJson"), None);
    }
}

impl<T: Element + Serialize> PTransform<PCollection<T>> for Write {
    type Output = ();

    fn name(&self) -> String {
        "WriteJson".to_owned()
    }

    #[track_caller]
    fn expand(self, values: PCollection<T>) {
        write_lines(&values.par_do(ToJson(PhantomData)).named("ToJson"), None, self.output);
    }
}

struct ToJson<T>(PhantomData<fn(T)>);

impl<T> Clone for ToJson<T> {
    fn clone(&self) -> Self {
        ToJson(PhantomData)
    }
}

impl<T: Element + Serialize> DoFn for ToJson<T> {
    type In = T;
    type Out = String;
    fn process(&mut self, value: T, ctx: &mut Context<'_, String>) -> Result<(), BoxError> {
        ctx.emit(serde_json::to_string(&value)?);
        Ok(())
    }
}
