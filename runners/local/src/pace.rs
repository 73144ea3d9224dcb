//! How long a worker reads before it does something else, and when it gives part of its work to others.

use crate::outbox::Outbox;
use crate::shared::Shared;
use ferrobeam_core::Timestamp;
use ferrobeam_core::dofn::splittable::operator::{Order, Pace, Part, Residual, Turn};
use ferrobeam_runner_core::bundle::splits::{EncodedElement, OpenPart};
use ferrobeam_runner_core::engine::NodeId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// After so many claims a reader looks whether to go on.
const CLAIMS: usize = 1024;

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
    begun: Instant,
    claims: AtomicUsize,
    /// Whether what is split off next is for others.
    shares: AtomicBool,
}

impl Pacer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        outbox: Arc<Outbox>,
        worker: usize,
        node: NodeId,
        open: &OpenPart,
        is_bounded: bool,
    ) -> Self {
        let (begun, claims, shares) = (Instant::now(), AtomicUsize::new(0), AtomicBool::new(false));
        let element = open.element.clone();
        Pacer { shared, outbox, worker, node, element, is_bounded, begun, claims, shares }
    }

    /// The order to read at this pace.
    pub(crate) fn order(self, now: Timestamp) -> Order {
        Order { claims: CLAIMS, keep: 0.0, further: usize::MAX, now, one_by_one: false, pace: Some(Arc::new(self)) }
    }

    fn is_over(&self, claims: usize) -> bool {
        let longest = if self.is_bounded { LONG } else { LATENCY };
        self.shared.end().is_some()
            || self.outbox.is_full()
            || self.shared.waiting(self.worker) >= MUCH
            || (!self.is_bounded && claims >= UNBOUNDED)
            || self.begun.elapsed() >= longest
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
        let claims = self.claims.fetch_add(CLAIMS, Ordering::Relaxed) + CLAIMS;
        if self.is_over(claims) {
            self.shares.store(false, Ordering::Relaxed);
            return Turn::GiveAway { keep: 0.0, claims: usize::MAX };
        }
        if self.is_bounded && self.shares(claims, progress) {
            self.shares.store(true, Ordering::Relaxed);
            return Turn::GiveAway { keep: 0.5, claims: CLAIMS };
        }
        Turn::GoOn { claims: CLAIMS }
    }

    fn takes(&self, _: &Part, residual: &Residual) -> bool {
        let shares = self.shares.load(Ordering::Relaxed);
        if let Some(pool) = self.shared.pools[self.node].as_ref().filter(|_| shares) {
            let element = self.element.clone();
            pool.put(OpenPart { element, part: residual.part.clone(), not_before: Timestamp::MIN });
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
    use crate::layout::Layout;
    use crate::shared::End;
    use bytes::Bytes;
    use ferrobeam_core::prelude::*;

    /// Nothing, in one part.
    struct Empty;

    impl Source for Empty {
        type Out = u64;
        type Restriction = OffsetRange;
        type Reader = ();
        fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
            Ok(vec![OffsetRange::new(0, 1)])
        }
        fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
            Ok(())
        }
        fn read(&self, (): &mut (), _: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
            Ok(())
        }
    }

    #[test]
    fn half_of_the_rest_is_for_a_worker_that_rests() {
        let graph = Root::build(|root| {
            root.read(Empty).discard();
            Ok(())
        });
        let graph = graph.unwrap();
        let layout = Layout::new(&graph, 2).unwrap();
        let shared = Arc::new(Shared::new(&layout, 2, Clock::new(true), None));
        let node = (0..layout.nodes.len()).find(|node| layout.is_splittable(*node)).unwrap();
        let (outbox, window) = (Arc::new(Outbox::new(0, shared.clone())), Window::Global);
        let (bytes, time, pane) = (Bytes::new(), Timestamp::MIN, ferrobeam_core::windowing::PaneInfo::NO_FIRING);
        let part = Part { work: Bytes::new(), watermark: Timestamp::MIN };
        let element = EncodedElement { bytes, time, window, pane };
        let open = OpenPart { element, part: part.clone(), not_before: Timestamp::MIN };
        let residual = Residual { part: part.clone(), size: 1.0, resume_after: Duration::ZERO };
        let pacer = Pacer::new(shared.clone(), outbox, 0, node, &open, true);
        let (goes_on, much) = (Turn::GoOn { claims: CLAIMS }, (1000.0, 1_000_000.0));

        assert_eq!(pacer.turn(much), goes_on, "all others have something to do");
        shared.resting.store(1, Ordering::Relaxed);
        assert_eq!(pacer.turn((1000.0, 10.0)), goes_on, "too little is left");
        assert_eq!(pacer.turn(much), Turn::GiveAway { keep: 0.5, claims: CLAIMS });
        assert!(pacer.takes(&part, &residual));
        let pool = shared.pools[node].as_ref().unwrap();
        assert_eq!((pool.waiting(), pool.hold()), (1, Timestamp::MIN));
        assert_eq!(pacer.turn(much), goes_on, "it has not been taken yet");
        shared.stop(End::Done);
        assert!(matches!(pacer.turn(much), Turn::GiveAway { keep: 0.0, .. }));
        assert!(!pacer.takes(&part, &residual), "the rest is this worker's own");
    }
}
