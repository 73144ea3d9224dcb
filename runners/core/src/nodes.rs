//! The parts of a running pipeline, in an order in which producers come before consumers.

use crate::fuse::{Plan, Stage};
use ferrobeam_core::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

/// What a node will be.
#[derive(Clone, Copy)]
pub enum Plot<'a> {
    /// Begins with one empty element.
    Impulse,
    /// Plays the script of this transform.
    Script(&'a str),
    /// Passes elements on: a flatten; or a reshuffle, which may deal them out anew.
    Relay {
        /// Whether it is a reshuffle.
        deals: bool,
    },
    /// Passes on what is too late for its windows.
    Late,
    /// Runs this stage, by its number.
    Stage(usize, &'a Stage),
    /// Groups: by its number.
    Grouping(usize),
    /// Keeps a side input.
    View,
}

/// A node before it is made: what it takes and makes.
pub struct Draft<'a> {
    /// What it does.
    pub plot: Plot<'a>,
    /// The collections that it takes.
    pub inputs: Vec<&'a str>,
    /// The collections that it makes.
    pub outputs: Vec<&'a str>,
}

/// All nodes of a plan, producers before consumers.
///
/// # Errors
/// There is no such order.
pub fn drafts(plan: &Plan) -> Result<Vec<Draft<'_>>> {
    let mut drafts = Vec::new();
    let mut add = |plot, inputs, outputs| drafts.push(Draft { plot, inputs, outputs });
    for output in &plan.impulses {
        add(Plot::Impulse, vec![], vec![output.as_str()]);
    }
    for (transform, output) in &plan.scripts {
        add(Plot::Script(transform), vec![], vec![output.as_str()]);
    }
    for (id, stage) in plan.stages.iter().enumerate() {
        let outputs = stage.outputs.iter().map(String::as_str).collect();
        add(Plot::Stage(id, stage), vec![stage.input.as_str()], outputs);
    }
    for (id, junction) in plan.groupings.iter().enumerate() {
        add(Plot::Grouping(id), vec![junction.input.as_str()], vec![junction.output.as_str()]);
    }
    for junction in &plan.reshuffles {
        add(Plot::Relay { deals: true }, vec![junction.input.as_str()], vec![junction.output.as_str()]);
    }
    for junctions in plan.flattens.chunk_by(|a, b| a.transform == b.transform) {
        let inputs = junctions.iter().map(|junction| junction.input.as_str()).collect();
        add(
            Plot::Relay { deals: false },
            inputs,
            junctions.iter().take(1).map(|junction| junction.output.as_str()).collect(),
        );
    }
    for junction in &plan.late_outputs {
        add(Plot::Late, vec![junction.input.as_str()], vec![junction.output.as_str()]);
    }
    let sides: BTreeSet<&str> =
        plan.stages.iter().flat_map(|s| &s.sides).map(|side| side.collection.as_str()).collect();
    for side in sides {
        add(Plot::View, vec![side], vec![]);
    }
    sorted(drafts)
}

/// Producers before consumers.
fn sorted(drafts: Vec<Draft<'_>>) -> Result<Vec<Draft<'_>>> {
    let mut makers: BTreeMap<&str, usize> = BTreeMap::new();
    for (id, draft) in drafts.iter().enumerate() {
        makers.extend(draft.outputs.iter().map(|output| (*output, id)));
    }
    let mut missing: Vec<usize> = vec![0; drafts.len()];
    let mut behind: Vec<Vec<usize>> = vec![Vec::new(); drafts.len()];
    for (id, draft) in drafts.iter().enumerate() {
        for maker in draft.inputs.iter().filter_map(|input| makers.get(input)) {
            missing[id] += 1;
            behind[*maker].push(id);
        }
    }
    let mut ready: BTreeSet<usize> = (0..drafts.len()).filter(|id| missing[*id] == 0).collect();
    let mut order = vec![usize::MAX; drafts.len()];
    let mut place = 0;
    while let Some(id) = ready.pop_first() {
        order[id] = place;
        place += 1;
        for &next in &behind[id] {
            missing[next] -= 1;
            if missing[next] == 0 {
                ready.insert(next);
            }
        }
    }
    if place < drafts.len() {
        return Err(Error::Graph(vec!["the pipeline goes round in a circle".to_owned()]));
    }
    let mut drafts: Vec<_> = drafts.into_iter().enumerate().collect();
    drafts.sort_by_key(|(id, _)| order[*id]);
    Ok(drafts.into_iter().map(|(_, draft)| draft).collect())
}
