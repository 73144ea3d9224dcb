//! Lines of text.

use crate::bad_row::Strict;
use crate::file_range::Files;
use crate::files::RangeSizes;
use crate::line_source::{LineFormat, LineSource};
use crate::write::{Output, write_lines};
use crate::write_stream::Stream;
use ferrobeam_core::dofn::{Context, DoFn};
use ferrobeam_core::{BoxError, PCollection, PTransform, Root, coder};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Reads the lines of the files that `pattern` means, without their ends (`\n` or `\r\n`).
///
/// The pattern is expanded when the pipeline runs: see [`crate::files::expand`]. Files that end in `.gz`, `.zst` or
/// `.bz2` are decompressed; others are cut into byte ranges that are read in parallel, a line belonging to the range in
/// which it starts.
///
/// A run fails if no file matches, a directory or a file cannot be read, a compressed file is cut off or damaged, or a
/// line is not UTF-8.
///
/// ```
/// use ferrobeam_core::prelude::*;
/// use ferrobeam_io::text;
/// Root::build(|root| {
///     let lines = root.apply(text::read("logs/*.txt.gz"));
///     lines.filter(|line| line.contains("error")).apply(text::write("errors").shards(2));
///     Ok(())
/// })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub fn read(pattern: impl Into<String>) -> Read {
    Read { files: Files::new(pattern.into()) }
}

/// The transform that [`read()`] makes.
#[derive(Clone, Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct Read {
    files: Files,
}

impl Read {
    /// The number of bytes that a line may have (64 MiB unless set); a longer one fails the run.
    pub fn longest_line(self, bytes: u64) -> Self {
        Read { files: Files { longest: Some(bytes), ..self.files } }
    }

    /// The sizes in bytes between which ranges of uncompressed files are chosen (1 MiB to 64 MiB unless set).
    pub fn range_bytes(self, sizes: RangeInclusive<u64>) -> Self {
        Read { files: Files { sizes: RangeSizes::new(sizes), ..self.files } }
    }
}

impl PTransform<&Root> for Read {
    type Output = PCollection<String>;

    fn name(&self) -> String {
        "ReadText".to_owned()
    }

    #[track_caller]
    fn expand(self, root: &Root) -> PCollection<String> {
        root.read(LineSource::<_, Strict>::new(self.files, Text))
    }
}

struct Text;

impl LineFormat for Text {
    type Value = String;
    fn parse(&self, line: &str) -> Result<Option<String>, String> {
        Ok(Some(line.to_owned()))
    }
}

/// Writes strings as lines to the files `PREFIX-00000-of-0000N.txt`; see [`Write`] for what can be chosen.
///
/// The files appear when the run has succeeded, all at once; until then there is a hidden directory beside them, which
/// is removed also when the run fails. A line's file depends on the line alone, its place in the file on nothing that
/// can be relied upon.
///
/// Windows play no part: all of them go to the same files. A collection that is unbounded is an error when the pipeline
/// is built, unless it is cut into files of its own by [`Write::windowed`] or [`Write::rolling`].
///
/// A run fails if the output directory does not exist or cannot be written to, or a string contains `\n`: it would be
/// read back as two lines.
pub fn write(prefix: impl Into<String>) -> Write {
    Write { output: Output::new(prefix.into(), ".txt") }
}

/// The transform that [`write()`] makes.
#[derive(Clone, Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct Write {
    output: Output,
}

impl Write {
    /// How many files there are (1 unless set), also if there are fewer lines.
    pub fn shards(self, count: u32) -> Self {
        Write { output: Output { shards: count, ..self.output } }
    }

    /// How the files' names end (in `.txt` unless set). `.gz`, `.zst` and `.bz2` at its end compress.
    pub fn suffix(self, suffix: impl Into<String>) -> Self {
        Write { output: Output { suffix: suffix.into(), ..self.output } }
    }

    /// Writes the files of a stream while it goes on: one for each shard, window and pane, as soon as the pane is complete. The
    /// windows and the trigger are those of the collection; with an accumulating one each pane's file has all so far.
    ///
    /// A file is called `PREFIX-START-END-paneN-SSSSS-of-NNNNN-RUN.txt`, with the window's start and end and the time at which
    /// the run began, so that no run replaces another's files. It appears at once, by a rename, when it is whole; there is
    /// none for a shard without lines.
    ///
    /// ```
    /// use ferrobeam_core::{prelude::*, time::*};
    /// use ferrobeam_io::{follow, text};
    /// Root::build(|root| {
    ///     let lines = root.apply(follow::directory("logs")).map(|line| line.text);
    ///     lines.window(FixedWindows::of(minutes(1))).apply(text::write("copies/log").windowed());
    ///     Ok(())
    /// })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    pub fn windowed(self) -> WriteStream {
        WriteStream(Stream::windowed(self.output))
    }

    /// Writes the files of a stream while it goes on, without windows: each shard begins a new file when the one before has
    /// `bytes` bytes (before compression), or when so much processing time has passed since its first line.
    ///
    /// A file is called `PREFIX-RUN-SSSSS-of-NNNNN-FFFFFF.txt`, the last number being that of the shard's file, and appears as
    /// [`windowed`](Write::windowed) ones do. Until then its lines are kept as state, and hold the watermark behind them.
    ///
    /// ```
    /// use ferrobeam_core::{prelude::*, time::*};
    /// use ferrobeam_io::{follow, text};
    /// Root::build(|root| {
    ///     let lines = root.apply(follow::directory("logs")).map(|line| line.text);
    ///     lines.apply(text::write("copies/log.gz").suffix(".txt.gz").rolling(64 << 20, minutes(5)));
    ///     Ok(())
    /// })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    pub fn rolling(self, bytes: u64, age: Duration) -> WriteStream {
        WriteStream(Stream::rolling(self.output, bytes, age))
    }
}

/// The transform that [`Write::windowed`] and [`Write::rolling`] make.
#[derive(Clone, Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct WriteStream(Stream);

impl PTransform<PCollection<String>> for WriteStream {
    type Output = ();

    fn name(&self) -> String {
        "WriteText".to_owned()
    }

    #[track_caller]
    fn expand(self, lines: PCollection<String>) {
        self.0.write(&lines.par_do(OneLine).named("Check"), None);
    }
}

impl PTransform<PCollection<String>> for Write {
    type Output = ();

    fn name(&self) -> String {
        "WriteText".to_owned()
    }

    #[track_caller]
    fn expand(self, lines: PCollection<String>) {
        write_lines(&lines.par_do(OneLine).named("Check"), None, self.output);
    }
}

/// Lets strings pass that are one line.
#[derive(Clone)]
struct OneLine;

impl DoFn for OneLine {
    type In = String;
    type Out = String;
    fn process(&mut self, line: String, ctx: &mut Context<'_, String>) -> Result<(), BoxError> {
        if memchr::memchr(b'\n', line.as_bytes()).is_some() {
            let mut bytes = Vec::new();
            coder::put(&line, &mut bytes)?;
            let shown = coder::describe(&coder::spec_of::<String>(), &bytes);
            return Err(format!("{shown} contains a line end and would be read back as two lines").into());
        }
        ctx.emit(line);
        Ok(())
    }
}
