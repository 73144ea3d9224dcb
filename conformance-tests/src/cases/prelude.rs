//! What the cases are written with.

pub(super) use crate::CaseResult;
pub(super) use crate::check::{Log, ensure, fails, is_refused, same};
pub(super) use ferrobeam::prelude::*;
pub(super) use ferrobeam::runner::{PipelineResult, Runner};
pub(super) use ferrobeam::testing::assert_that;
pub(super) use ferrobeam::windowing::Window;
use std::marker::PhantomData;

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
