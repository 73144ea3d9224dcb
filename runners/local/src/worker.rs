//! A worker: an instance of every node, and what it does with them, one thing after the other.

mod limit;

use crate::grouping::GroupingNode;
use crate::layout::{Kind, Layout, Readers};
use crate::outbox::Outbox;
use crate::pace::Pacer;
use crate::pool::Open;
use crate::quiet::{Next, Rest};
use crate::shared::{End, Message, Shared};
use crate::stage::{StageNode, misfit};
use crate::view::ViewNode;
use crate::wiring::{Wirer, owner};
use ferrobeam_core::dofn::erased::Parcel;
use ferrobeam_core::graph::{Feed, StepName, Transfer};
use ferrobeam_core::windowing::WindowingStrategy;
use ferrobeam_core::{Error, Result, Timestamp};
use ferrobeam_runner_core::bundle::splits::OpenPart;
use ferrobeam_runner_core::engine::{NodeId, Now};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// A worker while it runs.
pub(crate) struct Worker<'a> {
    number: usize,
    shared: Arc<Shared>,
    outbox: Arc<Outbox>,
    wirer: Wirer<'a>,
    nodes: Vec<Instance>,
    times: Vec<Times>,
    /// What has come and is not with its node yet.
    received: VecDeque<Message>,
    /// The part that this worker goes on with.
    current: Option<(NodeId, Open)>,
    /// The source that was read last.
    last_read: NodeId,
    /// What is told when all that was sent has been handed over.
    then: Vec<Then>,
    /// Whether there are parts of which nobody else was told.
    offers: bool,
    /// How often a side input had changed when elements were last looked at that wait for one.
    sides: u64,
    /// How often somebody looked whether there is too much in memory.
    looks: usize,
    /// Whether a window that is due has to wait, because there is no room for what it makes.
    is_held_up: bool,
    /// Whether something here waits for synchronized processing time.
    waits: bool,
}

/// How far a node has come on this worker.
#[derive(Clone, Copy)]
struct Times {
    /// The least output watermark of the producers, as it was before all was received that has been.
    seen: Timestamp,
    upstream: Timestamp,
    input: Timestamp,
    output: Timestamp,
    asks: Timestamp,
}

/// Something that others are told when all that was sent has been handed over.
enum Then {
    /// A source's element is out.
    Begun(NodeId),
    /// A part is done, or has become others.
    Done(NodeId, Box<OpenPart>),
}

/// A node on a worker.
enum Instance {
    /// Passes on what it is fed with: an impulse, a script, a flatten.
    Relay(Box<dyn Feed>),
    /// Passes on what is late.
    Late {
        feed: Box<dyn Feed>,
        transfer: Arc<dyn Transfer>,
        windowing: Arc<WindowingStrategy>,
    },
    Stage(Box<StageNode>),
    Grouping(Box<GroupingNode>),
    View(Box<ViewNode>, Readers),
    /// A side input that another worker keeps.
    Elsewhere,
}

/// How much of a node is left to do: elements that can be processed, and that wait for side inputs.
pub(crate) type Waits = (usize, usize);

impl<'a> Worker<'a> {
    /// # Errors
    /// The graph does not fit the code.
    pub(crate) fn new(layout: &'a Layout<'a>, number: usize, shared: Arc<Shared>) -> Result<Self> {
        let outbox = Arc::new(Outbox::new(number, shared.clone()));
        let wirer = Wirer { layout, outbox: outbox.clone(), workers: shared.workers() };
        let nodes = (0..layout.nodes.len()).map(|id| instance(&wirer, id, number)).collect::<Result<_>>()?;
        let min = Timestamp::MIN;
        let start = Times { seen: min, upstream: min, input: min, output: min, asks: min };
        let times = vec![start; layout.nodes.len()];
        let (received, then) = (VecDeque::new(), Vec::new());
        Ok(Worker {
            number,
            shared,
            outbox,
            wirer,
            nodes,
            times,
            received,
            current: None,
            last_read: 0,
            then,
            offers: false,
            sides: 0,
            looks: 0,
            is_held_up: false,
            waits: false,
        })
    }

    /// Works until all is done, or a reason comes up to stop. Gives what is left to do at each node.
    ///
    /// # Errors
    /// User code's.
    pub(crate) fn run(&mut self) -> Result<Vec<Waits>> {
        while self.shared.end().is_none() {
            let events = self.shared.events();
            if !self.turn()? {
                self.rest(events);
            }
        }
        if let Some(End::Done) = self.shared.end() {
            return Ok(Vec::new());
        }
        let waits = |node: &Instance| if let Instance::Stage(stage) = node { stage.waits() } else { (0, 0) };
        Ok(self.nodes.iter().map(waits).collect())
    }

    /// Looks once for work of each kind: what came, what is due, and if there is nothing of that, something to read.
    fn turn(&mut self) -> Result<bool> {
        if self.shared.drains_at().is_some_and(|at| at <= self.shared.clock.now()) {
            self.shared.drain();
        }
        let round = self.shared.rounds.number();
        for (node, times) in self.wirer.layout.nodes.iter().zip(&mut self.times) {
            let outputs = node.producers.iter().map(|producer| self.shared.output(*producer));
            times.seen = outputs.min().unwrap_or(Timestamp::MAX);
        }
        self.relieve()?;
        self.shared.receive(self.number, &mut self.received);
        let mut works = self.drain()?;
        works |= self.admit()?;
        works |= self.advance()?;
        works |= self.drain()?;
        let is_flushed = self.outbox.flush();
        if is_flushed {
            works |= self.publish() | self.is_held_up;
        }
        if is_flushed && self.shared.clock.is_real() {
            self.synchronize(round);
        }
        if !works && is_flushed {
            works = self.read()?;
        }
        Ok(works)
    }

    /// Works off all that has come, what is furthest downstream first.
    fn drain(&mut self) -> Result<bool> {
        let mut works = false;
        loop {
            self.outbox.take_own(&mut self.received);
            works |= !self.received.is_empty();
            for (node, parcel) in std::mem::take(&mut self.received) {
                let (rows, begun) = (parcel.len, Instant::now());
                self.accept(node, parcel)?;
                // Stages take their time later.
                if !matches!(self.nodes[node], Instance::Stage(_)) {
                    self.shared.tally.done(self.number, node, rows, begun);
                }
            }
            let ready = |node: &Instance| matches!(node, Instance::Stage(stage) if stage.has_ready());
            if self.shared.end().is_some() {
                return Ok(true);
            }
            let Some(last) = self.nodes.iter().rposition(ready) else {
                self.outbox.take_own(&mut self.received);
                if self.received.is_empty() {
                    return Ok(works);
                }
                continue;
            };
            works = true;
            self.shared.look_after();
            let (now, upstream, begun) = (self.now(last), self.times[last].upstream, Instant::now());
            let Instance::Stage(stage) = &mut self.nodes[last] else { return Err(misfit()) };
            let (rows, looks) = (stage.ready_rows(), stage.has_sides());
            for part in stage.bundle(&self.wirer, now, upstream)? {
                self.pool(last)?.add(Open::new(part));
                self.shared.tell_all();
            }
            self.shared.tally.done(self.number, last, rows, begun);
            if looks {
                self.look_soon();
            }
        }
    }

    /// Hands a parcel to its node.
    fn accept(&mut self, node: NodeId, parcel: Parcel) -> Result<()> {
        if let Some(output) = self.shared.go_back(node, self.number) {
            self.times[node].output = output;
        }
        let now = self.now(node);
        match &mut self.nodes[node] {
            Instance::Relay(feed) => {
                feed.start_bundle()?;
                feed.receive(parcel)?;
                feed.finish_bundle()?;
                if let Kind::Impulse { .. } = self.wirer.layout.nodes[node].kind {
                    self.then.push(Then::Begun(node));
                }
                Ok(())
            }
            Instance::Late { feed, transfer, windowing } => {
                let is_late = |window| Ok(windowing.garbage_collection_time(window) < now.input_watermark);
                let parted = transfer.part(parcel, &mut { is_late })?;
                feed.start_bundle()?;
                parted.inside.into_iter().try_for_each(|parcel| feed.receive(parcel))?;
                feed.finish_bundle()
            }
            Instance::Stage(stage) => stage.accept(parcel),
            Instance::Grouping(grouping) => {
                grouping.add(parcel, now)?;
                self.relieve()
            }
            Instance::View(view, _) => {
                if view.add(parcel, now)? {
                    self.shared.side_changed();
                }
                self.relieve()
            }
            Instance::Elsewhere => Err(misfit()),
        }
    }

    /// Lets elements go on whose side inputs have come.
    fn admit(&mut self) -> Result<bool> {
        let sides = self.shared.sides();
        if std::mem::replace(&mut self.sides, sides) == sides {
            return Ok(false);
        }
        for node in &mut self.nodes {
            if let Instance::Stage(stage) = node {
                stage.admit()?;
            }
        }
        self.drain()
    }

    /// Moves watermarks on, and does what is due.
    fn advance(&mut self) -> Result<bool> {
        let (mut works, mut begun) = (false, Instant::now());
        self.is_held_up = false;
        for node in 0..self.nodes.len() {
            let pending = if let Instance::Stage(stage) = &self.nodes[node] { stage.pending() } else { None };
            let times = &mut self.times[node];
            times.upstream = times.upstream.max(times.seen);
            times.input = times.input.max(pending.map_or(times.upstream, |pending| times.upstream.min(pending)));
            let (now, upstream) = (self.now(node), self.times[node].upstream);
            let worked = match &mut self.nodes[node] {
                Instance::Stage(stage) => stage.advance(&self.shared, now, upstream)?,
                Instance::Grouping(grouping) => {
                    let works = grouping.advance(now, &self.outbox)?;
                    self.is_held_up |= grouping.is_due(now);
                    works
                }
                Instance::View(view, readers) => {
                    let works = view.advance(now, &self.shared)?;
                    view.forget(readers, &self.shared);
                    works
                }
                Instance::Relay(_) | Instance::Late { .. } | Instance::Elsewhere => false,
            };
            if worked {
                works = true;
                self.shared.tally.done(self.number, node, 0, begun);
                begun = Instant::now();
            }
        }
        Ok(works)
    }

    /// Tells others how far this worker has come: all that it has sent is in their hands. Whether that is news.
    fn publish(&mut self) -> bool {
        let mut is_news = std::mem::take(&mut self.offers);
        for then in self.then.drain(..) {
            match then {
                Then::Begun(node) => self.shared.set_hold(node, Timestamp::MAX),
                Then::Done(node, part) => {
                    if let Some(pool) = &self.shared.pools[node] {
                        let before = pool.hold();
                        pool.done(&part);
                        is_news |= pool.hold() != before;
                    }
                }
            }
        }
        for (node, (instance, times)) in self.nodes.iter().zip(&mut self.times).enumerate() {
            let hold = match instance {
                Instance::Stage(stage) => {
                    if stage.has_sides() {
                        let asks = stage.expires().map_or(times.input, |expires| expires.min(times.input));
                        if std::mem::replace(&mut times.asks, asks) != asks {
                            self.shared.set_asks(node, self.number, asks);
                        }
                    }
                    stage.hold()
                }
                Instance::Grouping(grouping) => grouping.hold(),
                _ => None,
            };
            let output = times.output.max(hold.map_or(times.input, |hold| hold.min(times.input)));
            if std::mem::replace(&mut times.output, output) < output {
                self.shared.set_output(node, self.number, output);
                is_news = true;
            }
        }
        if is_news {
            self.shared.tell_all();
        }
        is_news
    }

    /// All that this worker had is worked off, and it began in this round, if somebody waits for those.
    fn synchronize(&mut self, round: Option<u64>) {
        let waits = self.next_synchronized().is_some();
        if std::mem::replace(&mut self.waits, waits) != waits {
            self.shared.rounds.wait(waits);
        }
        let Some(round) = round else { return };
        let (begins, at) = self.shared.rounds.done(self.number, round, self.shared.clock.now());
        let is_news = at.is_some_and(|at| self.shared.clock.synchronize(at));
        if begins || is_news {
            // Those who rest take part.
            self.shared.tell_all();
        }
    }

    /// Works on a part of a source for a while; whether there is one.
    fn read(&mut self) -> Result<bool> {
        let now = self.shared.clock.now();
        let Some((node, open)) = self.next_part(now) else { return Ok(false) };
        self.shared.look_after();
        let (is_bounded, begun) = (self.is_bounded(node)?, Instant::now());
        let Instance::Stage(stage) = &mut self.nodes[node] else { return Err(misfit()) };
        let truncates = self.shared.drains() && !open.is_truncated;
        let (rest, given) = if truncates {
            (stage.truncate(&open.part)?, 0.0)
        } else {
            let (shared, outbox) = (self.shared.clone(), self.outbox.clone());
            let pacer = Arc::new(Pacer::new(shared, outbox, self.number, node, &open, is_bounded));
            (stage.work_on(&self.wirer, &open.part, &pacer.order(now))?, pacer.given())
        };
        self.pool(node)?.worked(open.part.size, given + rest.iter().map(|part| part.size).sum::<f64>());
        for part in rest {
            let open = Open { part, is_truncated: open.is_truncated || truncates };
            // Its reader stays open. What has no end takes turns with all else that has none.
            if is_bounded && open.part.goes_on(now) && self.current.is_none() {
                self.pool(node)?.keep(&open.part);
                self.current = Some((node, open));
            } else {
                // A part that waits is looked after by those who rest: see `Quiet::rests`.
                self.offers |= open.part.goes_on(now);
                self.pool(node)?.put(open);
            }
        }
        self.shared.tally.done(self.number, node, 0, begun);
        self.then.push(Then::Done(node, Box::new(open.part)));
        Ok(true)
    }

    /// The part to work on: the last one, or of the next source that which is furthest behind.
    fn next_part(&mut self, now: Timestamp) -> Option<(NodeId, Open)> {
        if let Some(current) = self.current.take() {
            return Some(current);
        }
        let count = self.nodes.len();
        let order = (1..=count).map(|i| (self.last_read + i) % count);
        let drains = self.shared.drains();
        let take = |node: NodeId| Some((node, self.shared.pools[node].as_ref()?.take(now, drains)?));
        let taken = order.filter_map(take).next();
        self.last_read = taken.as_ref().map_or(self.last_read, |(node, _)| *node);
        taken
    }

    fn is_bounded(&self, node: NodeId) -> Result<bool> {
        let layout = self.wirer.layout;
        let Kind::Stage(number) = layout.nodes[node].kind else { return Err(misfit()) };
        let splittable = layout.plan.stages[number].splittable.as_deref().unwrap_or_default();
        Ok(layout.graph.makes_bounded(layout.graph.transform(splittable)?))
    }

    /// There was nothing to do: waits until there may be.
    fn rest(&mut self, events: u64) {
        let shared = &*self.shared;
        if !self.outbox.flush() {
            shared.blocked.fetch_add(1, Ordering::SeqCst);
            // Room that was made before this was said would wake nobody.
            if !self.outbox.flush() && shared.waiting(self.number) == 0 && shared.end().is_none() {
                std::thread::park();
            }
            shared.blocked.fetch_sub(1, Ordering::SeqCst);
            return;
        }
        let rest = Rest { events, next: self.next_time(), synchronized: self.next_synchronized() };
        let quiet = || shared.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        let next = quiet().rests(shared, self.number, rest);
        if next == Next::Look {
            return;
        }
        shared.resting.fetch_add(1, Ordering::SeqCst);
        if shared.end().is_none() {
            match next {
                Next::SleepUntil(at) => {
                    let left = at.saturating_since(shared.clock.now());
                    std::thread::park_timeout(left.max(Duration::from_micros(100)));
                }
                _ => std::thread::park(),
            }
        }
        shared.resting.fetch_sub(1, Ordering::SeqCst);
        quiet().works(self.number);
    }

    /// When processing time gives this worker something to do, but for parts of sources, which are for all.
    fn next_time(&self) -> Option<Timestamp> {
        let of_node = |node: &Instance| match node {
            Instance::Stage(stage) => stage.next_processing_time(),
            Instance::Grouping(grouping) => grouping.driver().and_then(|driver| driver.next_processing_time()),
            Instance::View(view, _) => view.driver.next_processing_time(),
            _ => None,
        };
        self.nodes.iter().filter_map(of_node).chain(self.shared.drains_at()).min()
    }

    /// When synchronized processing time does.
    fn next_synchronized(&self) -> Option<Timestamp> {
        let of_node = |node: &Instance| match node {
            Instance::Grouping(grouping) => {
                grouping.driver().and_then(|driver| driver.next_synchronized_processing_time())
            }
            Instance::View(view, _) => view.driver.next_synchronized_processing_time(),
            _ => None,
        };
        self.nodes.iter().filter_map(of_node).min()
    }

    fn now(&self, node: NodeId) -> Now {
        Now {
            input_watermark: self.times[node].input,
            output_watermark: match self.shared.is_joint(node) {
                true => self.shared.output(node),
                false => self.times[node].output,
            },
            processing_time: self.shared.clock.now(),
            synchronized_processing_time: self.shared.clock.synchronized(),
        }
    }

    fn pool(&self, node: NodeId) -> Result<&crate::pool::Pool> {
        self.shared.pools[node].as_ref().ok_or_else(misfit)
    }
}

fn instance(wirer: &Wirer<'_>, id: NodeId, worker: usize) -> Result<Instance> {
    let layout = wirer.layout;
    let node = &layout.nodes[id];
    Ok(match &node.kind {
        Kind::Impulse { output } => Instance::Relay(wirer.feed(output, &StepName::here("Impulse"))?),
        Kind::Script { output, step, .. } => {
            let step = layout.graph.step_name(layout.graph.transform(step)?)?;
            Instance::Relay(wirer.decoding(output, step)?)
        }
        Kind::Flatten { output } => Instance::Relay(wirer.feed(output, &StepName::here("Flatten"))?),
        Kind::Late { input, output } => Instance::Late {
            feed: wirer.feed(output, &StepName::here("Late"))?,
            transfer: layout.graph.coder(input)?.transfer(),
            windowing: layout.graph.windowing(output)?.clone(),
        },
        Kind::Stage(number) => Instance::Stage(Box::new(StageNode::new(layout, *number, node.starts, wirer)?)),
        Kind::Partial(number, to) => Instance::Grouping(Box::new(GroupingNode::partial(layout, *number, *to, wirer)?)),
        Kind::Grouping(number) => Instance::Grouping(Box::new(GroupingNode::new(layout, *number, wirer)?)),
        Kind::View { collection, readers } if owner(id, wirer.workers) == worker => {
            Instance::View(Box::new(ViewNode::new(wirer, collection)?), readers.clone())
        }
        Kind::View { .. } => Instance::Elsewhere,
    })
}

/// A worker's failure is everybody's.
pub(crate) fn fail(shared: &Shared, error: Error) {
    shared.stop(End::Failed(std::sync::Mutex::new(Some(error))));
}
