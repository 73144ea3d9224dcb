//! The scheduler: what can run, what runs next, and the commit of a bundle.

use crate::bundle::{Input, Outcome, Processor};
use crate::edges::StageEdges;
use crate::grouping::Grouping;
use crate::rows::Row;
use crate::schedule::Schedule;
use crate::sides::Side;
use crate::wholeness::Wholeness;
use bytes::Bytes;
use ferrobeam_core::coder;
use ferrobeam_core::graph::{Graph, wire_before};
use ferrobeam_core::metrics::{self, Metrics};
use ferrobeam_core::{Error, Result};
use ferrobeam_runner_core::bundle::{Head, wire};
use ferrobeam_runner_core::fuse::{Plan, Stage, fuse};
use std::collections::BTreeMap;

/// A pipeline while it runs.
pub(crate) struct Run<'a> {
    graph: &'a Graph,
    plan: Plan,
    schedule: Schedule,
    /// Per stage, the elements or restrictions that wait.
    pending: Vec<Vec<Row>>,
    /// Per stage, operators that may be used again.
    processors: Vec<Option<Processor>>,
    groupings: Vec<Grouping>,
    sides: BTreeMap<String, Side>,
    wholeness: Wholeness,
    parts: usize,
    metrics: Metrics,
}

/// Something that can be done now.
#[derive(Clone, Copy)]
enum Work {
    Bundle(usize),
    Fire(usize),
}

/// Beyond so many waiting elements nothing new is begun before they are worked off.
const MANY_ROWS: usize = 100_000;

impl<'a> Run<'a> {
    pub(crate) fn new(graph: &'a Graph, seed: u64, failing_bundles: f64) -> Result<Self> {
        let plan = fuse(graph)?;
        let mut schedule = Schedule::new(seed, failing_bundles);
        let grouping = |junction| Grouping::new(graph, junction, schedule.coin());
        let groupings = plan.groupings.iter().map(grouping).collect::<Result<_>>()?;
        let mut sides = BTreeMap::new();
        for side in plan.stages.iter().flat_map(|stage| &stage.sides) {
            let (coder, windowing) = (graph.coder(&side.collection)?, graph.windowing(&side.collection)?);
            sides.insert(side.collection.clone(), Side::new(coder.clone(), windowing.clone()));
        }
        let parts = schedule.parts();
        let pending = plan.stages.iter().map(|_| Vec::new()).collect();
        let processors = plan.stages.iter().map(|_| None).collect();
        let (wholeness, metrics) = (Wholeness::new(&plan), Metrics::default());
        Ok(Run { graph, plan, schedule, pending, processors, groupings, sides, wholeness, parts, metrics })
    }

    /// Runs until nothing is left to do.
    pub(crate) fn finish(mut self) -> Result<Metrics> {
        // Bundles collect their own metrics. What is left is what combine functions report between them, where only
        // committed elements come.
        let (result, between) = metrics::collect(|| self.work());
        self.metrics.merge(between);
        result.map(|()| self.metrics)
    }

    fn work(&mut self) -> Result<()> {
        for collection in self.plan.impulses.clone() {
            self.deliver(&collection, vec![Row::impulse()])?;
        }
        while let Some(work) = self.next() {
            match work {
                Work::Bundle(stage) => self.bundle(stage)?,
                Work::Fire(grouping) => {
                    let rows = self.groupings[grouping].fire()?;
                    let output = self.groupings[grouping].output.clone();
                    self.deliver(&output, rows)?;
                }
            }
        }
        if self.pending.iter().all(Vec::is_empty) && self.groupings.iter().all(|grouping| grouping.fired) {
            return Ok(());
        }
        Err(Error::Runner { runner: "direct", message: self.what_waits() })
    }

    fn next(&mut self) -> Option<Work> {
        let ready = |stage: &Stage| stage.sides.iter().all(|side| self.is_whole(&side.collection));
        let bundles = (0..self.pending.len()).filter(|&s| !self.pending[s].is_empty() && ready(&self.plan.stages[s]));
        let bundles: Vec<_> = bundles.map(Work::Bundle).collect();
        if self.pending.iter().map(Vec::len).sum::<usize>() > MANY_ROWS
            && let Some(&last) = bundles.last()
        {
            return Some(last);
        }
        let due =
            (0..self.groupings.len()).filter(|&g| !self.groupings[g].fired && self.is_whole(&self.groupings[g].input));
        let all: Vec<_> = bundles.into_iter().chain(due.map(Work::Fire)).collect();
        if all.is_empty() { None } else { Some(all[self.schedule.pick(all.len())]) }
    }

    fn is_whole(&self, collection: &str) -> bool {
        self.wholeness.is_whole(collection, |stage| self.pending[stage].is_empty(), |id| self.groupings[id].fired)
    }

    fn bundle(&mut self, stage: usize) -> Result<()> {
        let mut pending = std::mem::take(&mut self.pending[stage]);
        let size = self.schedule.bundle_size();
        let rows = if self.plan.stages[stage].source.is_some() {
            let which = self.schedule.pick(pending.len());
            vec![pending.swap_remove(which)]
        } else {
            self.schedule.bundle(&mut pending)
        };
        self.pending[stage] = pending;
        let reused = if self.schedule.coin() { self.processors[stage].take() } else { None };
        let mut processor = match reused {
            Some(processor) => processor,
            None => self.wire(stage, false)?,
        };
        let outcome = processor.process(&rows, size, false);
        let outcome = outcome.map_err(|error| self.find_element(stage, &rows, size, error))?;
        if self.schedule.fails() {
            // The operators go with the bundle: they may remember what must not have happened.
            drop(processor);
            self.pending[stage].extend(rows);
            return Ok(());
        }
        self.processors[stage] = Some(processor);
        self.commit(stage, outcome).map_err(|error| self.find_element(stage, &rows, size, error))
    }

    /// Runs a bundle that failed once more, one element at a time, to see on which element it fails.
    fn find_element(&mut self, stage: usize, rows: &[Row], size: usize, error: Error) -> Error {
        if !error.is_user_code() {
            return error;
        }
        let again = self.wire(stage, true).and_then(|mut processor| processor.process(rows, size, true));
        let error = match again {
            Err(found) if found.is_user_code() => found,
            _ => error,
        };
        match (rows, &self.plan.stages[stage], &error) {
            // A source that panics had no element yet, but it had work.
            ([restriction], Stage { source: Some(_), input, .. }, Error::Panic { .. }) => match self.graph.coder(input)
            {
                Ok(coder) => error.on_element(|| coder::describe(&coder.spec(), &restriction.bytes)),
                Err(_) => error,
            },
            _ => error,
        }
    }

    fn wire(&mut self, stage: usize, one_by_one: bool) -> Result<Processor> {
        let (graph, plan) = (self.graph, &self.plan);
        let is_delivered = |collection: &str| {
            plan.stages.iter().any(|s| s.input == collection)
                || plan.reshuffles.iter().chain(&plan.flattens).any(|j| j.input == collection)
                || self.sides.contains_key(collection)
        };
        let stage = &plan.stages[stage];
        let mut edges = StageEdges {
            graph,
            stage,
            groupings: &self.groupings,
            sides: &self.sides,
            delivered: &is_delivered,
            parts: self.parts,
            one_by_one,
            buffers: BTreeMap::new(),
            parcels: BTreeMap::new(),
        };
        let head = wire(graph, stage, &mut edges)?;
        let StageEdges { buffers, parcels, .. } = edges;
        let input = match head {
            Head::Splittable(operator) => Input::Splittable(operator),
            Head::Values(next) => {
                let first = stage.transforms.first().ok_or_else(|| Error::Graph(vec!["an empty stage".to_owned()]))?;
                let step = graph.step_name(graph.transform(first)?)?;
                let coder = graph.coder(&stage.input)?;
                let next = if one_by_one { vec![wire_before(&*coder.check(true), step, next)?] } else { next };
                Input::Rows(wire_before(&*coder.decode(), step, next)?.typed::<Bytes>()?)
            }
        };
        Ok(Processor { input, buffers, parcels })
    }

    /// The one place where a bundle's effects become visible.
    fn commit(&mut self, stage: usize, outcome: Outcome) -> Result<()> {
        let Outcome { rows, parcels, residuals, metrics } = outcome;
        self.pending[stage].extend(residuals);
        for (grouping, parcels) in parcels {
            self.groupings[grouping].add(parcels)?;
        }
        for (collection, rows) in rows {
            self.deliver_but_groupings(&collection, rows)?;
        }
        self.metrics.merge(metrics);
        Ok(())
    }

    /// Hands the elements of a collection made between stages to all that take it.
    fn deliver(&mut self, collection: &str, rows: Vec<Row>) -> Result<()> {
        for grouping in self.groupings.iter_mut().filter(|grouping| grouping.input == collection) {
            grouping.add_rows(self.graph, &rows)?;
        }
        self.deliver_but_groupings(collection, rows)
    }

    fn deliver_but_groupings(&mut self, collection: &str, rows: Vec<Row>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        if let Some(side) = self.sides.get(collection) {
            rows.iter().for_each(|row| side.add(row));
        }
        for (stage, pending) in self.plan.stages.iter().zip(&mut self.pending) {
            if stage.input == collection {
                pending.extend(rows.iter().cloned());
            }
        }
        let junctions = self.plan.reshuffles.iter().chain(&self.plan.flattens).filter(|j| j.input == collection);
        let outputs: Vec<_> = junctions.map(|junction| junction.output.clone()).collect();
        outputs.iter().try_for_each(|output| self.deliver(output, rows.clone()))
    }

    fn what_waits(&self) -> String {
        let mut text = "work is left and nothing can run:".to_owned();
        for (stage, pending) in self.plan.stages.iter().zip(&self.pending).filter(|(_, pending)| !pending.is_empty()) {
            let waits: Vec<_> = stage.sides.iter().filter(|side| !self.is_whole(&side.collection)).collect();
            let waits: Vec<_> = waits.iter().map(|side| &*side.collection).collect();
            text += &format!("\n  - {:?}: {} elements wait for {waits:?}", stage.transforms, pending.len());
        }
        for grouping in self.groupings.iter().filter(|grouping| !grouping.fired) {
            text += &format!("\n  - the grouping into {} waits for the end of {}", grouping.output, grouping.input);
        }
        text
    }
}
