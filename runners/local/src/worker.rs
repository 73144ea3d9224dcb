//! A worker: an instance of every node, and what it does with them, one thing after the other.

use crate::layout::{Kind, Layout};
use crate::nodes::{Instance, Nodes};
use crate::outbox::Outbox;
use crate::pace::Pacer;
use crate::pool::Open;
use crate::quiet::{Next, Rest};
use crate::shared::{End, Message, Shared};
use crate::stage::{StageNode, misfit};
use crate::wiring::Wirer;
use ferrobeam_core::{Result, Timestamp};
use ferrobeam_runner_core::bundle::splits::OpenPart;
use ferrobeam_runner_core::engine::NodeId;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// A part that is read in less than this takes less than it would take to wake somebody for the other parts.
const AT_ONCE: Duration = Duration::from_micros(100);

/// So much later at most such a part is asked again, to be asked together with others.
const SLACK: Duration = Duration::from_millis(2);

/// A worker while it runs.
pub(crate) struct Worker<'a> {
    number: usize,
    shared: Arc<Shared>,
    outbox: Arc<Outbox>,
    wirer: Wirer<'a>,
    nodes: Nodes,
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
    /// Whether a window that is due has to wait, because there is no room for what it makes.
    is_held_up: bool,
    /// Whether something here waits for synchronized processing time.
    waits: bool,
}

/// Something that others are told when all that was sent has been handed over.
enum Then {
    /// A source's element is out.
    Begun(NodeId),
    /// A part is done, or has become others.
    Done(NodeId, Box<OpenPart>),
}

/// How much of a node is left to do: elements that can be processed, and that wait for side inputs.
pub(crate) type Waits = (usize, usize);

impl<'a> Worker<'a> {
    /// # Errors
    /// The graph does not fit the code.
    pub(crate) fn new(layout: &'a Layout<'a>, number: usize, shared: Arc<Shared>) -> Result<Self> {
        let outbox = Arc::new(Outbox::new(number, shared.clone()));
        let wirer = Wirer { layout, outbox: outbox.clone(), workers: shared.workers() };
        let nodes = Nodes::new(&wirer, number, shared.clone())?;
        let (received, then) = (VecDeque::new(), Vec::new());
        Ok(Worker {
            number,
            shared,
            outbox,
            wirer,
            nodes,
            received,
            current: None,
            last_read: 0,
            then,
            offers: false,
            sides: 0,
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
        Ok(self.nodes.waits())
    }

    /// Looks once for work of each kind: what came, what is due, and if there is nothing of that, something to read.
    fn turn(&mut self) -> Result<bool> {
        if self.shared.drains_at().is_some_and(|at| at <= self.shared.clock.now()) {
            self.shared.drain();
        }
        let round = self.shared.rounds.number();
        for (node, times) in self.wirer.layout.nodes.iter().zip(&mut self.nodes.times) {
            let outputs = node.producers.iter().map(|producer| self.shared.output(*producer));
            times.seen = outputs.min().unwrap_or(Timestamp::MAX);
        }
        self.nodes.relieve()?;
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
            let begun = Instant::now();
            // Parts that have nothing are asked one after the other, for looking for work between them takes longer.
            while let Some(waits) = self.read()? {
                works = true;
                if !waits || begun.elapsed() > AT_ONCE {
                    break;
                }
            }
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
                self.outbox.accept(&mut self.nodes, node, parcel)?;
                if let Instance::Start(_) = self.nodes.get(node) {
                    self.then.push(Then::Begun(node));
                }
            }
            if self.shared.end().is_some() {
                return Ok(true);
            }
            let Some((last, stage)) = self.nodes.stages().rfind(|(_, stage)| stage.has_ready()) else {
                self.outbox.take_own(&mut self.received);
                if self.received.is_empty() {
                    return Ok(works);
                }
                continue;
            };
            works = true;
            self.shared.look_after();
            let (rows, looks) = (stage.ready_rows(), stage.may_fill_memory());
            let Worker { shared, outbox, wirer, nodes, .. } = self;
            let bundle = |stage: &mut StageNode, now, upstream| stage.bundle(wirer, now, upstream);
            shared.offer(last, outbox.bundle(nodes, last, rows, bundle)?);
            if looks {
                self.nodes.look()?;
            }
        }
    }

    /// Lets elements go on whose side inputs have come.
    fn admit(&mut self) -> Result<bool> {
        let sides = self.shared.sides();
        if std::mem::replace(&mut self.sides, sides) == sides {
            return Ok(false);
        }
        for (_, stage) in self.nodes.stages() {
            stage.admit()?;
        }
        self.drain()
    }

    /// Moves watermarks on, and does what is due.
    fn advance(&mut self) -> Result<bool> {
        let (mut works, mut begun) = (false, Instant::now());
        self.is_held_up = false;
        for node in 0..self.nodes.len() {
            let now = self.nodes.advance(node);
            let upstream = self.nodes.upstream(node);
            let worked = match self.nodes.get(node) {
                Instance::Stage(stage) => {
                    if stage.is_due(now, upstream) {
                        let due = |stage: &mut StageNode, now, upstream| stage.advance(&self.shared, now, upstream);
                        self.outbox.bundle(&mut self.nodes, node, 0, due)?;
                        (works, begun) = (true, Instant::now());
                    }
                    false
                }
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
                _ => false,
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
        for (node, (instance, times)) in self.nodes.each().enumerate() {
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
        let waits = self.nodes.next_synchronized().is_some();
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

    /// Works on a part of a source for a while, if there is one; whether it waits now, and took no time.
    fn read(&mut self) -> Result<Option<bool>> {
        let now = self.shared.clock.now();
        let Some((node, open)) = self.next_part(now) else { return Ok(None) };
        let begun = Instant::now();
        if open.idle.is_none() {
            self.shared.look_after();
        }
        let is_bounded = self.is_bounded(node)?;
        let truncates = self.shared.drains() && !open.is_truncated;
        let (shared, outbox) = (self.shared.clone(), self.outbox.clone());
        let pacer = Arc::new(Pacer::new(shared, outbox, self.number, node, &open, is_bounded));
        let rest = self.outbox.bundle(&mut self.nodes, node, 0, |stage, _, _| match truncates {
            true => stage.truncate(&open.part),
            false => stage.work_on(&self.wirer, &open.part, &pacer, now),
        })?;
        let given = pacer.given();
        self.pool(node)?.worked(open.part.size, given + rest.iter().map(|part| part.size).sum::<f64>());
        let mut is_idle = !rest.is_empty();
        for part in rest {
            let waits = !part.goes_on(now) && self.shared.clock.is_real() && begun.elapsed() <= AT_ONCE;
            is_idle &= waits;
            let idle = waits.then(|| (part.not_before.saturating_since(now) / 8).min(SLACK));
            let open = Open { part, is_truncated: open.is_truncated || truncates, idle };
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
        self.then.push(Then::Done(node, Box::new(open.part)));
        Ok(Some(is_idle))
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
            self.outbox.wait();
            return;
        }
        let next = self.nodes.next_time().into_iter().chain(shared.drains_at()).min();
        let rest = Rest { events, next, synchronized: self.nodes.next_synchronized() };
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

    fn pool(&self, node: NodeId) -> Result<&crate::pool::Pool> {
        self.shared.pools[node].as_ref().ok_or_else(misfit)
    }
}
