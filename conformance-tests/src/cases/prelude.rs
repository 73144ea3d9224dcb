//! What the cases are written with.

pub(super) use crate::CaseResult;
pub(super) use crate::check::{Log, ensure, fails, is_refused, same};
pub(super) use ferrobeam::prelude::*;
pub(super) use ferrobeam::runner::{PipelineResult, Runner};
pub(super) use ferrobeam::testing::{TestStream, assert_that};
pub(super) use ferrobeam::windowing::Window;
use ferrobeam::windowing::{CompleteWindowing, PaneInfo};
use std::fmt::Debug;
use std::marker::PhantomData;
use std::time::Duration;

/// The run succeeded.
pub(super) fn passes(result: ferrobeam::Result<PipelineResult>) -> CaseResult {
    result.map(drop).map_err(Into::into)
}

/// Makes each element a value with its time and window.
pub(super) struct Reify<T>(PhantomData<fn() -> T>);

impl<T> Default for Reify<T> {
    fn default() -> Self {
        Reify(PhantomData)
    }
}

impl<T> Clone for Reify<T> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<T: Element> DoFn for Reify<T> {
    type In = T;
    type Out = (T, Timestamp, Window);

    fn process(&mut self, element: T, ctx: &mut Context<'_, Self::Out>) -> Result<(), BoxError> {
        ctx.emit((element, ctx.timestamp(), ctx.window()));
        Ok(())
    }
}

/// Puts each number of milliseconds at that time.
#[derive(Clone)]
pub(super) struct AtMillis;

impl DoFn for AtMillis {
    type In = i64;
    type Out = i64;

    fn process(&mut self, millis: i64, ctx: &mut Context<'_, i64>) -> Result<(), BoxError> {
        ctx.emit_at(millis, Timestamp::from_millis(millis));
        Ok(())
    }
}

/// A line of this file, as errors name it.
macro_rules! line_after {
    () => {
        format!("{}:{}", file!(), line!() + 1)
    };
}
pub(super) use line_after;

/// The values of a group, sorted.
pub(super) fn sorted<V: Element + Ord>(values: &Grouped<V>) -> Vec<V> {
    let mut values: Vec<V> = values.iter().collect();
    values.sort_unstable();
    values
}

pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// One step of a script. Times are milliseconds.
#[derive(Clone, Copy)]
pub(super) enum Step {
    /// These numbers come, together, each at its own time.
    Add(&'static [i64]),
    /// The watermark moves to here.
    Watermark(i64),
    /// So much processing time passes.
    Wait(u64),
}
pub(super) use Step::*;

/// The numbers of a script.
pub(super) fn play(root: &Root, script: &[Step]) -> PCollection<i64> {
    let step = |stream: TestStream<i64>, step: &Step| match *step {
        Add(numbers) => stream.add_elements(numbers.iter().map(|n| (*n, at(*n)))),
        Watermark(to) => stream.advance_watermark_to(at(to)),
        Wait(millis) => stream.advance_processing_time(Duration::from_millis(millis)),
    };
    root.test_stream(script.iter().fold(TestStream::new(), step))
}

/// The panes of one grouping of all numbers of a script are these, by whatever verb they are grouped.
///
/// A pane is `[start, end) timing index/nonspeculative index values @ timestamp`, and `last` if it is.
pub(super) fn fires(
    runner: &dyn Runner,
    windowing: impl CompleteWindowing + Clone,
    script: &[Step],
    panes: &[&str],
) -> CaseResult {
    passes(runner.run(|root| {
        let windows = play(root, script).window(windowing);
        expect(&grouped(&windows), panes);
        let combined = windows.key_by(|_| ()).combine_per_key(to_list()).map(|((), mut values)| {
            values.sort_unstable();
            values
        });
        expect(&shown(&combined), panes);
        Ok(())
    }))
}

/// The panes of a grouping of all numbers.
pub(super) fn grouped(numbers: &PCollection<i64>) -> PCollection<String> {
    shown(&numbers.key_by(|_| ()).group_by_key().map(|((), values)| sorted(&values)))
}

/// Each element as text, with all that travels beside it.
pub(super) fn shown<T: Element + Debug>(elements: &PCollection<T>) -> PCollection<String> {
    elements.par_do(Show(PhantomData))
}

/// The texts are these.
#[track_caller]
pub(super) fn expect(texts: &PCollection<String>, expected: &[&str]) {
    assert_that(texts).contains_in_any_order(expected.iter().map(|&text| text.to_owned()));
}

struct Show<T>(PhantomData<fn() -> T>);

impl<T> Clone for Show<T> {
    fn clone(&self) -> Self {
        Show(PhantomData)
    }
}

impl<T: Element + Debug> DoFn for Show<T> {
    type In = T;
    type Out = String;

    fn process(&mut self, element: T, ctx: &mut Context<'_, String>) -> Result<(), BoxError> {
        let window = match ctx.window() {
            Window::Global => "global".to_owned(),
            Window::Interval { start, end } => format!("[{}, {})", time(start), time(end)),
        };
        let pane = match ctx.pane() {
            PaneInfo::NO_FIRING => String::new(),
            pane => format!(" {:?} {}/{}", pane.timing, pane.index, pane.nonspeculative_index),
        };
        let last = if ctx.pane().is_last && ctx.pane() != PaneInfo::NO_FIRING { " last" } else { "" };
        ctx.emit(format!("{window}{pane} {element:?} @ {}{last}", time(ctx.timestamp())));
        Ok(())
    }
}

fn time(at: Timestamp) -> String {
    match at {
        Timestamp::MIN => "begin".to_owned(),
        Timestamp::END_OF_GLOBAL_WINDOW => "end".to_owned(),
        at => at.millis().to_string(),
    }
}
