//! What a pipeline may use and an engine may lack or do in another way.

use std::fmt;
use std::str::FromStr;

macro_rules! features {
    ($($(#[$doc:meta])* $feature:ident = $name:literal;)*) => {
        /// Something that a pipeline uses, by a name that the command line and the ledger know.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Feature {
            $($(#[$doc])* $feature,)*
        }

        impl Feature {
            /// All there are.
            pub(crate) const ALL: &[Feature] = &[$(Feature::$feature),*];

            /// The name, for example of `--accept-engine-differences`.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Feature::$feature => $name,)*
                }
            }
        }
    };
}

features! {
    /// Panes other than the one at the end of a window, in a batch job.
    BatchTriggers = "batch-triggers";
    /// Callbacks when a bundle is committed.
    BundleFinalization = "bundle-finalization";
    /// Triggers that count elements.
    CountTriggers = "count-triggers";
    /// Window functions that are not Beam's own.
    CustomWindows = "custom-windows";
    /// Elements behind the watermark.
    Lateness = "lateness";
    /// The elements that groupings drop, as a collection.
    LateOutput = "late-output";
    /// A callback when the window of a key's state is over.
    OnWindowExpiration = "on-window-expiration";
    /// Steps that only the engine runs, and none of ours.
    OnlyEngineSteps = "only-engine-steps";
    /// Sessions.
    Sessions = "sessions";
    /// Other windows of a side input than those of the main input.
    SideInputWindows = "side-input-windows";
    /// Input that is the same when a bundle is repeated.
    StableInput = "stable-input";
    /// Scripts of elements, watermarks and time.
    TestStream = "test-stream";
    /// Elements of a key in the order of time.
    TimeSortedInput = "time-sorted-input";
    /// Timers that are set when a timer fires.
    TimersInTimers = "timers-in-timers";
    /// Side inputs that fire more than once.
    TriggeredSideInputs = "triggered-side-inputs";
    /// Collections without an end.
    Unbounded = "unbounded";
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Feature {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Feature::ALL.iter().copied().find(|feature| feature.name() == name).ok_or_else(|| {
            let names: Vec<_> = Feature::ALL.iter().map(|feature| feature.name()).collect();
            format!("`{name}` is no feature in which engines differ; these are: {}", names.join(", "))
        })
    }
}
