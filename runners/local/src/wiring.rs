//! What this runner puts on the edges of a stage: nothing inside, parcels where data leaves.

use crate::LocalRunner;
use crate::layout::{Consumer, Kind, Layout};
use crate::outbox::{Lane, Nowhere, Outbox, Route};
use bytes::Bytes;
use ferrobeam_core::dofn::erased::AnyReceiver;
use ferrobeam_core::dofn::side::SideReader;
use ferrobeam_core::graph::{Feed, Graph, StepCode, StepName, TransferOf, wire_before};
use ferrobeam_core::grouping::{AnyGrouping, MakePanes, SpillSpace};
use ferrobeam_core::{Error, Result};
use ferrobeam_runner_core::bundle::{Edges, Head, wire, wire_counted};
use ferrobeam_runner_core::engine::{NodeId, Sides, fires_once};
use ferrobeam_runner_core::fuse::{Junction, Stage};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Wires the operators of one worker.
pub(crate) struct Wirer<'a> {
    pub(crate) layout: &'a Layout<'a>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) workers: usize,
}

/// Into so many parts for each worker sources should cut their work.
const PARTS: usize = 4;

impl Wirer<'_> {
    /// Where a step's stores spill to, if there is a limit.
    pub(crate) fn space(&self, step: &StepName) -> Option<Arc<dyn SpillSpace>> {
        self.outbox.shared().memory.as_ref().map(|memory| memory.space(step))
    }

    /// The operators of a stage.
    ///
    /// # Errors
    /// The graph does not fit the code.
    pub(crate) fn stage(&self, stage: &Stage) -> Result<Head> {
        let edges = &mut StageEdges { wirer: self, stage, probes: false };
        wire_counted(self.layout.graph, stage, edges, self.outbox.counts())
    }

    /// The operators of a stage, without a way out, to see on which element they fail.
    ///
    /// # Errors
    /// The graph does not fit the code.
    pub(crate) fn probe(&self, stage: &Stage) -> Result<Head> {
        wire(self.layout.graph, stage, &mut StageEdges { wirer: self, stage, probes: true })
    }

    /// What feeds all that take a collection of a node that is no stage.
    ///
    /// # Errors
    /// The graph does not fit the code.
    pub(crate) fn feed(&self, collection: &str, maker: &StepName) -> Result<Box<dyn Feed>> {
        self.layout.graph.coder(collection)?.transfer().feed(self.leaving(collection, maker)?)
    }

    /// What feeds all that take a script's collection with encoded elements.
    ///
    /// # Errors
    /// The graph does not fit the code.
    pub(crate) fn decoding(&self, collection: &str, maker: &StepName) -> Result<Box<dyn Feed>> {
        let coder = self.layout.graph.coder(collection)?;
        let decode = wire_before(&*coder.decode(), maker, self.leaving(collection, maker)?)?;
        TransferOf::<Bytes>::shared().feed(vec![decode])
    }

    /// The ways to all that take a collection.
    ///
    /// # Errors
    /// The graph does not fit the code.
    pub(crate) fn leaving(&self, collection: &str, maker: &StepName) -> Result<Vec<AnyReceiver>> {
        // The first of them counts for all.
        let mut count = self.outbox.counts().get(collection).cloned();
        let consumers = self.layout.consumers(collection);
        if let (true, Some(count)) = (consumers.is_empty(), &count) {
            let sink = self.layout.graph.coder(collection)?.transfer().sink(Box::new(Nowhere(count.clone())));
            return Ok(vec![sink]);
        }
        consumers.iter().map(|consumer| self.way(collection, maker, *consumer, count.take())).collect()
    }

    /// The ways to all that take a collection out of a stage, whose steps count.
    fn leaving_stage(&self, collection: &str, maker: &StepName) -> Result<Vec<AnyReceiver>> {
        let consumers = self.layout.consumers(collection).iter();
        consumers.map(|consumer| self.way(collection, maker, *consumer, None)).collect()
    }

    /// The way to a node.
    pub(crate) fn lane(&self, to: NodeId, route: Route) -> Lane {
        Lane { outbox: self.outbox.clone(), to, route, sets: false, count: None }
    }

    fn way(
        &self,
        collection: &str,
        maker: &StepName,
        consumer: Consumer,
        count: Option<Arc<AtomicU64>>,
    ) -> Result<AnyReceiver> {
        let Layout { graph, plan, nodes, .. } = self.layout;
        let Consumer { node, deals } = consumer;
        let lane = |route| Box::new(Lane { count: count.clone(), ..self.lane(node, route) });
        let route = if deals { Route::All } else { Route::Own };
        let coder = graph.coder(collection)?;
        match &nodes[node].kind {
            Kind::Partial(..) => Ok(coder.transfer().sink(lane(route))),
            Kind::Grouping(number) => {
                let Code { step, code, by_window, .. } = Code::of(graph, &plan.groupings[*number], self.workers)?;
                Ok(code.splitter(&step, Box::new(Lane { sets: by_window, ..*lane(Route::All) })))
            }
            Kind::Stage(number) => {
                let stage = &plan.stages[*number];
                if stage.splittable.is_some() {
                    // All workers take the parts of its work, so it does not matter who gets the elements.
                    let sink = TransferOf::<Bytes>::shared().sink(lane(Route::Own));
                    return wire_before(&*coder.encode(), maker, vec![sink]);
                }
                let Some(stateful) = &stage.stateful else { return Ok(coder.transfer().sink(lane(route))) };
                let transform = graph.transform(stateful)?;
                let splitter = match graph.code(transform)? {
                    Some(StepCode::Stateful(code)) => code.splitter(graph.step_name(transform)?, lane(Route::All)),
                    _ => None,
                };
                splitter.ok_or_else(|| Error::Graph(vec![format!("`{stateful}` has no state")]))
            }
            Kind::View { .. } => Ok(coder.transfer().sink(lane(Route::One(owner(node, self.workers))))),
            Kind::Late { .. } | Kind::Flatten { .. } => Ok(coder.transfer().sink(lane(route))),
            Kind::Impulse { .. } | Kind::Script { .. } => {
                let message = format!("`{collection}` goes into a source");
                Err(Error::Runner { runner: LocalRunner::NAME, message })
            }
        }
    }
}

/// Which worker keeps a side input.
pub(crate) fn owner(node: NodeId, workers: usize) -> usize {
    node % workers
}

/// The code of a grouping.
pub(crate) struct Code {
    pub(crate) step: StepName,
    /// What combines before the shuffle.
    pub(crate) partial: Option<Arc<dyn MakePanes>>,
    pub(crate) code: Arc<dyn AnyGrouping>,
    /// Whether each window fires once, as a whole.
    pub(crate) by_window: bool,
    /// Whether all that comes is there before anything fires.
    pub(crate) waits: bool,
}

impl Code {
    /// # Errors
    /// The transform is no grouping of this graph.
    pub(crate) fn of(graph: &Graph, junction: &Junction, workers: usize) -> Result<Self> {
        let transform = graph.transform(&junction.transform)?;
        let step = graph.step_name(transform)?.clone();
        let Some(StepCode::Grouping(code)) = graph.code(transform)? else {
            return Err(Error::Graph(vec![format!("{step} is no grouping")]));
        };
        let windowing = graph.windowing(&junction.input)?;
        let never_late = windowing.allowed_lateness.is_zero();
        let is_bounded = is_bounded(graph, &junction.input);
        let by_window = fires_once(windowing) && (never_late || is_bounded);
        // One worker has nothing to shuffle.
        let (code, partial) = match code.lifted().filter(|_| by_window && workers > 1) {
            Some(halves) => (halves.merge, Some(halves.partial)),
            None => (code.clone(), None),
        };
        Ok(Code { step, partial, code, by_window, waits: by_window && !never_late })
    }
}

fn is_bounded(graph: &Graph, collection: &str) -> bool {
    let bounded = i32::from(ferrobeam_model::pipeline::is_bounded::Enum::Bounded);
    graph.components().pcollections.get(collection).is_some_and(|collection| collection.is_bounded == bounded)
}

/// The edges of one stage.
struct StageEdges<'a> {
    wirer: &'a Wirer<'a>,
    stage: &'a Stage,
    /// Whether elements are looked at and go nowhere.
    probes: bool,
}

impl StageEdges<'_> {
    fn check(&self, collection: &str, maker: &StepName, next: Vec<AnyReceiver>) -> Result<Vec<AnyReceiver>> {
        Ok(vec![wire_before(&*self.wirer.layout.graph.coder(collection)?.check(true), maker, next)?])
    }
}

impl Edges for StageEdges<'_> {
    fn inside(&mut self, collection: &str, maker: &StepName, next: Vec<AnyReceiver>) -> Result<Vec<AnyReceiver>> {
        if self.probes { self.check(collection, maker, next) } else { Ok(next) }
    }

    fn leaving(&mut self, collection: &str, maker: &StepName) -> Result<Vec<AnyReceiver>> {
        if self.probes {
            self.check(collection, maker, Vec::new())
        } else {
            self.wirer.leaving_stage(collection, maker)
        }
    }

    fn sides(&mut self, transform: &str) -> Arc<dyn SideReader> {
        let of_step = self.stage.sides.iter().filter(|side| side.transform == transform);
        let side = |side: &ferrobeam_runner_core::fuse::SideInput| {
            Some((side.name.clone(), self.wirer.layout.side(side).ok()?))
        };
        Arc::new(Sides(of_step.filter_map(side).collect::<BTreeMap<_, _>>()))
    }

    fn parts(&self) -> usize {
        PARTS * self.wirer.workers
    }
}
