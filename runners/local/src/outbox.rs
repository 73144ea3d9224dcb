//! What a worker sends: to itself at once, to others as long as they have room.
//!
//! What it has sent to itself waits until the bundle has ended. A bundle may make very much, of one element even: so a worker lends
//! its other nodes to the outbox while one has a bundle. When too much waits, they work off what is for them, and when too much waits
//! for another worker, this one waits for room there. As long as it does, it takes what others send: so nobody waits for ever.

use crate::nodes::{Instance, Nodes};
use crate::shared::{Message, Shared};
use crate::stage::StageNode;
use crate::tally::Counts;
use ferrobeam_core::dofn::erased::Parcel;
use ferrobeam_core::grouping::Exchange;
use ferrobeam_core::{Result, Timestamp};
use ferrobeam_runner_core::engine::{NodeId, Now};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A worker with so many rows for itself that take so many bytes reads nothing new: they are still in the cache. Few small ones
/// are not enough, for each bundle has its price.
const MANY_ROWS: usize = 8192;
const MANY_BYTES: usize = 256 << 10;

/// Where there is room for fewer parcels, the limit of memory is small: then so many rows for each of them are enough.
const OF_ROOM: usize = 512;

/// Nor does one with so many parcels, of which those of large rows have few.
const MANY_OWN: usize = 64;

/// Nor does one with so many parcels for another that has no room.
const MANY: usize = 16;

/// With so many times as much a bundle does not go on before some of it is gone.
const TOO_MUCH: usize = 2;

/// So many stages have bundles at a time, each in the middle of that of one before it.
const DEEP: usize = 32;

/// What a worker has sent and nobody has got yet. Operators and the worker have it in turn, so its lock is free.
pub(crate) struct Outbox {
    worker: usize,
    shared: Arc<Shared>,
    inner: Mutex<Inner>,
    lent: Mutex<Lent>,
}

/// What a worker does in the middle of a bundle.
struct Lent {
    /// None while there is no bundle, and while they are at work.
    nodes: Nodes,
    /// How long they worked.
    took: Duration,
}

#[derive(Default)]
struct Inner {
    /// For this worker itself.
    own: VecDeque<Message>,
    rows: usize,
    bytes: usize,
    /// For stages of this worker that have bundles now.
    later: VecDeque<Message>,
    /// For others that had no room.
    others: Vec<VecDeque<Message>>,
}

impl Inner {
    /// Whether there is so many times as much as is enough to do.
    fn has(&self, times: usize, room: usize) -> bool {
        (self.rows >= times * MANY_ROWS && self.bytes >= times * MANY_BYTES)
            || self.rows >= times * room * OF_ROOM
            || self.own.len() >= times * MANY_OWN.min(room)
            || self.others.iter().any(|waiting| waiting.len() >= times * MANY.min(room))
    }
}

impl Outbox {
    pub(crate) fn new(worker: usize, shared: Arc<Shared>) -> Self {
        let others = (0..shared.workers()).map(|_| VecDeque::new()).collect();
        let lent = Mutex::new(Lent { nodes: Nodes::none(worker, shared.clone()), took: Duration::ZERO });
        Outbox { worker, shared, inner: Mutex::new(Inner { others, ..Inner::default() }), lent }
    }

    /// What workers share.
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, worker: usize, message: Message) -> Result<()> {
        self.shared.tally.sent(self.worker, message.0, message.1.len);
        let mut inner = self.lock();
        if worker == self.worker {
            inner.rows += message.1.len;
            inner.bytes += message.1.bytes;
            inner.own.push_back(message);
        } else {
            let waiting = &mut inner.others[worker];
            waiting.push_back(message);
            self.shared.send(worker, waiting);
        }
        if inner.has(TOO_MUCH, self.shared.room) {
            drop(inner);
            self.hand_over()?;
        }
        Ok(())
    }

    /// Lets a stage have a bundle, of so many rows. Meanwhile the others are here, in case it sends very much.
    ///
    /// # Errors
    /// User code's; the node is no stage.
    pub(crate) fn bundle<R>(
        &self,
        nodes: &mut Nodes,
        node: NodeId,
        rows: usize,
        work: impl FnOnce(&mut StageNode, Now, Timestamp) -> Result<R>,
    ) -> Result<R> {
        let (now, upstream, begun) = (nodes.now(node), nodes.upstream(node), Instant::now());
        let mut stage = nodes.take(node)?;
        let before = self.swap(nodes, Duration::ZERO);
        let result = work(&mut stage, now, upstream);
        let others = self.swap(nodes, before);
        nodes.put(node, stage);
        self.shared.tally.done(self.worker, node, rows, begun + others);
        result
    }

    /// Exchanges the nodes that are here, and how long they have worked.
    fn swap(&self, nodes: &mut Nodes, took: Duration) -> Duration {
        let mut lent = self.lent();
        std::mem::swap(nodes, &mut lent.nodes);
        std::mem::replace(&mut lent.took, took)
    }

    fn lent(&self) -> MutexGuard<'_, Lent> {
        self.lent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In the middle of a bundle, works off what others than its stage have to do, and waits for room at other workers.
    #[cold]
    fn hand_over(&self) -> Result<()> {
        let (mut nodes, begun) = (Nodes::none(self.worker, self.shared.clone()), Instant::now());
        let took = self.swap(&mut nodes, Duration::ZERO);
        // Without nodes, the worker is between two bundles, or nodes that are at work here have sent this.
        if nodes.len() > 0
            && let Err(error) = self.work_off(&mut nodes)
        {
            // It is not an error of the stage that has the bundle, whose elements are not to be looked at for it.
            self.shared.fail(error);
        }
        self.swap(&mut nodes, took + begun.elapsed());
        self.shared.go_on()
    }

    fn work_off(&self, nodes: &mut Nodes) -> Result<()> {
        let (shared, mut messages) = (&self.shared, VecDeque::new());
        loop {
            shared.go_on()?;
            let mut inner = self.lock();
            (inner.rows, inner.bytes) = (0, 0);
            messages.append(&mut inner.own);
            drop(inner);
            for (node, parcel) in messages.drain(..) {
                match nodes.get(node) {
                    Instance::Start(_) | Instance::Busy => self.lock().later.push_back((node, parcel)),
                    _ => self.accept(nodes, node, parcel)?,
                }
            }
            // What stages in front of one that has a bundle make would only gather there.
            let (depth, busy) = nodes.busy();
            let ready = nodes.stages().rfind(|(node, stage)| Some(*node) > busy && stage.has_ready());
            if let Some((node, rows, looks)) =
                ready.map(|(node, stage)| (node, stage.ready_rows(), stage.may_fill_memory()))
                && depth < DEEP
            {
                let process = |stage: &mut StageNode, now, upstream| stage.process(shared, now, upstream);
                shared.offer(node, self.bundle(nodes, node, rows, process)?);
                if looks {
                    nodes.look()?;
                }
                continue;
            }
            self.flush();
            let inner = self.lock();
            if !inner.own.is_empty() {
                continue;
            }
            if !inner.has(TOO_MUCH, shared.room) {
                return Ok(());
            }
            drop(inner);
            shared.receive(self.worker, &mut messages);
            if messages.is_empty() {
                self.wait();
                nodes.relieve()?;
            }
        }
    }

    /// Hands a parcel to its node.
    ///
    /// # Errors
    /// User code's; those of files.
    pub(crate) fn accept(&self, nodes: &mut Nodes, node: NodeId, parcel: Parcel) -> Result<()> {
        let (rows, begun) = (parcel.len, Instant::now());
        nodes.accept(node, parcel)?;
        // Stages take their time later.
        if !matches!(nodes.get(node), Instance::Stage(_)) {
            self.shared.tally.done(self.worker, node, rows, begun);
        }
        Ok(())
    }

    /// Waits for room at others, or for something from them.
    pub(crate) fn wait(&self) {
        let shared = &self.shared;
        shared.blocked.fetch_add(1, Ordering::SeqCst);
        // Room that was made before this was said would wake nobody.
        if !self.flush() && shared.waiting(self.worker) == 0 && shared.end().is_none() {
            std::thread::park();
        }
        shared.blocked.fetch_sub(1, Ordering::SeqCst);
    }

    /// Takes what this worker has sent to itself.
    pub(crate) fn take_own(&self, into: &mut VecDeque<Message>) {
        let mut inner = self.lock();
        (inner.rows, inner.bytes) = (0, 0);
        into.append(&mut inner.later);
        into.append(&mut inner.own);
    }

    /// Sends what others had no room for. Whether nothing is left.
    pub(crate) fn flush(&self) -> bool {
        let mut inner = self.lock();
        for (worker, waiting) in inner.others.iter_mut().enumerate().filter(|(_, waiting)| !waiting.is_empty()) {
            self.shared.send(worker, waiting);
        }
        inner.others.iter().all(VecDeque::is_empty)
    }

    /// The counters of the worker's collections.
    pub(crate) fn counts(&self) -> &Counts {
        self.shared.tally.counts(self.worker)
    }

    /// Whether there is enough to do with what was sent.
    pub(crate) fn is_full(&self) -> bool {
        self.lock().has(1, self.shared.room)
    }
}

/// The way from an edge to a node.
pub(crate) struct Lane {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) to: NodeId,
    pub(crate) route: Route,
    /// Whether the node takes rows in several windows.
    pub(crate) sets: bool,
    /// Counts what passes, if nobody does so before.
    pub(crate) count: Option<Arc<AtomicU64>>,
}

/// Which workers a node's elements go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// That which has sent them.
    Own,
    /// This one.
    One(usize),
    /// Each element to one of them.
    All,
}

impl Exchange for Lane {
    fn shards(&self) -> usize {
        if self.route == Route::All { self.outbox.shared.workers() } else { 1 }
    }

    fn keeps_sets(&self) -> bool {
        self.sets
    }

    fn send(&mut self, shard: usize, parcel: Parcel) -> Result<()> {
        if let Some(count) = &self.count {
            count.fetch_add(parcel.len as u64, Ordering::Relaxed);
        }
        let worker = match self.route {
            Route::Own => self.outbox.worker,
            Route::One(worker) => worker,
            Route::All => shard,
        };
        self.outbox.send(worker, (self.to, parcel))
    }
}

/// Counts what nobody takes.
pub(crate) struct Nowhere(pub(crate) Arc<AtomicU64>);

impl Exchange for Nowhere {
    fn shards(&self) -> usize {
        1
    }

    fn send(&mut self, _: usize, parcel: Parcel) -> Result<()> {
        self.0.fetch_add(parcel.len as u64, Ordering::Relaxed);
        Ok(())
    }
}
