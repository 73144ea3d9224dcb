//! What is counted while a run goes on, for whoever looks at it: by batch, parcel and bundle, and never by element.
//!
//! Each worker has counters of its own, which only it changes, so that none of them waits for another.

use crate::layout::Layout;
use ferrobeam_core::metrics::{Metrics, Reported};
use ferrobeam_runner_core::engine::NodeId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The counters of all workers.
pub(crate) struct Tally {
    pub(crate) begun: Instant,
    workers: Vec<OfWorker>,
}

struct OfWorker {
    /// How many elements each collection got.
    collections: Counts,
    nodes: Vec<OfNode>,
    /// What user code reports.
    reported: Reported,
}

/// Counters by collection.
pub(crate) type Counts = BTreeMap<String, Arc<AtomicU64>>;

/// What a worker has done at a node, or sent there.
#[derive(Default)]
struct OfNode {
    /// Rows that this worker has sent to it.
    sent: AtomicU64,
    /// Rows that it has worked off.
    done: AtomicU64,
    bundles: AtomicU64,
    nanos: AtomicU64,
}

/// What all workers have done at a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Work {
    /// Rows that have come.
    pub(crate) rows: u64,
    /// Rows that wait.
    pub(crate) waiting: u64,
    pub(crate) bundles: u64,
    /// How long it took, all workers together.
    pub(crate) busy: Duration,
}

impl Tally {
    pub(crate) fn new(layout: &Layout<'_>, workers: usize) -> Self {
        let collections = layout.graph.components().pcollections.keys();
        let worker = |_| OfWorker {
            collections: collections.clone().map(|id| (id.clone(), Arc::default())).collect(),
            nodes: layout.nodes.iter().map(|_| OfNode::default()).collect(),
            reported: Reported::default(),
        };
        Tally { begun: Instant::now(), workers: (0..workers).map(worker).collect() }
    }

    /// The counters that a worker's steps add to.
    pub(crate) fn counts(&self, worker: usize) -> &Counts {
        &self.workers[worker].collections
    }

    /// Where a worker's user code reports.
    pub(crate) fn reported(&self, worker: usize) -> &Reported {
        &self.workers[worker].reported
    }

    /// Rows are on their way to a node.
    pub(crate) fn sent(&self, worker: usize, node: NodeId, rows: usize) {
        self.workers[worker].nodes[node].sent.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// A worker has been at a node since `begun`, as one bundle, and has worked off so many rows.
    pub(crate) fn done(&self, worker: usize, node: NodeId, rows: usize, begun: Instant) {
        let of_node = &self.workers[worker].nodes[node];
        of_node.done.fetch_add(rows as u64, Ordering::Relaxed);
        of_node.bundles.fetch_add(1, Ordering::Relaxed);
        of_node.nanos.fetch_add(begun.elapsed().as_nanos() as u64, Ordering::Relaxed);
    }

    /// What was done at a node so far.
    pub(crate) fn work(&self, node: NodeId) -> Work {
        let sum = |counter: fn(&OfNode) -> &AtomicU64| -> u64 {
            self.workers.iter().map(|worker| counter(&worker.nodes[node]).load(Ordering::Relaxed)).sum()
        };
        // In this order, so that what comes in between waits; a row in several windows may be worked off several times.
        let done = sum(|node| &node.done);
        let rows = sum(|node| &node.sent);
        let busy = Duration::from_nanos(sum(|node| &node.nanos));
        Work { rows, waiting: rows.saturating_sub(done), bundles: sum(|node| &node.bundles), busy }
    }

    /// How many elements a collection has got so far.
    pub(crate) fn elements(&self, collection: &str) -> u64 {
        let of_worker = |worker: &OfWorker| Some(worker.collections.get(collection)?.load(Ordering::Relaxed));
        self.workers.iter().filter_map(of_worker).sum()
    }

    /// What user code has reported so far.
    pub(crate) fn metrics(&self) -> Metrics {
        let mut all = Metrics::default();
        self.workers.iter().for_each(|worker| all.merge(worker.reported.so_far()));
        all
    }
}
