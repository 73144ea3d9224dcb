//! How long a worker reads before it does something else, and when it gives part of its work to others.

use crate::outbox::Outbox;
use crate::pool::Open;
use crate::shared::Shared;
use ferrobeam_core::Timestamp;
use ferrobeam_core::dofn::splittable::operator::{Order, Pace, Part, Residual, Turn};
use ferrobeam_runner_core::bundle::splits::{EncodedElement, OpenPart};
use ferrobeam_runner_core::engine::NodeId;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After so many claims a reader looks whether to go on, if they are made fast.
const CLAIMS: usize = 1024;

/// And after so many at first, for nobody knows what a claim takes.
const FEW: usize = 16;

/// After so long it looks in any case, as far as the claims before are a measure.
const TURN: Duration = Duration::from_micros(500);

/// A bundle of an unbounded source has no more claims, so that nobody waits long for what it has read.
const UNBOUNDED: usize = 4096;

/// And it takes no longer than this.
const LATENCY: Duration = Duration::from_millis(5);

/// So long may a bundle of a bounded source take.
const LONG: Duration = Duration::from_millis(20);

/// So many parcels from others wait no longer.
const MUCH: usize = 8;

/// What would be done in fewer claims than this is not cut in two.
const SMALL: f64 = 4096.0;

/// The pace of one bundle of a source.
pub(crate) struct Pacer {
    shared: Arc<Shared>,
    outbox: Arc<Outbox>,
    worker: usize,
    node: NodeId,
    element: EncodedElement,
    is_bounded: bool,
    is_truncated: bool,
    begun: Instant,
    /// How many claims were made in the turns before this one, and how many it has.
    claims: AtomicUsize,
    granted: AtomicUsize,
    /// Whether what is split off next is for others.
    shares: AtomicBool,
    /// How much was given to them.
    given: Mutex<f64>,
}

impl Pacer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        outbox: Arc<Outbox>,
        worker: usize,
        node: NodeId,
        open: &Open,
        is_bounded: bool,
    ) -> Self {
        let (begun, shares) = (Instant::now(), AtomicBool::new(false));
        let (claims, granted) = (AtomicUsize::new(0), AtomicUsize::new(FEW));
        let (element, is_truncated) = (open.part.element.clone(), open.is_truncated);
        Pacer {
            shared,
            outbox,
            worker,
            node,
            element,
            is_bounded,
            is_truncated,
            begun,
            claims,
            granted,
            shares,
            given: Mutex::default(),
        }
    }

    /// The order to read at this pace.
    pub(crate) fn order(self: &Arc<Self>, now: Timestamp) -> Order {
        Order { claims: FEW, keep: 0.0, further: usize::MAX, now, one_by_one: false, pace: Some(self.clone()) }
    }

    /// The order to read once more, one row at a time, what was read at this pace. It ends behind that, and nobody gets a part of it.
    pub(crate) fn again(&self, now: Timestamp) -> Order {
        let claims = self.claims.load(Ordering::Relaxed) + self.granted.load(Ordering::Relaxed);
        Order { claims, keep: 0.0, further: usize::MAX, now, one_by_one: true, pace: None }
    }

    /// How much work was given to others.
    pub(crate) fn given(&self) -> f64 {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self, claims: usize, took: Duration) -> bool {
        let longest = if self.is_bounded { LONG } else { LATENCY };
        self.shared.end().is_some()
            || (self.shared.drains() && !self.is_truncated)
            || self.outbox.is_full()
            || self.shared.waiting(self.worker) >= MUCH
            || (!self.is_bounded && claims >= UNBOUNDED)
            || took >= longest
    }

    /// How many claims are granted after so many.
    fn next(&self, claims: usize, took: Duration) -> usize {
        let next = (claims as f64 / took.as_secs_f64() * TURN.as_secs_f64()) as usize;
        let next = next.clamp(1, CLAIMS);
        self.granted.store(next, Ordering::Relaxed);
        next
    }

    /// Whether others have nothing to do, and enough is left for them.
    fn shares(&self, claims: usize, (done, left): (f64, f64)) -> bool {
        let idle = self.shared.resting.load(Ordering::Relaxed) > 0;
        let offered = self.shared.pools[self.node].as_ref().is_some_and(|pool| pool.waiting() > 0);
        idle && !offered && done > 0.0 && left / done * claims as f64 >= SMALL
    }
}

impl Pace for Pacer {
    fn turn(&self, progress: (f64, f64)) -> Turn {
        let granted = self.granted.load(Ordering::Relaxed);
        let claims = self.claims.fetch_add(granted, Ordering::Relaxed) + granted;
        let took = self.begun.elapsed();
        let next = self.next(claims, took);
        if self.is_over(claims, took) {
            self.shares.store(false, Ordering::Relaxed);
            return Turn::GiveAway { keep: 0.0, claims: usize::MAX };
        }
        if self.is_bounded && self.shares(claims, progress) {
            self.shares.store(true, Ordering::Relaxed);
            return Turn::GiveAway { keep: 0.5, claims: next };
        }
        Turn::GoOn { claims: next }
    }

    fn takes(&self, _: &Part, residual: &Residual) -> bool {
        let shares = self.shares.load(Ordering::Relaxed);
        if let Some(pool) = self.shared.pools[self.node].as_ref().filter(|_| shares) {
            let element = self.element.clone();
            let (part, size) = (residual.part.clone(), residual.size);
            *self.given.lock().unwrap_or_else(PoisonError::into_inner) += size;
            let part = OpenPart { element, part, size, not_before: Timestamp::MIN };
            pool.put(Open { is_truncated: self.is_truncated, ..Open::new(part) });
            self.shared.tell_all();
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::fixture;
    use crate::layout::Layout;

    #[test]
    fn half_of_the_rest_is_for_a_worker_that_rests() {
        let graph = fixture::graph();
        let layout = Layout::new(&graph, 2).unwrap();
        let shared = Arc::new(Shared::new(&layout, 2, Clock::new(true), None, None));
        let node = (0..layout.nodes.len()).find(|node| layout.is_splittable(*node)).unwrap();
        let (outbox, open) = (Arc::new(Outbox::new(0, shared.clone())), Open::new(fixture::part(Timestamp::MIN)));
        let part = open.part.part.clone();
        let residual = Residual { part: part.clone(), size: 1.0, resume_after: Duration::ZERO };
        let pacer = Pacer::new(shared.clone(), outbox, 0, node, &open, true);
        let (goes_on, much) = (|turn| matches!(turn, Turn::GoOn { .. }), (1000.0, 1_000_000.0));

        assert!(goes_on(pacer.turn(much)), "all others have something to do");
        shared.resting.store(1, Ordering::Relaxed);
        assert!(goes_on(pacer.turn((1000.0, 0.1))), "too little is left");
        assert!(matches!(pacer.turn(much), Turn::GiveAway { keep: 0.5, .. }));
        assert!(pacer.takes(&part, &residual));
        let pool = shared.pools[node].as_ref().unwrap();
        assert_eq!((pool.waiting(), pool.hold(), pacer.given()), (1, Timestamp::MIN, 1.0));
        assert!(goes_on(pacer.turn(much)), "it has not been taken yet");
        shared.drain();
        assert!(matches!(pacer.turn(much), Turn::GiveAway { keep: 0.0, .. }), "somebody is to truncate it");
        assert!(!pacer.takes(&part, &residual), "the rest is this worker's own");
    }
}
