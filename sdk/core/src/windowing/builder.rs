//! A windowing as the author of a pipeline writes it.

use super::{
    AccumulationMode, CalendarWindows, ClosingBehavior, CustomWindows, FixedWindows, GlobalWindows, OnTimeBehavior,
    Sessions, SlidingWindows, TimestampCombiner, Trigger, WindowFn, WindowingStrategy, Windows, whole_millis,
};
use std::marker::PhantomData;
use std::time::Duration;

/// Windows, and when a grouping emits what: what [`window`](crate::PCollection::window) takes.
///
/// It begins with the windows. Without a trigger, a pane fires when the watermark passes the end of its window, and
/// again with every late element. After [`trigger`](Self::trigger) it must be said what later panes contain.
///
/// ```
/// use ferrobeam_core::{prelude::*, time::*};
/// let windowing = FixedWindows::of(minutes(1))
///     .trigger(AfterWatermark::new().early(after_delay(seconds(10))).late(after_count(1)))
///     .accumulating()
///     .allowed_lateness(hours(1));
/// # Root::build(|root| {
/// #   root.create([1u64]).window(windowing).discard();
/// #   Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
///
/// Nothing of it comes from the windowing that the collection has so far.
#[derive(Clone, Debug)]
#[must_use = "a windowing does nothing until a collection has it: `.window(..)`"]
pub struct Windowing<W, S = Complete> {
    pub(super) windows: W,
    /// The rest; its windows are not yet said.
    strategy: WindowingStrategy,
    may_lose_data: bool,
    state: PhantomData<S>,
}

/// Of a windowing that can be used.
#[derive(Clone, Copy, Debug)]
pub enum Complete {}

/// Of a windowing with a trigger, before it is said what its panes contain.
#[derive(Clone, Copy, Debug)]
pub enum NeedsAccumulation {}

impl<F> Windowing<F> {
    pub(super) fn new(windows: F) -> Self {
        Windowing { windows, strategy: WindowingStrategy::default(), may_lose_data: false, state: PhantomData }
    }
}

impl Windowing<CustomWindows> {
    /// The windows of a function of the user's own.
    pub fn of(function: impl WindowFn) -> Self {
        Windowing::new(CustomWindows::new(function))
    }
}

impl<W, S> Windowing<W, S> {
    /// Lets a grouping fire by this trigger. [`discarding`](Self::discarding) or [`accumulating`](Self::accumulating) must
    /// follow.
    pub fn trigger(self, trigger: impl Into<Trigger>) -> Windowing<W, NeedsAccumulation> {
        self.with(|strategy| strategy.trigger = trigger.into())
    }

    /// Lets a pane contain what has come since the pane before.
    pub fn discarding(self) -> Windowing<W> {
        self.with(|strategy| strategy.accumulation_mode = AccumulationMode::Discarding)
    }

    /// Lets a pane contain all that has come so far.
    pub fn accumulating(self) -> Windowing<W> {
        self.with(|strategy| strategy.accumulation_mode = AccumulationMode::Accumulating)
    }

    /// Keeps a window open for so long after the watermark has passed its end, in whole milliseconds; zero unless said
    /// otherwise.
    ///
    /// What comes later for it is dropped, and counted at the grouping or stateful step that drops it, once for each of
    /// its windows: by the counter `dropped_due_to_lateness` of the namespace `ferrobeam`. What comes when the trigger of
    /// its window has finished is counted by `dropped_due_to_closed_window` there. A query of the run's metrics finds
    /// them, and [`late_output`](crate::PCollection::late_output) gives what is too late as a collection.
    pub fn allowed_lateness(self, lateness: Duration) -> Self {
        self.with(|strategy| strategy.allowed_lateness = Duration::from_millis(whole_millis(lateness).unsigned_abs()))
    }

    /// Says which timestamp a pane has; the end of its window unless said otherwise.
    pub fn timestamp_combiner(self, combiner: TimestampCombiner) -> Self {
        self.with(|strategy| strategy.timestamp_combiner = combiner)
    }

    /// Says whether a window that closes emits a last pane; if it is not empty unless said otherwise.
    pub fn closing_behavior(self, behavior: ClosingBehavior) -> Self {
        self.with(|strategy| strategy.closing_behavior = behavior)
    }

    /// Says whether a pane fires at the end of its window; always unless said otherwise.
    pub fn on_time_behavior(self, behavior: OnTimeBehavior) -> Self {
        self.with(|strategy| strategy.on_time_behavior = behavior)
    }

    /// Takes a trigger that may finish before its window closes; what comes for the window then is lost.
    pub fn allow_data_loss(self) -> Self {
        Windowing { may_lose_data: true, ..self }
    }

    fn with<T>(mut self, change: impl FnOnce(&mut WindowingStrategy)) -> Windowing<W, T> {
        change(&mut self.strategy);
        let Windowing { windows, strategy, may_lose_data, .. } = self;
        Windowing { windows, strategy, may_lose_data, state: PhantomData }
    }
}

mod sealed {
    pub trait Sealed {}
    impl<W, S> Sealed for super::Windowing<W, S> {}

    /// Of windowings that say what a later pane contains, or have no trigger.
    #[diagnostic::on_unimplemented(
        message = "a trigger was set, but not what a later pane contains",
        label = "incomplete windowing",
        note = "after `.trigger(..)`, say `.discarding()` or `.accumulating()`"
    )]
    pub trait SaysPanes {}
    impl SaysPanes for super::Complete {}
}

/// A windowing that says all that it must.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no windowing",
    label = "not a windowing yet",
    note = "sliding windows need a period, `.every(..)`; a `WindowFn` of your own needs `Windowing::of(..)` around it"
)]
pub trait CompleteWindowing: sealed::Sealed {
    /// The strategy, and what makes no sense in it.
    #[doc(hidden)]
    fn strategy(self) -> (WindowingStrategy, Vec<String>);
}

impl<W: Into<Windows>, S: sealed::SaysPanes> CompleteWindowing for Windowing<W, S> {
    fn strategy(self) -> (WindowingStrategy, Vec<String>) {
        let strategy = WindowingStrategy { windows: self.windows.into(), ..self.strategy };
        let mut mistakes: Vec<String> = strategy.windows.mistake().map(Into::into).into_iter().collect();
        match strategy.trigger.validate() {
            Err(error) => mistakes.push(error.to_string()),
            Ok(()) if !self.may_lose_data && strategy.trigger.may_lose_data(strategy.allowed_lateness) => {
                mistakes.push(format!(
                    "the trigger {} may finish before its window closes, and what comes then is lost; \
                     `repeatedly(..)` makes it go on, `.allow_data_loss()` says that this is meant",
                    strategy.trigger
                ));
            }
            Ok(()) => {}
        }
        (strategy, mistakes)
    }
}

macro_rules! into_windows {
    ($($windows:ident $variant:ident),*) => {$(
        impl From<$windows> for Windows {
            fn from(windows: $windows) -> Windows {
                Windows::$variant(windows)
            }
        }
    )*};
}
into_windows! { FixedWindows Fixed, SlidingWindows Sliding, Sessions Sessions, CalendarWindows Calendar, CustomWindows Custom }

impl From<GlobalWindows> for Windows {
    fn from(_: GlobalWindows) -> Windows {
        Windows::Global
    }
}
