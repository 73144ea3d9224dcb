//! The graph that writes a stream to files, each of which is complete some time before the stream is.
//!
//! What a file holds, and its name, are settled before it is written: between the two steps stands a reshuffle, so that a
//! bundle that is repeated writes the same file again. Files have the run's time in their names, which is made by a step when
//! the pipeline runs: the numbers of two runs mean different files.
//!
//! A header comes as a side input that is there as soon as the first record is, and again with each bundle of them.

use crate::files::ShardWriter;
use crate::write::{Output, shard_of};
use ferrobeam_core::dofn::stateful::{StatefulContext, StatefulDoFn, Value};
use ferrobeam_core::dofn::{Context, DoFn};
use ferrobeam_core::streaming::GroupIntoBatches;
use ferrobeam_core::transforms::group_by_key::Grouped;
use ferrobeam_core::transforms::side_inputs::Singleton;
use ferrobeam_core::windowing::trigger::{after_count, repeatedly};
use ferrobeam_core::windowing::{GlobalWindows, TimestampCombiner, Window};
use ferrobeam_core::{BoxError, PCollection, State, Timestamp};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Where the lines of a stream go.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    output: Output,
    cut: Cut,
}

/// Where a file ends.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Windows,
    Rolling { bytes: u64, age: Duration },
}

/// What a file is called before and behind the run's time, and its lines.
type NamedFile = ((String, String), Vec<String>);

impl Stream {
    /// A file for each window, pane and shard.
    pub(crate) fn windowed(output: Output) -> Self {
        Stream { output, cut: Cut::Windows }
    }

    /// Files of limited size and age.
    pub(crate) fn rolling(output: Output, bytes: u64, age: Duration) -> Self {
        Stream { output, cut: Cut::Rolling { bytes, age } }
    }

    /// Writes lines; each file starts with one of the `headers`, if there is one. They must all be the same, and come with the
    /// lines.
    #[track_caller]
    pub(crate) fn write(self, lines: &PCollection<String>, headers: Option<&PCollection<Option<String>>>) {
        let Stream { output, cut } = self;
        let count = output.shards.max(1);
        let root = lines.root();
        root.reserve(format!("the files `{}-*{}`", output.prefix, output.suffix));
        let shards = |lines: &PCollection<String>| lines.map(move |line| (shard_of(&line, count), line)).named("Shard");
        let files = match cut {
            Cut::Windows => {
                shards(lines).group_by_key::<u32, String>().named("Group").par_do(ByWindow { count }).named("Name")
            }
            Cut::Rolling { bytes, age } => {
                let batches = GroupIntoBatches::of_byte_size(bytes).max_buffering(age);
                let batches = shards(&lines.window(GlobalWindows::new())).apply(batches);
                batches.par_do_stateful(InTurn { count }).named("Name")
            }
        };
        let run = root.impulse().par_do(Run { prefix: output.prefix.clone() }).named("Run").as_singleton();
        let write = |header| WriteFile { output, run: run.clone(), header };
        let files = files.reshuffle();
        let written = match headers.map(newest) {
            None => files.par_do_with(run.clone(), write(None)),
            Some(header) => files.par_do_with((run.clone(), header.clone()), write(Some(header))),
        };
        written.named("Write").discard();
    }
}

/// The header that came last, from the first one on.
#[track_caller]
fn newest(headers: &PCollection<Option<String>>) -> Singleton<Option<String>> {
    let at_once = GlobalWindows::new()
        .trigger(repeatedly(after_count(1)))
        .discarding()
        .timestamp_combiner(TimestampCombiner::Latest);
    headers.window(at_once).latest_globally().named("Header").as_singleton()
}

/// A time as a part of a file's name.
fn in_name(at: Timestamp) -> String {
    let text = at.to_string();
    if text.contains(' ') { at.millis().to_string() } else { text.replace(':', "") }
}

#[derive(Clone)]
struct ByWindow {
    count: u32,
}

impl DoFn for ByWindow {
    type In = (u32, Grouped<String>);
    type Out = NamedFile;

    fn process(&mut self, (shard, lines): Self::In, ctx: &mut Context<'_, NamedFile>) -> Result<(), BoxError> {
        // A pane may be empty, to say that a window is complete.
        if lines.is_empty() {
            return Ok(());
        }
        let window = match ctx.window() {
            Window::Global => "global".to_owned(),
            Window::Interval { start, end } => format!("{}-{}", in_name(start), in_name(end)),
        };
        let name = format!("-{window}-pane{}-{shard:05}-of-{:05}", ctx.pane().index, self.count);
        ctx.emit(((name, String::new()), lines.into_iter().collect()));
        Ok(())
    }
}

#[derive(Clone)]
struct InTurn {
    count: u32,
}

#[derive(State)]
#[state(crate = "ferrobeam_core")]
struct Files {
    written: Value<u64>,
}

impl StatefulDoFn for InTurn {
    type Key = u32;
    type In = Vec<String>;
    type Out = NamedFile;
    type State = Files;
    type Timer = ();

    fn process(
        &mut self,
        shard: &u32,
        lines: Vec<String>,
        state: &mut Files,
        ctx: &mut StatefulContext<'_, NamedFile, ()>,
    ) -> Result<(), BoxError> {
        let number = state.written.get().copied().unwrap_or_default();
        state.written.set(number + 1);
        ctx.emit(((String::new(), format!("-{shard:05}-of-{:05}-{number:06}", self.count)), lines));
        Ok(())
    }
}

/// When the run began, by the clock of the machine. That files can be written is seen now, and not when the first is complete.
#[derive(Clone)]
struct Run {
    prefix: String,
}

impl DoFn for Run {
    type In = ();
    type Out = String;

    fn process(&mut self, (): (), ctx: &mut Context<'_, String>) -> Result<(), BoxError> {
        // It is removed at once.
        drop(ShardWriter::beside(PathBuf::from(format!("{}-", self.prefix)))?);
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        ctx.emit(in_name(Timestamp::EPOCH + since_1970));
        Ok(())
    }
}

#[derive(Clone)]
struct WriteFile {
    output: Output,
    run: Singleton<String>,
    header: Option<Singleton<Option<String>>>,
}

impl DoFn for WriteFile {
    type In = NamedFile;
    type Out = ();

    fn process(&mut self, ((before, behind), lines): NamedFile, ctx: &mut Context<'_, ()>) -> Result<(), BoxError> {
        let Output { prefix, suffix, .. } = &self.output;
        let run = ctx.side(&self.run)?;
        let mut writer = ShardWriter::beside(PathBuf::from(format!("{prefix}{before}-{run}{behind}{suffix}")))?;
        if let Some(header) = &self.header
            && let Some(header) = &*ctx.side(header)?
        {
            writer.write_line(header.as_bytes())?;
        }
        for line in lines {
            writer.write_line(line.as_bytes())?;
        }
        Ok(writer.commit()?)
    }
}
