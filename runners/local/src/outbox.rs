//! What a worker sends: to itself at once, to others as long as they have room.

use crate::shared::{Message, Shared};
use crate::tally::Counts;
use ferrobeam_core::dofn::erased::Parcel;
use ferrobeam_core::grouping::Exchange;
use ferrobeam_runner_core::engine::NodeId;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

/// What a worker has sent and nobody has got yet. Operators and the worker have it in turn, so its lock is free.
pub(crate) struct Outbox {
    worker: usize,
    shared: Arc<Shared>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// For this worker itself.
    own: VecDeque<Message>,
    rows: usize,
    bytes: usize,
    /// For others that had no room.
    others: Vec<VecDeque<Message>>,
}

impl Outbox {
    pub(crate) fn new(worker: usize, shared: Arc<Shared>) -> Self {
        let others = (0..shared.workers()).map(|_| VecDeque::new()).collect();
        Outbox { worker, shared, inner: Mutex::new(Inner { others, ..Inner::default() }) }
    }

    /// What workers share.
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, worker: usize, message: Message) {
        self.shared.tally.sent(self.worker, message.0, message.1.len);
        let mut inner = self.lock();
        if worker == self.worker {
            inner.rows += message.1.len;
            inner.bytes += message.1.bytes;
            inner.own.push_back(message);
            return;
        }
        let waiting = &mut inner.others[worker];
        waiting.push_back(message);
        self.shared.send(worker, waiting);
    }

    /// Takes what this worker has sent to itself.
    pub(crate) fn take_own(&self, into: &mut VecDeque<Message>) {
        let mut inner = self.lock();
        (inner.rows, inner.bytes) = (0, 0);
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
        let inner = self.lock();
        (inner.rows >= MANY_ROWS && inner.bytes >= MANY_BYTES)
            || inner.rows >= self.shared.room * OF_ROOM
            || inner.own.len() >= MANY_OWN.min(self.shared.room)
            || inner.others.iter().any(|waiting| waiting.len() >= MANY.min(self.shared.room))
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

    fn send(&mut self, shard: usize, parcel: Parcel) {
        if let Some(count) = &self.count {
            count.fetch_add(parcel.len as u64, Ordering::Relaxed);
        }
        let worker = match self.route {
            Route::Own => self.outbox.worker,
            Route::One(worker) => worker,
            Route::All => shard,
        };
        self.outbox.send(worker, (self.to, parcel));
    }
}

/// Counts what nobody takes.
pub(crate) struct Nowhere(pub(crate) Arc<AtomicU64>);

impl Exchange for Nowhere {
    fn shards(&self) -> usize {
        1
    }

    fn send(&mut self, _: usize, parcel: Parcel) {
        self.0.fetch_add(parcel.len as u64, Ordering::Relaxed);
    }
}
