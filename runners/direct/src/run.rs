//! The scheduler: what can be done, what is done next, and the commit of a bundle.

use crate::bundle::{Input, Outcome, Processor};
use crate::edges::StageEdges;
use crate::nodes::{Node, Nodes};
use crate::outputs;
use crate::rows::Row;
use crate::schedule::{Schedule, Trace};
use crate::stage::{Again, Done, Effects, run_again};
use crate::waits;
use bytes::Bytes;
use ferrobeam_core::batch::WindowSet;
use ferrobeam_core::coder;
use ferrobeam_core::dofn::finalize::{Durable, Finalizers};
use ferrobeam_core::graph::{Graph, wire_before};
use ferrobeam_core::metrics::{self, Metrics};
use ferrobeam_core::testing::TestStreamEvent;
use ferrobeam_core::windowing::{PaneInfo, Window};
use ferrobeam_core::{Error, Result, Timestamp};
use ferrobeam_runner_core::bundle::{Head, wire};
use ferrobeam_runner_core::engine::{NodeId, Now};
use ferrobeam_runner_core::fuse::{Plan, fuse_but};
use ferrobeam_runner_core::waits::step;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// A pipeline while it runs.
pub(crate) struct Run<'a> {
    graph: &'a Graph,
    plan: Plan,
    schedule: Schedule,
    nodes: Nodes,
    /// What each node that decides by itself holds its output watermark at.
    held: Vec<Option<Timestamp>>,
    parts: usize,
    /// The processing time: it does not pass by itself.
    clock: Timestamp,
    /// The processing time that all work has reached.
    synchronized: Timestamp,
    /// The processing time at which sources end.
    drains_at: Timestamp,
    is_draining: bool,
    /// Whether elements may go through a stage one by one, and to groupings in any order.
    is_cut: bool,
    /// How many bundles were begun.
    begun: usize,
    /// How often time went on since something came.
    idle: usize,
    /// What was read since time went on, in processing time: a source that never pauses would let none pass.
    reading: Duration,
    metrics: Metrics,
    /// What is called when the run has ended well.
    durable: Durable,
}

/// Something that can be done now.
#[derive(Clone, Copy)]
enum Step {
    Bundle(NodeId),
    /// Windows that are due fire.
    Fire(NodeId),
}

/// What a run did, as far as it was asked to remember.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// What the observed collections got by committed bundles, in the order in which it came.
    pub collections: BTreeMap<String, Vec<Row>>,
    /// The decisions of the schedule.
    pub trace: Trace,
}

/// Elements on their way from one node to others.
struct Delivery {
    collection: String,
    rows: Vec<Row>,
    /// Whether groupings have got them already, as pairs that were never encoded as a whole.
    but_groupings: bool,
}

/// Beyond so many waiting elements nothing new is begun before they are worked off.
const MANY_ROWS: usize = 100_000;

/// Of so many bundles each may go through its stage in single elements, which takes long.
const FEW_BUNDLES: usize = 20;

/// If time goes on so often and nothing comes, nothing ever will: sources are only asked again and again.
const LONG_IDLE: usize = 10_000;

/// What a bundle of an unbounded source takes, if it is the time to drain that is asked for.
const READING: Duration = Duration::from_millis(100);

impl<'a> Run<'a> {
    /// Prepares a run in which these collections are observed.
    pub(crate) fn new(
        graph: &'a Graph,
        mut schedule: Schedule,
        drain_after: Option<Duration>,
        observed: &BTreeSet<String>,
    ) -> Result<Self> {
        schedule.begin(|| "the pipeline");
        let is_cut = schedule.is_cut();
        let mut plan = fuse_but(graph, |id| is_cut && schedule.begins_a_stage(|| step(graph, id)))?;
        plan.let_leave(graph, observed)?;
        let mut nodes = Nodes::new(graph, &plan, &mut schedule)?;
        nodes.observed = observed.iter().map(|collection| (collection.clone(), Vec::new())).collect();
        let (held, parts) = (vec![None; nodes.nodes.len()], schedule.parts());
        let (clock, synchronized) = (Timestamp::EPOCH, Timestamp::EPOCH);
        let drains_at = drain_after.map_or(Timestamp::MAX, |length| clock.saturating_add(length));
        Ok(Run {
            graph,
            plan,
            schedule,
            nodes,
            held,
            parts,
            clock,
            synchronized,
            drains_at,
            is_draining: false,
            is_cut,
            begun: 0,
            idle: 0,
            reading: Duration::ZERO,
            metrics: Metrics::default(),
            durable: Durable::default(),
        })
    }

    /// Runs until nothing is left to do.
    pub(crate) fn finish(&mut self) -> Result<Metrics> {
        // Bundles collect their own metrics. What is left is what groupings report, where only committed elements come.
        let (result, between) = metrics::collect(|| self.work());
        self.metrics.merge(between);
        result?;
        std::mem::take(&mut self.durable).run()?;
        Ok(std::mem::take(&mut self.metrics))
    }

    /// Whether sources were ended.
    pub(crate) fn is_drained(&self) -> bool {
        self.is_draining
    }

    /// What the run has done, as far as it was asked to remember.
    pub(crate) fn into_observed(self) -> Observed {
        Observed { collections: self.nodes.observed, trace: self.schedule.into_trace() }
    }

    fn work(&mut self) -> Result<()> {
        let mut first = VecDeque::new();
        for id in 0..self.nodes.nodes.len() {
            match &self.nodes.nodes[id] {
                Node::Impulse { output } => first.push_back(Delivery::of(output, vec![Row::impulse()])),
                Node::Script { .. } => self.set_hold(id, Some(Timestamp::MIN)),
                _ => {}
            }
        }
        self.deliver(first)?;
        loop {
            self.refresh()?;
            if self.clock.saturating_add(self.reading) > self.drains_at && self.drain()? {
                continue;
            }
            match self.next() {
                Some(Step::Bundle(stage)) => self.bundle(stage)?,
                Some(Step::Fire(node)) => self.fire(node)?,
                None if self.drain()? || self.play()? => {}
                None if self.let_time_pass() => self.check_idle()?,
                None => return self.check_nothing_waits("nothing can run"),
            }
        }
    }

    /// The time at a node.
    fn now(&self, node: NodeId) -> Now {
        Now {
            input_watermark: self.nodes.watermarks.input(node),
            output_watermark: self.nodes.watermarks.output(node),
            processing_time: self.clock,
            synchronized_processing_time: self.synchronized,
        }
    }

    /// Moves the watermarks, and what depends on them.
    fn refresh(&mut self) -> Result<()> {
        let Nodes { nodes, watermarks, views, .. } = &mut self.nodes;
        let (clock, synchronized) = (self.clock, self.synchronized);
        watermarks.refresh(|id, input| {
            let (processing_time, synchronized_processing_time) = (clock, synchronized);
            let now = Now { input_watermark: input, processing_time, synchronized_processing_time, ..Now::START };
            match &nodes[id] {
                Node::Grouping(grouping) => grouping.lets_pass(now),
                Node::View(view) => !view.driver().is_due(now),
                Node::Stage(stage) => !stage.is_due(now),
                _ => true,
            }
        });
        let mut changed = false;
        let expires = |id: NodeId| match &nodes[id] {
            Node::Stage(stage) => stage.expires(),
            _ => None,
        };
        for &id in views.values() {
            if let Node::View(view) = &nodes[id] {
                changed |= view.side.reach(watermarks.has_reached(id));
                view.forget(watermarks, expires);
            }
        }
        for (id, node) in nodes.iter_mut().enumerate() {
            if let Node::Stage(stage) = node {
                if changed {
                    stage.sides_changed();
                }
                stage.admit(id, watermarks)?;
            }
        }
        Ok(())
    }

    /// What is done next, of all that can be done: by the seed.
    fn next(&mut self) -> Option<Step> {
        let (mut steps, mut waiting) = (Vec::new(), 0);
        for (id, node) in self.nodes.nodes.iter().enumerate() {
            let now = self.now(id);
            let step = match node {
                Node::Stage(stage) => {
                    waiting += stage.waits().0;
                    stage.has_work(now, self.nodes.watermarks.upstream(id)).then_some(Step::Bundle(id))
                }
                Node::Grouping(grouping) => grouping.is_due(now).then_some(Step::Fire(id)),
                Node::View(view) => view.driver().is_due(now).then_some(Step::Fire(id)),
                _ => None,
            };
            steps.extend(step);
        }
        // Downstream first: that is the calmest schedule, and the one that needs the least room.
        steps.reverse();
        if waiting > MANY_ROWS
            && let Some(last) = steps.iter().find(|step| matches!(step, Step::Bundle(_)))
        {
            return Some(*last);
        }
        if steps.is_empty() {
            return None;
        }
        // What processing time makes due may also come early, as long as no script says when it passes.
        let has_script = self.nodes.nodes.iter().any(|node| matches!(node, Node::Script { .. }));
        let ticked = !has_script && self.schedule.ticks() && self.advance_clock(false);
        let picked = self.schedule.pick(steps.len());
        let step = *steps.get(picked)?;
        let (graph, plan, nodes) = (self.graph, &self.plan, &self.nodes);
        self.schedule.begin(|| told(graph, plan, nodes, step));
        if ticked {
            self.schedule.say(|| "processing time goes on");
        }
        if picked > 0 {
            self.schedule.say(|| "out of turn");
        }
        Some(step)
    }

    /// Lets one of the scripts do its next step; whether there is one.
    fn play(&mut self) -> Result<bool> {
        let left = |(id, node): (NodeId, &Node)| match node {
            Node::Script { events, next, .. } if *next <= events.len() => Some(id),
            _ => None,
        };
        let scripts: Vec<NodeId> = self.nodes.nodes.iter().enumerate().filter_map(left).collect();
        if scripts.is_empty() {
            return Ok(false);
        }
        // All that could be done is done. What waited for that comes before anything new.
        if std::mem::replace(&mut self.synchronized, self.clock) < self.clock {
            return Ok(true);
        }
        let id = scripts[self.schedule.pick(scripts.len())];
        let Node::Script { output, events, next } = &mut self.nodes.nodes[id] else { return Ok(false) };
        let (event, output) = (events.get(*next).cloned(), output.clone());
        *next += 1;
        match event {
            // The end of the script is the end of the collection.
            None | Some(TestStreamEvent::Watermark(Timestamp::MAX)) => self.set_hold(id, None),
            Some(TestStreamEvent::Watermark(at)) => self.set_hold(id, Some(at)),
            Some(TestStreamEvent::ProcessingTime(length)) => self.clock += length,
            Some(TestStreamEvent::Elements(elements)) => {
                let row = |(bytes, time): (Bytes, Timestamp)| {
                    let windows = WindowSet::One(Window::Global);
                    Row { bytes, time, windows, pane: PaneInfo::NO_FIRING }
                };
                let rows = elements.into_iter().map(row).collect();
                self.deliver(VecDeque::from([Delivery::of(&output, rows)]))?;
            }
        }
        Ok(true)
    }

    /// Nothing is left to do but by processing time: lets it run on to the next thing; whether there is one.
    fn let_time_pass(&mut self) -> bool {
        let is_behind = self.synchronized < self.clock;
        self.synchronized = self.clock;
        // First what waited for all work to come to this time.
        is_behind || self.advance_clock(true)
    }

    /// Lets processing time pass until something is due, which also may be the end of sources; whether there is something.
    fn advance_clock(&mut self, may_end: bool) -> bool {
        let next = |node: &Node| match node {
            Node::Stage(stage) => stage.next_processing_time(),
            Node::Grouping(grouping) => grouping.next_processing_time(),
            Node::View(view) => view.driver().next_time(),
            _ => None,
        };
        let now = self.clock;
        let next = self.nodes.nodes.iter().filter_map(next).filter(|at| *at > now).min();
        // Draining is something that happens in time.
        let drains = Some(self.drains_at).filter(|at| !self.is_draining && *at > now && *at < Timestamp::MAX);
        let drains = drains.filter(|_| may_end || next.is_some());
        let next = next.into_iter().chain(drains).min();
        if next.is_some() {
            self.reading = Duration::ZERO;
        }
        self.clock = next.unwrap_or(now);
        next.is_some()
    }

    /// Ends all sources if it is time; whether it was.
    fn drain(&mut self) -> Result<bool> {
        if self.is_draining || self.clock.saturating_add(self.reading) < self.drains_at {
            return Ok(false);
        }
        self.is_draining = true;
        for id in 0..self.nodes.nodes.len() {
            match &mut self.nodes.nodes[id] {
                Node::Script { events, next, .. } => {
                    *next = events.len() + 1;
                    self.set_hold(id, None);
                }
                Node::Stage(stage) if self.plan.stages[stage.stage].splittable.is_some() => {
                    let number = stage.stage;
                    let processor = self.wire(number, false, false)?;
                    let Node::Stage(stage) = &mut self.nodes.nodes[id] else { continue };
                    stage.truncate(processor)?.commit(id, &mut self.nodes.watermarks);
                }
                _ => {}
            }
        }
        Ok(true)
    }

    fn set_hold(&mut self, node: NodeId, hold: Option<Timestamp>) {
        let old = std::mem::replace(&mut self.held[node], hold);
        self.nodes.watermarks.hold(node, old, hold);
    }

    /// What is due at a grouping or side input happens.
    fn fire(&mut self, id: NodeId) -> Result<()> {
        let now = self.now(id);
        let mut fired = VecDeque::new();
        match &mut self.nodes.nodes[id] {
            Node::Grouping(grouping) => {
                let rows = grouping.advance(now)?;
                let (hold, output) = (grouping.hold(), grouping.output.clone());
                self.set_hold(id, hold);
                fired.push_back(Delivery::of(&output, rows));
            }
            Node::View(view) => {
                let has_fired = view.advance(now)?;
                if has_fired {
                    self.sides_changed();
                }
            }
            _ => {}
        }
        self.deliver(fired)?;
        self.nodes.watermarks.reached(id, now.input_watermark);
        Ok(())
    }

    fn sides_changed(&mut self) {
        for node in &mut self.nodes.nodes {
            if let Node::Stage(stage) = node {
                stage.sides_changed();
            }
        }
    }

    fn bundle(&mut self, id: NodeId) -> Result<()> {
        let (now, upstream) = (self.now(id), self.nodes.watermarks.upstream(id));
        self.begun += 1;
        let reuse = self.schedule.coin("with operators that were used before");
        let Node::Stage(stage) = &mut self.nodes.nodes[id] else { return Ok(()) };
        let (number, reused) = (stage.stage, stage.processor.take().filter(|_| reuse));
        let processor = match reused {
            Some(processor) => processor,
            None => {
                let may_divide = self.is_cut && self.begun <= FEW_BUNDLES;
                let one_by_one = may_divide && self.schedule.coin("its elements one by one");
                self.wire(number, one_by_one, false)?
            }
        };
        let Node::Stage(stage) = &mut self.nodes.nodes[id] else { return Ok(()) };
        match stage.bundle(processor, &mut self.schedule, now, upstream) {
            Ok(None) => Ok(()),
            Ok(Some(Done { outcome, effects, again })) => {
                let finalizers = self.commit(id, outcome, effects);
                let finalizers = finalizers.map_err(|error| self.find_element(number, &again, error))?;
                if self.drains_at < Timestamp::MAX && self.is_endless(number)? {
                    self.reading += READING;
                }
                // The bundle is committed, so it is too late to repeat it; but a bug is to be seen.
                finalizers.run_keeping(&mut self.durable)
            }
            Err(failed) => Err(self.find_element(number, &failed.1, failed.0)),
        }
    }

    /// Runs a bundle that failed once more, one element at a time, to see on which element it fails.
    fn find_element(&mut self, stage: usize, again: &Again, error: Error) -> Error {
        if !error.is_user_code() || matches!(again, Again::No) {
            return error;
        }
        let result = self.wire(stage, true, true).and_then(|processor| run_again(processor, again));
        let error = match result {
            Err(found) if found.is_user_code() => found,
            _ => error,
        };
        match (again, &error) {
            // A source that panics had no element yet, but it had work.
            (Again::Part(open, _), Error::Panic { .. }) => match self.graph.coder(&self.plan.stages[stage].input) {
                Ok(coder) => error.on_element(|| coder::describe(&coder.spec(), &open.element.bytes)),
                Err(_) => error,
            },
            _ => error,
        }
    }

    fn wire(&mut self, stage: usize, one_by_one: bool, probes: bool) -> Result<Processor> {
        let (graph, nodes, parts) = (self.graph, &self.nodes, self.parts);
        let stage = &self.plan.stages[stage];
        // A stateful operator is called with one element after the other, and the steps behind take part in that.
        let one_by_one = one_by_one || stage.stateful.is_some();
        let (buffers, parcels) = (BTreeMap::new(), BTreeMap::new());
        let mut edges = StageEdges { graph, stage, nodes, parts, one_by_one, probes, buffers, parcels };
        let head = wire(graph, stage, &mut edges)?;
        let StageEdges { buffers, parcels, .. } = edges;
        let input = match head {
            Head::Splittable(operator) => Input::Splittable(operator),
            Head::Stateful(operator) => Input::Stateful(operator),
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

    /// Whether a stage begins with a source that has no end.
    fn is_endless(&self, stage: usize) -> Result<bool> {
        let Some(splittable) = &self.plan.stages[stage].splittable else { return Ok(false) };
        Ok(!self.graph.makes_bounded(self.graph.transform(splittable)?))
    }

    /// The one place where a bundle's effects become visible: output first, so that nothing overtakes it.
    fn commit(&mut self, id: NodeId, outcome: Outcome, effects: Effects) -> Result<Finalizers> {
        if let Node::Stage(stage) = &self.nodes.nodes[id] {
            let stage = &self.plan.stages[stage.stage];
            // Parts and timers have times of their own, which their operators know.
            let is_plain = stage.splittable.is_none() && stage.stateful.is_none();
            outputs::check(self.graph, &self.nodes, &outcome, effects.first().filter(|_| is_plain))?;
        }
        let Outcome { rows, parcels, metrics, finalizers } = outcome;
        let mut deliveries = VecDeque::new();
        for (grouping, mut parcels) in parcels {
            if self.is_cut {
                self.schedule.shuffle(&mut parcels, "to a grouping in another order");
            }
            let now = self.now(grouping);
            if let Node::Grouping(node) = &mut self.nodes.nodes[grouping] {
                if !parcels.is_empty() {
                    self.idle = 0;
                }
                let fired = node.add(parcels, now)?;
                let (hold, output) = (node.hold(), node.output.clone());
                self.set_hold(grouping, hold);
                deliveries.push_back(Delivery::of(&output, fired));
            }
        }
        deliveries.extend(rows.into_iter().map(|(collection, rows)| Delivery {
            collection,
            rows,
            but_groupings: true,
        }));
        self.deliver(deliveries)?;
        effects.commit(id, &mut self.nodes.watermarks);
        if let Node::Stage(stage) = &self.nodes.nodes[id]
            && self.plan.stages[stage.stage].stateful.is_some()
        {
            let hold = stage.hold();
            self.set_hold(id, hold);
        }
        self.metrics.merge(metrics);
        Ok(finalizers)
    }

    /// Hands elements to all that take them, and what comes of that at once to those behind.
    fn deliver(&mut self, mut deliveries: VecDeque<Delivery>) -> Result<()> {
        while let Some(Delivery { collection, rows, but_groupings }) = deliveries.pop_front() {
            if rows.is_empty() {
                continue;
            }
            self.idle = 0;
            if let Some(observed) = self.nodes.observed.get_mut(&collection) {
                observed.extend(rows.iter().cloned());
            }
            for id in self.nodes.consumers.get(&collection).cloned().unwrap_or_default() {
                let now = self.now(id);
                match &mut self.nodes.nodes[id] {
                    Node::Stage(stage) => stage.accept(id, rows.clone(), &mut self.nodes.watermarks)?,
                    Node::Relay { output } => deliveries.push_back(Delivery::of(output, rows.clone())),
                    Node::Late { output, windowing } => {
                        let is_late =
                            |window: &Window| windowing.garbage_collection_time(*window) < now.input_watermark;
                        let late = rows.iter().cloned().flat_map(Row::explode).filter(|row| is_late(&row.window()));
                        deliveries.push_back(Delivery::of(output, late.collect()));
                    }
                    Node::Grouping(grouping) if !but_groupings => {
                        let fired = grouping.add_rows(self.graph, &rows, now)?;
                        let hold = grouping.hold();
                        deliveries.push_back(Delivery::of(&grouping.output, fired));
                        self.set_hold(id, hold);
                    }
                    Node::View(view) => {
                        let has_fired = view.add(&rows, now)?;
                        if has_fired {
                            self.sides_changed();
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Time goes on: for something, or only for sources that have nothing and timers that set themselves again?
    fn check_idle(&mut self) -> Result<()> {
        self.idle += 1;
        let ends = self.drains_at < Timestamp::MAX && !self.is_draining;
        if self.idle < LONG_IDLE || ends {
            return Ok(());
        }
        let why = format!(
            "nothing comes any more: at {} of processing time, sources and timers only wait for more time to pass \
             (`DirectRunner::drain_after` ends sources)",
            self.clock
        );
        self.check_nothing_waits(&why)
    }

    /// The end: all watermarks are at the end of time, or something waits for what will never be.
    fn check_nothing_waits(&self, why: &str) -> Result<()> {
        let text = waits::told(self.graph, &self.plan, &self.nodes);
        if text.is_empty() {
            return Ok(());
        }
        Err(Error::Runner { runner: "direct", message: format!("work is left and {why}:{text}") })
    }
}

/// What is done in words.
fn told(graph: &Graph, plan: &Plan, nodes: &Nodes, next: Step) -> String {
    let (Step::Bundle(id) | Step::Fire(id)) = next;
    match &nodes.nodes[id] {
        Node::Stage(stage) => {
            let transforms = &plan.stages[stage.stage].transforms;
            format!("a bundle of {}", transforms.first().map_or_else(String::new, |id| step(graph, id)))
        }
        Node::Grouping(grouping) => format!("{} fires", grouping.name()),
        _ => "a side input is refreshed".to_owned(),
    }
}

impl Delivery {
    fn of(collection: &str, rows: Vec<Row>) -> Delivery {
        Delivery { collection: collection.to_owned(), rows, but_groupings: false }
    }
}
