//! What the outputs of a bundle must obey, whoever made them: a `finish_bundle` says itself when and where it emits.

use crate::bundle::Outcome;
use crate::nodes::{Node, Nodes};
use ferrobeam_core::batch::{Column, WindowSet};
use ferrobeam_core::graph::Graph;
use ferrobeam_core::windowing::{Window, Windows};
use ferrobeam_core::{Error, Result, Timestamp};
use ferrobeam_runner_core::waits::maker_of;

/// Fails if something is in a window that its collection cannot have, or before the `first` element of the bundle: it may be late.
pub(crate) fn check(graph: &Graph, nodes: &Nodes, outcome: &Outcome, first: Option<Timestamp>) -> Result<()> {
    for (collection, rows) in &outcome.rows {
        let windows = rows.iter().flat_map(|row| row.windows.as_slice());
        check_one(graph, collection, rows.iter().map(|row| row.time).min(), windows, first)?;
    }
    for (grouping, parcels) in &outcome.parcels {
        let Some(Node::Grouping(grouping)) = nodes.nodes.get(*grouping) else { continue };
        for parcel in parcels {
            let earliest = match &parcel.meta.time {
                Column::All(time) => Some(*time),
                Column::Each(times) => times.iter().min().copied(),
            };
            let windows = parcel.meta.windows.table().iter().flat_map(WindowSet::as_slice);
            check_one(graph, &grouping.input, earliest, windows, first)?;
        }
    }
    Ok(())
}

fn check_one<'a>(
    graph: &Graph,
    collection: &str,
    earliest: Option<Timestamp>,
    mut windows: impl Iterator<Item = &'a Window>,
    first: Option<Timestamp>,
) -> Result<()> {
    let of_windows = &graph.windowing(collection)?.windows;
    let foreign = match of_windows {
        // What windows a function of the user's own has, only it knows.
        Windows::Custom(_) => None,
        Windows::Global => windows.find(|window| **window != Window::Global),
        _ => windows.find(|window| **window == Window::Global),
    };
    let mistake = match (foreign, earliest, first) {
        (Some(window), ..) => format!("an output is in {window}, and its collection in other windows: {of_windows}"),
        // In the global window nothing is too late, and where time does not matter any will do.
        (_, Some(at), Some(first)) if at < first && *of_windows != Windows::Global => {
            format!("an output at {at} is before all elements of its bundle, the first of which is at {first}")
        }
        _ => return Ok(()),
    };
    let step = maker_of(graph, collection).map(|id| graph.step_name(graph.transform(id)?)).transpose()?;
    match step {
        Some(step) => Err(Error::User { step: step.clone(), element: None, source: mistake.into() }),
        None => Err(Error::Runner { runner: "direct", message: mistake }),
    }
}
