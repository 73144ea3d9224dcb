//! The plan as it was executed: what ran together, which way groupings went, and what came of each part.

use super::figures::transforms_of;
use super::words::{bytes, seconds, thousands};
use crate::layout::{Kind, Layout};
use crate::shared::Shared;
use crate::wiring::{Code, owner};
use ferrobeam_core::Result;
use ferrobeam_core::graph::Graph;
use ferrobeam_runner_core::engine::NodeId;
use ferrobeam_runner_core::waits::maker_of;
use std::fmt::Write;

/// The plan in words, after the run.
///
/// # Errors
/// The plan is of another graph.
pub(crate) fn executed(layout: &Layout<'_>, shared: &Shared) -> Result<String> {
    let workers = super::workers(shared);
    let mut out = format!("Executed on {workers} in {}\n", seconds(shared.tally.begun.elapsed()));
    for (id, node) in layout.nodes.iter().enumerate() {
        let work = shared.tally.work(id);
        let (what, busy) = (head(layout, &node.kind)?, seconds(work.busy));
        let (rows, bundles) = (count(work.rows, "row"), count(work.bundles, "bundle"));
        line(&mut out, format_args!("\n{}. {what}: {rows}, {bundles}, {busy}", id + 1));
        for fact in facts(layout, id, shared)? {
            line(&mut out, format_args!("     {fact}"));
        }
        let is_whole = !matches!(node.kind, Kind::Partial(..));
        for transform in transforms_of(layout, &node.kind).into_iter().filter(|_| is_whole) {
            step(layout.graph, transform, shared, &mut out)?;
        }
        for (collection, ways) in outputs(layout, &node.kind) {
            for way in ways {
                line(&mut out, format_args!("     `{}` goes to {way}", name_of(layout.graph, collection)));
            }
        }
    }
    Ok(out)
}

/// What is special about how a node ran. Whatever a store or a worker did out of the ordinary has its line here.
fn facts(layout: &Layout<'_>, id: NodeId, shared: &Shared) -> Result<Vec<String>> {
    let mut facts = Vec::new();
    match &layout.nodes[id].kind {
        Kind::Grouping(number) => {
            let code = Code::of(layout.graph, &layout.plan.groupings[*number], shared.workers())?;
            facts.push(if code.by_window {
                "Panes: a table for each window, which fires once, as a whole".to_owned()
            } else {
                "Cells: by key, and panes fire as the trigger says".to_owned()
            });
        }
        Kind::Partial(number, to) => {
            let name = &layout.graph.transform(&layout.plan.groupings[*number].transform)?.unique_name;
            facts.push(format!("Panes: a table for each window, of what this worker has of `{name}`"));
            facts.push(format!("goes to {}, by key", to + 1));
        }
        Kind::View { .. } => facts.push(format!("kept by worker {}", owner(id, shared.workers()))),
        Kind::Stage(number) => {
            for side in &layout.plan.stages[*number].sides {
                facts.push(format!("looks at `{}`", name_of(layout.graph, &side.collection)));
            }
        }
        Kind::Impulse { .. } | Kind::Script { .. } | Kind::Flatten { .. } | Kind::Late { .. } => {}
    }
    if let (Some(memory), Some(transform)) = (&shared.memory, keeper(layout, &layout.nodes[id].kind)) {
        let transform = layout.graph.transform(transform)?;
        match memory.spilled(&layout.graph.step_name(transform)?.name) {
            0 => facts.push("nothing of it went to files".to_owned()),
            written => facts.push(format!("{} of it went to files", bytes(written as f64))),
        }
    }
    Ok(facts)
}

/// The step under whose name a node spills, if it has something that can.
fn keeper<'a>(layout: &'a Layout<'_>, kind: &'a Kind) -> Option<&'a str> {
    match kind {
        Kind::Grouping(number) => Some(&layout.plan.groupings[*number].transform),
        Kind::Stage(number) => layout.plan.stages[*number].stateful.as_deref(),
        Kind::View { collection, .. } => maker_of(layout.graph, collection),
        _ => None,
    }
}

fn head(layout: &Layout<'_>, kind: &Kind) -> Result<String> {
    Ok(match kind {
        Kind::Impulse { .. } => "impulse".to_owned(),
        Kind::Script { .. } => "test stream".to_owned(),
        Kind::Flatten { .. } => "flatten".to_owned(),
        Kind::Late { .. } => "late output".to_owned(),
        Kind::View { collection, .. } => format!("side input `{}`", name_of(layout.graph, collection)),
        Kind::Grouping(_) => "grouping".to_owned(),
        Kind::Partial(..) => "combining before the shuffle".to_owned(),
        Kind::Stage(number) => {
            let stage = &layout.plan.stages[*number];
            let kind = match (&stage.splittable, &stage.stateful) {
                (Some(_), _) => "stage that works in parts",
                (_, Some(_)) => "stage with state",
                _ => "stage",
            };
            match stage.transforms.len() {
                0 | 1 => kind.to_owned(),
                steps => format!("{kind}, {steps} steps fused"),
            }
        }
    })
}

fn step(graph: &Graph, id: &str, shared: &Shared, out: &mut String) -> Result<()> {
    let transform = graph.transform(id)?;
    let made = transform.outputs.values().map(|collection| shared.tally.elements(collection)).sum();
    let made = if transform.outputs.is_empty() { String::new() } else { format!(": {}", count(made, "element")) };
    line(out, format_args!("     {}{made}", transform.unique_name));
    Ok(())
}

/// The collections that leave a node, and who takes them.
fn outputs<'a>(layout: &'a Layout<'_>, kind: &'a Kind) -> Vec<(&'a str, Vec<String>)> {
    let collections: Vec<&str> = match kind {
        Kind::Stage(number) => layout.plan.stages[*number].outputs.iter().map(String::as_str).collect(),
        Kind::Grouping(number) => vec![&layout.plan.groupings[*number].output],
        Kind::Impulse { output } | Kind::Script { output, .. } => vec![output],
        Kind::Flatten { output } | Kind::Late { output, .. } => vec![output],
        Kind::View { .. } | Kind::Partial(..) => Vec::new(),
    };
    let ways = |collection: &&'a str| {
        let way = |consumer: &crate::layout::Consumer| {
            let how = match &layout.nodes[consumer.node].kind {
                Kind::Grouping(_) => ", by key",
                Kind::Stage(number) if layout.plan.stages[*number].stateful.is_some() => ", by key",
                Kind::Stage(number) if layout.plan.stages[*number].splittable.is_some() => ", whose parts are shared",
                _ if consumer.deals => ", dealt out",
                _ => "",
            };
            format!("{}{how}", consumer.node + 1)
        };
        (*collection, layout.consumers(collection).iter().map(way).collect())
    };
    collections.iter().map(ways).collect()
}

/// A collection is called after the step that makes it.
fn name_of<'a>(graph: &'a Graph, collection: &'a str) -> &'a str {
    let name = graph.components().pcollections.get(collection).map_or(collection, |c| &c.unique_name);
    name.strip_suffix(".out").unwrap_or(name)
}

/// So many of something.
fn count(n: u64, of: &str) -> String {
    if n == 1 { format!("1 {of}") } else { format!("{} {of}s", thousands(n)) }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}
