//! When a pane fires, seen from inside a pipeline.
//!
//! A script has a mark, an element that is `None`, behind each of its steps. Marks and panes go together through a grouping
//! that fires with every element and counts. A step of a script happens when nothing else is left to do; so what comes
//! before a mark is what the steps before it made.

use ferrobeam::prelude::*;
use ferrobeam::testing::TestStream;
use ferrobeam::windowing::{CompleteWindowing, PaneInfo};
use std::collections::BTreeMap;

/// A pane: its window, its values in order, its timestamp.
pub(crate) type Pane = (Window, (Vec<i64>, Timestamp, PaneInfo));

/// A mark or a pane, with its place.
pub(crate) type Seen = (u64, Option<Pane>);

/// The script with a mark. It is in no window that could be over.
pub(crate) fn mark(script: TestStream<Option<i64>>) -> TestStream<Option<i64>> {
    script.add_elements([(None, Timestamp::END_OF_GLOBAL_WINDOW)])
}

/// The panes of one grouping of all numbers of a script, and its marks.
pub(crate) fn in_order(stream: &PCollection<Option<i64>>, windowing: impl CompleteWindowing) -> PCollection<Seen> {
    let windows = stream.flat_map(|element| element).window(windowing);
    let groups = windows.key_by(|_| ()).group_by_key().map(|((), values)| {
        let mut values: Vec<i64> = values.iter().collect();
        values.sort_unstable();
        values
    });
    let order = || GlobalWindows::new().trigger(Trigger::Always).discarding();
    let panes = groups.par_do(ReifyPane).map(Some).window(order());
    let marks = stream.filter(Option::is_none).map(|_| None::<Pane>).window(order());
    flatten([&marks, &panes]).key_by(|_| ()).group_by_key().flat_map(|((), one)| one).par_do(ReifyIndex)
}

/// The panes between marks.
///
/// # Errors
/// Two things are at one place.
pub(crate) fn by_mark(seen: &[Seen]) -> Result<Vec<Vec<Pane>>, BoxError> {
    let in_order: BTreeMap<u64, &Option<Pane>> = seen.iter().map(|(index, pane)| (*index, pane)).collect();
    if in_order.len() != seen.len() {
        return Err(format!("two of one index: {seen:?}").into());
    }
    let mut panes = vec![Vec::new()];
    for pane in in_order.into_values() {
        match (pane, panes.last_mut()) {
            (Some(pane), Some(last)) => last.push(pane.clone()),
            _ => panes.push(Vec::new()),
        }
    }
    Ok(panes)
}

#[derive(Clone)]
struct ReifyPane;

impl DoFn for ReifyPane {
    type In = Vec<i64>;
    type Out = Pane;

    fn process(&mut self, values: Vec<i64>, ctx: &mut Context<'_, Pane>) -> Result<(), BoxError> {
        ctx.emit((ctx.window(), (values, ctx.timestamp(), ctx.pane())));
        Ok(())
    }
}

#[derive(Clone)]
struct ReifyIndex;

impl DoFn for ReifyIndex {
    type In = Option<Pane>;
    type Out = Seen;

    fn process(&mut self, pane: Option<Pane>, ctx: &mut Context<'_, Seen>) -> Result<(), BoxError> {
        ctx.emit((ctx.pane().index, pane));
        Ok(())
    }
}
