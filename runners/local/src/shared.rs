//! What workers share: their inboxes, how far each has come, the parts of sources, and when all of them rest.
//!
//! Whatever one worker does that another may have to look at, it does first and counts as an event afterwards. A worker
//! looks at the count before it looks for work; if it finds none, and the count is the same for all others that found
//! none, then there is none.

use crate::clock::Clock;
use crate::layout::{Kind, Layout};
use crate::memory::{Memory, parcels};
use crate::pool::{Open, Pool};
use crate::quiet::Quiet;
use crate::rounds::Rounds;
use crate::run::stopped;
use crate::tally::Tally;
use ferrobeam_core::dofn::erased::Parcel;
use ferrobeam_core::dofn::finalize::{Durable, Finalizers};
use ferrobeam_core::{Error, Result, Timestamp};
use ferrobeam_runner_core::bundle::splits::OpenPart;
use ferrobeam_runner_core::engine::NodeId;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

/// A parcel on its way to a node.
pub(crate) type Message = (NodeId, Parcel);

/// What workers share.
pub(crate) struct Shared {
    inboxes: Vec<Inbox>,
    threads: Vec<OnceLock<Thread>>,
    /// How many things have happened that somebody may have to look at.
    events: AtomicU64,
    /// How many parcels were sent.
    sent: AtomicU64,
    /// The output watermark of each node on each worker.
    outputs: Vec<Vec<AtomicI64>>,
    /// Held by who looks at those of a node, or changes one, if workers look back from one to the earliest of all.
    joint: Vec<Option<Mutex<()>>>,
    /// The earliest time of which each node on each worker may still ask its side inputs.
    asks: Vec<Vec<AtomicI64>>,
    /// What a node's output watermark may not pass on any worker.
    holds: Vec<AtomicI64>,
    /// The parts of sources.
    pub(crate) pools: Vec<Option<Pool>>,
    pub(crate) clock: Clock,
    pub(crate) tally: Tally,
    pub(crate) rounds: Rounds,
    /// If there is a limit.
    pub(crate) memory: Option<Memory>,
    /// A queue has room for so many parcels.
    pub(crate) room: usize,
    /// How often a side input has changed.
    sides: AtomicU64,
    /// How many workers have nothing to do.
    pub(crate) resting: AtomicUsize,
    /// How many workers wait for room in an inbox.
    pub(crate) blocked: AtomicUsize,
    pub(crate) quiet: Mutex<Quiet>,
    /// The processing time at which sources end.
    drains_at: Option<Timestamp>,
    drains: AtomicBool,
    /// What is called when the run has ended well.
    durable: Mutex<Durable>,
    end: OnceLock<End>,
}

#[derive(Default)]
struct Inbox {
    messages: Mutex<VecDeque<Message>>,
    len: AtomicUsize,
}

/// Why workers stop.
pub(crate) enum End {
    /// All is done.
    Done,
    /// Work is left, and nothing can run, for this reason.
    Stuck(String),
    /// A worker failed.
    Failed(Mutex<Option<Error>>),
}

impl Shared {
    pub(crate) fn new(
        layout: &Layout<'_>,
        workers: usize,
        clock: Clock,
        memory: Option<Memory>,
        drain_after: Option<Duration>,
    ) -> Self {
        let min = || AtomicI64::new(Timestamp::MIN.millis());
        let table = || layout.nodes.iter().map(|_| (0..workers).map(|_| min()).collect()).collect();
        let hold = |id: NodeId| match layout.nodes[id].kind {
            Kind::Impulse { .. } | Kind::Script { .. } => min(),
            _ => AtomicI64::new(Timestamp::MAX.millis()),
        };
        let looks_back = |id: NodeId| workers > 1 && layout.looks_at_output(id);
        let nodes = 0..layout.nodes.len();
        let drains_at = drain_after.map(|length| clock.now().saturating_add(length));
        Shared {
            inboxes: (0..workers).map(|_| Inbox::default()).collect(),
            threads: (0..workers).map(|_| OnceLock::new()).collect(),
            events: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            outputs: table(),
            joint: nodes.clone().map(|id| looks_back(id).then(Mutex::default)).collect(),
            asks: table(),
            holds: nodes.clone().map(hold).collect(),
            pools: nodes.map(|id| layout.is_splittable(id).then(Pool::new)).collect(),
            clock,
            tally: Tally::new(layout, workers),
            rounds: Rounds::new(layout.nodes.len(), workers),
            room: parcels(memory.as_ref()),
            memory,
            sides: AtomicU64::new(0),
            resting: AtomicUsize::new(0),
            blocked: AtomicUsize::new(0),
            quiet: Mutex::new(Quiet::new(layout, workers)),
            drains_at,
            drains: AtomicBool::new(false),
            durable: Mutex::default(),
            end: OnceLock::new(),
        }
    }

    pub(crate) fn workers(&self) -> usize {
        self.inboxes.len()
    }

    /// Says which thread a worker is.
    pub(crate) fn here(&self, worker: usize) {
        self.threads[worker].get_or_init(std::thread::current);
    }

    /// How many things have happened.
    pub(crate) fn events(&self) -> u64 {
        self.events.load(Ordering::SeqCst)
    }

    /// How many parcels were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// Something has happened that only one worker has to look at.
    fn tell(&self, worker: usize) {
        self.events.fetch_add(1, Ordering::SeqCst);
        self.wake(worker);
    }

    /// Something has happened.
    pub(crate) fn tell_all(&self) {
        self.events.fetch_add(1, Ordering::SeqCst);
        self.wake_all();
    }

    /// Lets a worker look again.
    pub(crate) fn wake(&self, worker: usize) {
        if let Some(thread) = self.threads[worker].get() {
            thread.unpark();
        }
    }

    fn wake_all(&self) {
        (0..self.workers()).for_each(|worker| self.wake(worker));
    }

    /// Hands parcels to a worker, the first ones first, as long as there is room.
    pub(crate) fn send(&self, worker: usize, waiting: &mut VecDeque<Message>) {
        let inbox = &self.inboxes[worker];
        let mut messages = inbox.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = self.room.saturating_sub(messages.len()).min(waiting.len());
        if fits == 0 {
            return;
        }
        messages.extend(waiting.drain(..fits));
        inbox.len.store(messages.len(), Ordering::Release);
        drop(messages);
        self.sent.fetch_add(1, Ordering::SeqCst);
        self.tell(worker);
    }

    /// Puts parcels into a worker's inbox, whether or not there is room.
    pub(crate) fn deliver(&self, worker: usize, message: Message) {
        self.tally.sent(worker, message.0, message.1.len);
        let inbox = &self.inboxes[worker];
        let mut messages = inbox.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.push_back(message);
        inbox.len.store(messages.len(), Ordering::Release);
        drop(messages);
        self.sent.fetch_add(1, Ordering::SeqCst);
        self.tell(worker);
    }

    /// Takes all that has come to a worker.
    pub(crate) fn receive(&self, worker: usize, into: &mut VecDeque<Message>) {
        let inbox = &self.inboxes[worker];
        if inbox.len.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut messages = inbox.messages.lock().unwrap_or_else(PoisonError::into_inner);
        into.append(&mut messages);
        inbox.len.store(0, Ordering::Release);
        drop(messages);
        if self.blocked.load(Ordering::SeqCst) > 0 {
            self.wake_all();
        }
    }

    /// How many parcels wait for a worker.
    pub(crate) fn waiting(&self, worker: usize) -> usize {
        self.inboxes[worker].len.load(Ordering::Acquire)
    }

    /// The output watermark of a node. Who reads it after what was sent before it was told has all of that in its inbox.
    pub(crate) fn output(&self, node: NodeId) -> Timestamp {
        // Work goes from a worker into a pool, so a pool is asked last.
        let joint = self.join(node);
        let workers = self.earliest(node);
        drop(joint);
        let held = self.holds[node].load(Ordering::SeqCst);
        let output = Timestamp::from_millis(workers.min(held));
        self.pools[node].as_ref().map_or(output, |pool| output.min(pool.hold()))
    }

    /// Says how far a node has come on a worker, all that it has sent before being in inboxes.
    pub(crate) fn set_output(&self, node: NodeId, worker: usize, at: Timestamp) {
        let _joint = self.join(node);
        self.outputs[node][worker].store(at.millis(), Ordering::SeqCst);
    }

    /// The output watermark of a node on all workers, if it matters to what comes in, which may hold it from there on: a worker
    /// that had come further goes back to it. Nobody has seen that it had, for all look at the earliest.
    pub(crate) fn go_back(&self, node: NodeId, worker: usize) -> Option<Timestamp> {
        let _joint = self.join(node)?;
        let at = self.earliest(node);
        self.outputs[node][worker].store(at, Ordering::SeqCst);
        Some(Timestamp::from_millis(at))
    }

    /// Whether the output watermark of a node on all workers matters to it.
    pub(crate) fn is_joint(&self, node: NodeId) -> bool {
        self.joint[node].is_some()
    }

    fn join(&self, node: NodeId) -> Option<MutexGuard<'_, ()>> {
        self.joint[node].as_ref().map(|joint| joint.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn earliest(&self, node: NodeId) -> i64 {
        self.outputs[node].iter().map(|at| at.load(Ordering::SeqCst)).min().unwrap_or(i64::MAX)
    }

    /// Says for which times a node may still ask its side inputs.
    pub(crate) fn set_asks(&self, node: NodeId, worker: usize, from: Timestamp) {
        self.asks[node][worker].store(from.millis(), Ordering::Release);
    }

    /// The earliest time of which a node may still ask its side inputs.
    pub(crate) fn asks(&self, node: NodeId) -> Timestamp {
        let workers = self.asks[node].iter().map(|at| at.load(Ordering::Acquire)).min().unwrap_or(i64::MAX);
        let end = self.pools[node].as_ref().and_then(Pool::first_end).unwrap_or(Timestamp::MAX);
        Timestamp::from_millis(workers).min(end)
    }

    /// Sets what a node's output watermark may not pass.
    pub(crate) fn set_hold(&self, node: NodeId, at: Timestamp) {
        self.holds[node].store(at.millis(), Ordering::SeqCst);
        self.tell_all();
    }

    /// How often a side input has changed.
    pub(crate) fn sides(&self) -> u64 {
        self.sides.load(Ordering::Acquire)
    }

    /// A side input has changed.
    pub(crate) fn side_changed(&self) {
        self.sides.fetch_add(1, Ordering::AcqRel);
        self.tell_all();
    }

    /// Whether all sources are done.
    pub(crate) fn is_read(&self) -> bool {
        self.pools.iter().flatten().all(Pool::is_done)
    }

    /// When sources end by themselves, if there is something to end.
    pub(crate) fn drains_at(&self) -> Option<Timestamp> {
        self.drains_at.filter(|_| !self.drains() && !self.is_read())
    }

    /// Whether sources are to end.
    pub(crate) fn drains(&self) -> bool {
        self.drains.load(Ordering::SeqCst)
    }

    /// Ends sources, each at the next look at one of its parts, and scripts.
    pub(crate) fn drain(&self) {
        if !self.drains.swap(true, Ordering::SeqCst) {
            self.quiet.lock().unwrap_or_else(PoisonError::into_inner).end_scripts(self);
            self.tell_all();
        }
    }

    /// Takes the parts that the work of a node's elements was cut into, for whoever is free.
    pub(crate) fn offer(&self, node: NodeId, parts: Vec<OpenPart>) {
        if let Some(pool) = self.pools[node].as_ref().filter(|_| !parts.is_empty()) {
            parts.into_iter().for_each(|part| pool.add(Open::new(part)));
            self.tell_all();
        }
    }

    /// When the next part of a source goes on.
    pub(crate) fn next_part(&self) -> Option<Timestamp> {
        self.pools.iter().flatten().filter_map(Pool::next_time).min()
    }

    /// Sees to it that somebody who rests looks after the parts that wait, before somebody else is busy.
    pub(crate) fn look_after(&self) {
        if self.resting.load(Ordering::SeqCst) > 0 {
            self.quiet.lock().unwrap_or_else(PoisonError::into_inner).look_after(self);
        }
    }

    /// # Errors
    /// The run has been stopped, for a reason that counts before this one.
    pub(crate) fn go_on(&self) -> Result<()> {
        if self.end().is_some() { Err(stopped("a bundle was broken off")) } else { Ok(()) }
    }

    /// Why workers are to stop, if they are.
    pub(crate) fn end(&self) -> Option<&End> {
        self.end.get()
    }

    /// A bundle is committed; what is to be called when the run has ended well is kept.
    ///
    /// # Errors
    /// User code's.
    pub(crate) fn committed(&self, finalizers: Finalizers) -> Result<()> {
        if !finalizers.keeps() {
            return finalizers.run();
        }
        finalizers.run_keeping(&mut self.durable.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The run has ended well.
    ///
    /// # Errors
    /// User code's.
    pub(crate) fn durable(&self) -> Result<()> {
        std::mem::take(&mut *self.durable.lock().unwrap_or_else(PoisonError::into_inner)).run()
    }

    /// A worker's failure is everybody's.
    pub(crate) fn fail(&self, error: Error) {
        self.stop(End::Failed(Mutex::new(Some(error))));
    }

    /// Stops all workers; the first reason counts.
    pub(crate) fn stop(&self, end: End) {
        self.end.get_or_init(|| end);
        self.tell_all();
    }
}
