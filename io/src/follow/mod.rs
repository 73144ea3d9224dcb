//! Lines that are appended to files, as they come.

mod limit;
mod line;
mod position;
mod saved;
mod source;
mod table;

pub use line::{BadLine, FollowedLine};

use ferrobeam_core::{Error, PCollection, PTransform, Result, Root, Timestamp};
use glob::Pattern;
use regex::Regex;
use saved::Positions;
use source::{FollowSource, Lines};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use table::Table;

/// Reads the lines of the files that `pattern` means (a directory means all files in it), and goes on reading as they grow
/// and as others appear, until the pipeline drains: then what is there at that moment is read to its end.
///
/// A file is known by its device and inode, so it is read on where it was when it is renamed, and one that is removed is read
/// to its end if it was found before. Let the pattern find the names that files get when they are rotated, too
/// (`access.log*`): otherwise a run that begins then does not find their rest. A copy is a file of its own, with the same lines: let
/// the pattern not find those of logs that are copied and then cut off (logrotate's `copytruncate`).
/// A file that becomes shorter than was read, or whose first bytes change or those that were read last, is read from its beginning; what was cut off before it was read is
/// gone, and the metric `bytes_cut_off_unread` (of `ferrobeam`) says how much that was, as far as it had been seen. Files that are
/// compressed (`.gz`, `.zst`, `.bz2`) and hidden ones are left out. A line is emitted when its end has been written; of a file that was
/// removed, and of all when a pipeline drains without [`positions`](Follow::positions), also the last one without an end.
///
/// One worker reads all files, in turns: the one whose event time is least comes first. The lines then go to all workers.
///
/// A run fails if a directory cannot be listed, a file not be opened or read, or a line is longer than 64 MiB. That nothing
/// matches the pattern is no error, for files may come.
///
/// ```
/// use ferrobeam_core::{prelude::*, time::*};
/// use ferrobeam_io::follow;
///
/// fn time_of(text: &str) -> Option<Timestamp> {
///     text.split(' ').next()?.parse().ok().map(Timestamp::from_millis)
/// }
///
/// Root::build(|root| {
///     let lines = root.apply(
///         follow::directory("logs")
///             .event_time(minutes(2), |line| time_of(&line.text))
///             .positions("positions.json"),
///     );
///     lines.map(|line| line.path).window(FixedWindows::of(minutes(1))).count_per_element().discard();
///     Ok(())
/// })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub fn directory(pattern: impl Into<String>) -> Follow {
    Follow {
        pattern: pattern.into(),
        except: Vec::new(),
        lines: Lines { of_path: None, of_line: None, event_time: None, bound: Duration::ZERO, ahead: None },
        poll: Duration::from_millis(200),
        idle: Duration::from_secs(30),
        positions: None,
    }
}

/// The transform that [`directory()`] makes.
#[derive(Clone)]
#[must_use = "a transform does nothing until it is applied"]
pub struct Follow {
    pattern: String,
    except: Vec<Pattern>,
    lines: Lines,
    poll: Duration,
    idle: Duration,
    positions: Option<PathBuf>,
}

impl Follow {
    /// Leaves out files whose names match this pattern (`*.tmp`), as well as those of other such calls.
    ///
    /// # Errors
    /// It is no pattern.
    pub fn except(mut self, names: &str) -> Result<Self> {
        let pattern = Pattern::new(names).map_err(|error| Error::Graph(vec![format!("`{names}`: {error}")]))?;
        self.except.push(pattern);
        Ok(self)
    }

    /// Looks for new lines and files each so often, when there is nothing to read (200 ms unless set).
    pub fn poll_every(self, period: Duration) -> Self {
        Follow { poll: period.max(Duration::from_millis(1)), ..self }
    }

    /// Takes the time of each line from it; one without has that of the line before it in its file. Without this a line has the
    /// processing time at which it is read.
    ///
    /// The watermark is the latest time of a line so far, less `bound`, in the file that is furthest behind: a line that is no
    /// more than `bound` before a line above it is not late.
    pub fn event_time(
        mut self,
        bound: Duration,
        time: impl Fn(&FollowedLine) -> Option<Timestamp> + Send + Sync + 'static,
    ) -> Self {
        self.lines.event_time = Some(Arc::new(time));
        self.lines.bound = bound;
        self
    }

    /// Lets no line move the watermark whose time is more than this after the processing time: one with a wrong date would make
    /// all others late.
    pub fn ahead_at_most(mut self, length: Duration) -> Self {
        self.lines.ahead = Some(length);
        self
    }

    /// Does not let a file hold the watermark that has not grown for so long, in processing time (30 s unless set).
    pub fn idle_after(self, length: Duration) -> Self {
        Follow { idle: length, ..self }
    }

    /// Takes fields from the path of each line's file: the named groups of a regular expression, `(?<host>[^/]+)\.log$`.
    ///
    /// # Errors
    /// It is no regular expression.
    pub fn fields_of_path(mut self, expression: &str) -> Result<Self> {
        self.lines.of_path = Some(parsed(expression)?);
        Ok(self)
    }

    /// Takes fields from each line, in the same way; one that does not match has none of them.
    ///
    /// # Errors
    /// It is no regular expression.
    pub fn fields_of_line(mut self, expression: &str) -> Result<Self> {
        self.lines.of_line = Some(parsed(expression)?);
        Ok(self)
    }

    /// Begins where the positions in this file say, if it exists, and writes there how far each file was read, when nothing of
    /// that can be lost any more: [`when_durable`](ferrobeam_core::dofn::Context::when_durable). So a run that was drained and
    /// the next one read each line once.
    ///
    /// On the local and the direct runner that is when the run has ended well. One that failed or was killed leaves the file as
    /// it was, for its windows and other state are lost: the next one reads again all that it had read, and what it wrote is to
    /// be thrown away. It is for one run at a time. Only runners that call back after a commit can do this.
    pub fn positions(self, path: impl Into<PathBuf>) -> Self {
        Follow { positions: Some(path.into()), ..self }
    }

    fn source<const FINALIZES: bool>(self) -> FollowSource<FINALIZES> {
        let Follow { pattern, except, lines, poll, idle, positions } = self;
        let table = Mutex::new(Table::new(pattern, except, idle, positions.is_some()));
        let positions = positions.map(|path| Positions { path });
        FollowSource { table, lines, poll, positions, saved: Arc::default() }
    }
}

fn parsed(expression: &str) -> Result<Regex> {
    Regex::new(expression).map_err(|error| Error::Graph(vec![error.to_string()]))
}

impl PTransform<&Root> for Follow {
    type Output = PCollection<FollowedLine>;

    fn name(&self) -> String {
        "Follow".to_owned()
    }

    #[track_caller]
    fn expand(self, root: &Root) -> PCollection<FollowedLine> {
        let lines =
            if self.positions.is_some() { root.read(self.source::<true>()) } else { root.read(self.source::<false>()) };
        lines.reshuffle()
    }
}
