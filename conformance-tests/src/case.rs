//! A case, and what comes of running it.

use ferrobeam::graph::Graph;
use ferrobeam::runner::{PipelineResult, Runner};
use ferrobeam::{BoxError, Error};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The result of a case's body: an error says what is wrong.
pub type CaseResult = Result<(), BoxError>;

/// The body of a case.
pub type Body = fn(&dyn Runner) -> CaseResult;

/// What a runner must offer for a case to make sense on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// Nothing beside the model: every runner and engine passes.
    Core,
    /// User code runs in the process that started the pipeline, so that the case can watch it from outside.
    InProcess,
    /// An error of user code names the element it happened on.
    ElementInErrors,
    /// Keys that break the law of keys are found: equal values, and only those, have equal bytes.
    KeyLaw,
    /// Window functions that Beam does not know: of the calendar, and the user's own.
    CustomWindows,
    /// Scripts of elements and watermarks; what is late, dropped and held back follows from them.
    TestStream,
    /// Scripts that let processing time pass.
    ProcessingTime,
    /// Triggers other than the default one, and all that panes are made of.
    Triggers,
    /// What groupings drop because it is late, as a collection.
    LateOutput,
    /// State cells that have keys: sets, maps and multimaps.
    MapState,
    /// State cells in the order of time.
    OrderedListState,
    /// Steps that are called when a window expires.
    OnWindowExpiration,
    /// Steps whose elements come in the order of time.
    TimeSortedInput,
    /// Timers in processing time.
    ProcessingTimers,
    /// Side inputs whose windows are the user's choice.
    SideInputMapping,
    /// Side inputs that fire more than once.
    TriggeredSideInputs,
    /// Splittable steps that stop by themselves and are resumed.
    Checkpoint,
    /// Callbacks when a bundle is committed.
    Finalization,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Profile; 18] = [
        Profile::Core,
        Profile::InProcess,
        Profile::ElementInErrors,
        Profile::KeyLaw,
        Profile::CustomWindows,
        Profile::TestStream,
        Profile::ProcessingTime,
        Profile::Triggers,
        Profile::LateOutput,
        Profile::MapState,
        Profile::OrderedListState,
        Profile::OnWindowExpiration,
        Profile::TimeSortedInput,
        Profile::ProcessingTimers,
        Profile::SideInputMapping,
        Profile::TriggeredSideInputs,
        Profile::Checkpoint,
        Profile::Finalization,
    ];

    /// The name in the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Profile::Core => "core",
            Profile::InProcess => "in-process",
            Profile::ElementInErrors => "element-in-errors",
            Profile::KeyLaw => "key-law",
            Profile::CustomWindows => "custom-windows",
            Profile::TestStream => "test-stream",
            Profile::ProcessingTime => "processing-time",
            Profile::Triggers => "triggers",
            Profile::LateOutput => "late-output",
            Profile::MapState => "map-state",
            Profile::OrderedListState => "ordered-list-state",
            Profile::OnWindowExpiration => "on-window-expiration",
            Profile::TimeSortedInput => "time-sorted-input",
            Profile::ProcessingTimers => "processing-timers",
            Profile::SideInputMapping => "side-input-mapping",
            Profile::TriggeredSideInputs => "triggered-side-inputs",
            Profile::Checkpoint => "checkpoint",
            Profile::Finalization => "finalization",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that a runner must do.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// `area::what_holds`.
    pub name: &'static str,
    /// What the runner must offer.
    pub profile: Profile,
    /// Builds, runs and checks.
    pub body: Body,
}

/// Areas whose cases look at panes.
const STREAMS: [&str; 9] =
    ["lateness", "panes", "rules", "sessions", "test_stream", "timers", "transcripts", "triggers", "watermarks"];

/// Runs nothing, and says that it failed.
struct Fails;

impl Runner for Fails {
    fn name(&self) -> &'static str {
        "nothing"
    }

    fn unsupported(&self, _: &Graph) -> Vec<String> {
        Vec::new()
    }

    fn execute(&self, _: &Graph) -> Result<PipelineResult, Error> {
        Err(Error::Runner { runner: self.name(), message: "nothing runs here".to_owned() })
    }
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Pass,
    /// The runner refused the pipeline before it started, for these reasons.
    Unsupported(String),
    /// It does not hold.
    Fail(String),
}

impl Case {
    /// The area of the model that the case belongs to.
    pub fn area(&self) -> &'static str {
        self.name.split("::").next().unwrap_or(self.name)
    }

    /// Whether its panes are those of a stream: an engine that runs bounded pipelines as batch jobs has no panes there.
    pub(crate) fn streams(&self) -> bool {
        STREAMS.contains(&self.area())
    }

    /// Whether it looks into an error of its first pipeline.
    pub(crate) fn wants_an_error(&self) -> bool {
        match self.run(&Fails) {
            Outcome::Fail(text) => text.starts_with(crate::check::NOT_SAID),
            outcome => outcome == Outcome::Pass,
        }
    }

    /// Runs the case. A panic in its body, which is the runner's or the case's own, is a failure.
    pub fn run(&self, runner: &dyn Runner) -> Outcome {
        let result = catch_unwind(AssertUnwindSafe(|| (self.body)(runner)));
        match result {
            Ok(Ok(())) => Outcome::Pass,
            Ok(Err(error)) => match error.downcast_ref::<Error>() {
                Some(refused @ Error::Unsupported { .. }) => Outcome::Unsupported(refused.to_string()),
                _ => Outcome::Fail(error.to_string()),
            },
            Err(panic) => Outcome::Fail(format!("panicked: {}", text(&*panic))),
        }
    }
}

fn text(panic: &(dyn std::any::Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a text")
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Pass => f.write_str("passed"),
            Outcome::Unsupported(why) => write!(f, "not supported: {why}"),
            Outcome::Fail(why) => write!(f, "failed: {why}"),
        }
    }
}
