//! User code of each kind that fails while eight workers are busy with other things: an error that names the step, and nothing left.

use crate::{Endless, Numbers};
use ferrobeam_core::prelude::*;
use ferrobeam_core::runner::PipelineResult;
use ferrobeam_core::time::{hours, millis};
use ferrobeam_core::windowing::Merge;
use ferrobeam_io::text;
use ferrobeam_local::{LocalRunner, RunHandle};
use std::fs;
use std::path::Path;
use std::sync::Once;
use tempfile::TempDir;

/// Every number that user code sees but this one is fine.
const BAD: u64 = 15_000;

fn check(n: u64) -> Result<(), BoxError> {
    if n == BAD { Err("no luck".into()) } else { Ok(()) }
}

fn panics(n: u64) -> u64 {
    assert!(n != BAD, "no luck");
    n
}

/// Fails at one of its methods.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Setup,
    Start,
    Process,
    Finish,
    Commit,
}

impl At {
    fn fails(self, at: At) -> Result<(), BoxError> {
        if self == at { Err("no luck".into()) } else { Ok(()) }
    }
}

impl DoFn for At {
    type In = u64;
    type Out = u64;
    const FINALIZES: bool = true;

    fn setup(&mut self) -> Result<(), BoxError> {
        self.fails(At::Setup)
    }
    fn start_bundle(&mut self) -> Result<(), BoxError> {
        self.fails(At::Start)
    }
    fn process(&mut self, n: u64, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
        if *self == At::Process {
            check(n)?;
        }
        if *self == At::Commit && n == BAD {
            ctx.after_commit(|| At::Commit.fails(At::Commit));
        }
        ctx.emit(n);
        Ok(())
    }
    fn finish_bundle(&mut self, _: &mut BundleContext<'_, u64>) -> Result<(), BoxError> {
        self.fails(At::Finish)
    }
}

/// A sum that panics in one of its parts.
#[derive(Clone, Copy, PartialEq)]
enum Sum {
    Create,
    Add,
    Merge,
    Extract,
}

impl CombineFn for Sum {
    type In = u64;
    type Acc = u64;
    type Out = u64;

    fn create_accumulator(&self) -> u64 {
        assert!(*self != Sum::Create, "no luck");
        0
    }
    fn add_input(&self, sum: &mut u64, n: u64) {
        *sum += if *self == Sum::Add { panics(n) } else { n };
    }
    fn merge_accumulators(&self, _: &mut u64, _: u64) {
        assert!(*self != Sum::Merge, "no luck");
    }
    fn extract_output(&self, sum: u64) -> u64 {
        assert!(*self != Sum::Extract, "no luck");
        sum
    }
}

/// Windows that panic when they are assigned or merged.
#[derive(Debug)]
struct Panes {
    merges: bool,
}

impl WindowFn for Panes {
    fn assign(&self, at: Timestamp, _: Window) -> WindowSet {
        assert!(self.merges || at != Timestamp::EPOCH + millis(BAD), "no luck");
        Window::interval(at, at + millis(10)).into()
    }
    fn is_merging(&self) -> bool {
        self.merges
    }
    fn merge(&self, _: &[Window]) -> Vec<Merge> {
        panic!("no luck")
    }
}

/// State and timers that fail.
#[derive(Clone, Copy, PartialEq)]
enum Keeps {
    Process,
    Timer,
    Expiration,
}

#[derive(Timers)]
#[timer(crate = "ferrobeam_core")]
enum Due {
    #[timer(processing_time)]
    Soon,
}

impl StatefulDoFn for Keeps {
    type Key = u64;
    type In = u64;
    type Out = u64;
    type State = ();
    type Timer = Due;

    const ON_WINDOW_EXPIRATION: bool = true;

    fn process(
        &mut self,
        _: &u64,
        n: u64,
        (): &mut (),
        ctx: &mut StatefulContext<'_, u64, Due>,
    ) -> Result<(), BoxError> {
        match self {
            Keeps::Process => check(n)?,
            _ => ctx.set_after(Due::Soon, millis(1)),
        }
        ctx.emit(n);
        Ok(())
    }
    fn on_timer(
        &mut self,
        _: &u64,
        _: Due,
        (): &mut (),
        _: &mut StatefulContext<'_, u64, Due>,
    ) -> Result<(), BoxError> {
        if *self == Keeps::Timer { Err("no luck".into()) } else { Ok(()) }
    }
    fn on_window_expiration(
        &mut self,
        _: &u64,
        (): &mut (),
        _: &mut StatefulContext<'_, u64, Due>,
    ) -> Result<(), BoxError> {
        Err("no luck".into())
    }
}

/// A source, or a splittable step, that fails.
#[derive(Clone, Copy, PartialEq)]
enum Reads {
    Split,
    Open,
    Read,
    Truncate,
}

impl Reads {
    fn fails(self, at: Reads) -> Result<(), BoxError> {
        if self == at { Err("no luck".into()) } else { Ok(()) }
    }
}

impl Source for Reads {
    type Out = u64;
    type Restriction = OffsetRange;
    type Reader = ();
    const BOUNDED: bool = false;

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        self.fails(Reads::Split)?;
        Ok(vec![OffsetRange::unbounded(0)])
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        self.fails(Reads::Open)
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
        self.fails(Reads::Read)?;
        claims.resume_after(hours(24));
        Ok(())
    }
    fn truncate(&self, _: OffsetRange) -> Result<Option<OffsetRange>, BoxError> {
        Err("no luck".into())
    }
}

impl SplittableDoFn for Reads {
    type In = u64;
    type Out = u64;
    type Restriction = OffsetRange;
    type Estimator = ();

    fn initial_restriction(&self, n: &u64) -> Result<OffsetRange, BoxError> {
        if *self == Reads::Open {
            check(*n)?;
        }
        Ok(OffsetRange::new(*n, n + 1))
    }
    fn split(&self, n: &u64, whole: OffsetRange, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        if *self == Reads::Split {
            check(*n)?;
        }
        Ok(vec![whole])
    }
    fn process(
        &mut self,
        n: &u64,
        tracker: &mut Tracker<'_, OffsetRange, u64>,
        _: &mut ElementContext<'_>,
    ) -> Result<Continuation, BoxError> {
        check(*n)?;
        tracker.emit_run(Timestamp::MIN, |n| n);
        Ok(Continuation::Done)
    }
}

/// Adds a step `Bad` to numbers, which fails.
type AddBad = fn(&PCollection<u64>);

const KINDS: &[(&str, AddBad)] = &[
    ("map", |n| n.map(panics).named("Bad").discard()),
    ("filter", |n| n.filter(|n| panics(*n) > 0).named("Bad").discard()),
    ("flat_map", |n| n.flat_map(|n| Some(panics(n))).named("Bad").discard()),
    ("key_by", |n| n.key_by(|n| panics(*n)).named("Bad").discard()),
    ("timestamps", |n| n.with_timestamps(|n| Timestamp::EPOCH + millis(panics(*n))).named("Bad").discard()),
    ("setup", |n| n.par_do(At::Setup).named("Bad").discard()),
    ("start_bundle", |n| n.par_do(At::Start).named("Bad").discard()),
    ("process", |n| n.par_do(At::Process).named("Bad").discard()),
    ("finish_bundle", |n| n.par_do(At::Finish).named("Bad").discard()),
    ("after_commit", |n| n.par_do(At::Commit).named("Bad").discard()),
    ("create_accumulator", |n| n.map(|n| (n % 99, n)).combine_per_key(Sum::Create).named("Bad").discard()),
    ("add_input", |n| n.map(|n| (n % 99, n)).combine_per_key(Sum::Add).named("Bad").discard()),
    ("merge_accumulators", |n| n.map(|n| (n % 99, n)).combine_per_key(Sum::Merge).named("Bad").discard()),
    ("extract_output", |n| n.map(|n| (n % 99, n)).combine_per_key(Sum::Extract).named("Bad").discard()),
    ("assign", |n| {
        let timed = n.with_timestamps(|n| Timestamp::EPOCH + millis(*n));
        timed.window(Windowing::of(Panes { merges: false })).named("Bad").discard();
    }),
    ("merge", |n| {
        let timed = n.with_timestamps(|n| Timestamp::EPOCH + millis(*n));
        let windows = timed.window(Windowing::of(Panes { merges: true }));
        windows.map(|n| (n % 99, n)).group_by_key().named("Bad").discard();
    }),
    ("stateful process", |n| n.map(|n| (n % 99, n)).par_do_stateful(Keeps::Process).named("Bad").discard()),
    ("on_timer", |n| n.map(|n| (n % 99, n)).par_do_stateful(Keeps::Timer).named("Bad").discard()),
    ("on_window_expiration", |n| n.map(|n| (n % 99, n)).par_do_stateful(Keeps::Expiration).named("Bad").discard()),
    ("source split", |n| n.root().read(Reads::Split).named("Bad").discard()),
    ("source open", |n| n.root().read(Reads::Open).named("Bad").discard()),
    ("source read", |n| n.root().read(Reads::Read).named("Bad").discard()),
    ("initial_restriction", |n| n.par_do_splittable(Reads::Open).named("Bad").discard()),
    ("splittable split", |n| n.par_do_splittable(Reads::Split).named("Bad").discard()),
    ("splittable process", |n| n.par_do_splittable(Reads::Read).named("Bad").discard()),
    ("side inputs", |n| {
        let side = n.as_iterable();
        n.root()
            .create([1u64])
            .map_with(side, |_, all| all.iter().map(|n| panics(*n)).sum::<u64>())
            .named("Bad")
            .discard();
    }),
];

/// Others that are busy, for ever, and a file that is to be written.
fn load(root: &Root, directory: &Path) -> PCollection<u64> {
    root.read(Endless).reshuffle().map(|n| n % 7).reshuffle().discard();
    let lines = root.read(Numbers(20_000)).reshuffle().map(|n| n.to_string());
    lines.apply(text::write(directory.join("out").to_str().unwrap()).shards(3));
    root.read(Numbers(20_000)).reshuffle()
}

fn failed(name: &str, run: ferrobeam_core::Result<PipelineResult>, directory: &TempDir) {
    let error = run.unwrap_err().to_string();
    assert!(error.contains("`Bad") && error.contains("no luck"), "{name}: {error}");
    assert!(error.contains("runners/local/tests/local/failing.rs:"), "{name}: {error}");
    for entry in fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap().file_name();
        // The other branch of the pipeline may have been done.
        assert!(entry.to_string_lossy().starts_with("out-0000"), "{name}: {entry:?} is left");
    }
}

#[test]
fn user_code_that_fails_under_load_is_named() {
    for (name, add) in KINDS {
        let directory = tempfile::tempdir().unwrap();
        let run = LocalRunner::new().workers(8).run(|root| {
            add(&load(root, directory.path()));
            Ok(())
        });
        failed(name, run, &directory);
    }
}

/// Of a part others that rest get half again and again, and a bundle of it ends when it has taken long. When it is read once more, to
/// see which element failed, neither counts.
#[test]
fn the_element_behind_a_source_is_named() {
    for (name, add) in KINDS.iter().filter(|(name, _)| ["map", "process"].contains(name)) {
        for _ in 0..5 {
            let run = LocalRunner::new().workers(8).run(|root| {
                add(&root.read(Numbers(1_000_000)));
                Ok(())
            });
            let error = run.unwrap_err().to_string();
            assert!(error.contains("`Bad`") && error.contains(&format!(" on {BAD} ")), "{name}: {error}");
        }
    }
}

/// One element becomes so much that the steps behind it work in the middle of its bundle.
#[test]
fn user_code_that_fails_in_the_middle_of_a_bundle_is_named() {
    let in_the_middle =
        ["map", "process", "after_commit", "add_input", "assign", "stateful process", "splittable split"];
    for (name, add) in KINDS.iter().filter(|(name, _)| in_the_middle.contains(name)) {
        let directory = tempfile::tempdir().unwrap();
        let run = LocalRunner::new().workers(2).run(|root| {
            add(&root.create([200_000_u64]).flat_map(|all| 0..all).named("Many").reshuffle());
            Ok(())
        });
        failed(name, run, &directory);
    }
}

#[test]
fn a_source_that_cannot_be_drained_is_named() {
    let (directory, handle) = (tempfile::tempdir().unwrap(), RunHandle::new());
    let run = LocalRunner::new().workers(8).controlled_by(&handle).run(|root| {
        let numbers = load(root, directory.path());
        root.read(Reads::Truncate).named("Bad").discard();
        numbers.filter(|n| *n == BAD).map(move |_| handle.drain()).discard();
        Ok(())
    });
    failed("truncate", run, &directory);
}

#[test]
fn a_file_that_is_removed_while_it_is_read_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("in");
    fs::create_dir(&input).unwrap();
    for file in 0..20 {
        // More lines than go on at once: each worker is in one file when the first lines come.
        let lines: String = (0..3000).map(|n| format!("{file} {n}\n")).collect();
        fs::write(input.join(format!("{file}.txt")), lines).unwrap();
    }
    let run = LocalRunner::new().workers(8).run(|root| {
        let (pattern, removes) = (input.join("*.txt"), Once::new());
        let lines = root.apply(text::read(pattern.to_str().unwrap())).map(move |line| {
            removes.call_once(|| fs::remove_dir_all(&input).unwrap());
            line
        });
        lines.apply(text::write(directory.path().join("out").to_str().unwrap()));
        Ok(())
    });
    let error = run.unwrap_err().to_string();
    assert!(error.contains("ReadText") && error.contains(".txt`") && error.contains("No such file"), "{error}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "temporary files are left");
}
