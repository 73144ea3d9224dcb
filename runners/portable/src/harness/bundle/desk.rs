//! Where those who want a bundle split meet the thread that works on it.
//!
//! The thread asks between claims ([`Pace`]): nobody else touches a restriction, so a claim takes no lock, and a split that
//! comes too late finds nothing to split. Sources without an end are stopped here, too: engines that never ask for a
//! checkpoint would wait for the end of the bundle for ever.

use super::paired::Paired;
use super::splittable::Applications;
use ferrobeam_core::batch::Meta;
use ferrobeam_core::dofn::splittable::operator::{Pace, Part, Residual, Turn};
use ferrobeam_model::fn_execution as pb;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A source without an end gives the rest of its work back after this time.
const LONGEST: Duration = Duration::from_millis(500);

/// .. or after so many bytes of output.
const MOST_BYTES: u64 = 64 << 20;

/// Between two looks at the clock there is about this much time.
const LOOK: Duration = Duration::from_micros(200);

/// A split element: what stays, and what goes to somebody else.
pub(super) struct Split {
    pub(super) primary: pb::BundleApplication,
    pub(super) residual: pb::DelayedBundleApplication,
    /// The first element of the source that nobody has begun, which goes with the residual.
    pub(super) first: u64,
}

/// The desk of one processor.
#[derive(Default)]
pub(super) struct Desk {
    at: Mutex<At>,
    /// Bytes of output so far.
    pub(super) bytes: Arc<AtomicU64>,
}

#[derive(Default)]
struct At {
    work: Option<Work>,
    ask: Option<Ask>,
}

/// The element that is worked on.
struct Work {
    paired: Paired,
    meta: Meta,
    applications: Arc<Applications>,
    progress: (f64, f64),
    began: Instant,
    bytes_before: u64,
    looked: Instant,
    claims: usize,
}

/// Somebody who wants a part of the work.
struct Ask {
    keep: f64,
    /// Whether the restriction was asked, so that no answer means that there is none.
    is_tried: bool,
    reply: SyncSender<Split>,
}

impl Desk {
    fn at(&self) -> MutexGuard<'_, At> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an element.
    pub(super) fn begin(&self, paired: Paired, meta: Meta, applications: Arc<Applications>) {
        let now = Instant::now();
        self.at().work = Some(Work {
            paired,
            meta,
            applications,
            progress: (0.0, 1.0),
            began: now,
            bytes_before: self.bytes.load(Ordering::Relaxed),
            looked: now,
            claims: 1,
        });
    }

    /// Ends it; whoever waits for a part of it gets none.
    pub(super) fn end(&self) {
        *self.at() = At::default();
    }

    /// How much of the element that is worked on was done, and how much is left.
    pub(super) fn progress(&self) -> Option<(f64, f64)> {
        self.at().work.as_ref().map(|work| work.progress)
    }

    /// Asks for what is beyond a fraction of the rest of the element that is worked on. Nothing comes if the element ends
    /// before, or cannot be split.
    pub(super) fn ask(&self, keep: f64) -> Option<Receiver<Split>> {
        let mut at = self.at();
        at.work.as_ref()?;
        let (reply, answer) = sync_channel(1);
        // One who asked before and was not served loses the other end, which is an answer.
        at.ask = Some(Ask { keep, is_tried: false, reply });
        Some(answer)
    }
}

impl Pace for Desk {
    fn turn(&self, progress: (f64, f64)) -> Turn {
        let mut at = self.at();
        let At { work, ask } = &mut *at;
        let Some(work) = work else { return Turn::GoOn { claims: usize::MAX } };
        work.progress = progress;
        if ask.as_ref().is_some_and(|ask| ask.is_tried) {
            *ask = None;
        }
        if let Some(ask) = ask {
            ask.is_tried = true;
            return Turn::GiveAway { keep: ask.keep, claims: 1 };
        }
        let now = Instant::now();
        let bytes = self.bytes.load(Ordering::Relaxed) - work.bytes_before;
        if !work.applications.is_bounded && (now - work.began > LONGEST || bytes > MOST_BYTES) {
            return Turn::GiveAway { keep: 0.0, claims: usize::MAX };
        }
        // Neither a look at each of millions of claims, nor minutes between two.
        let since = now - work.looked;
        work.claims = if since < LOOK / 2 {
            (work.claims * 2).min(1 << 20)
        } else if since > 2 * LOOK {
            (work.claims / 2).max(1)
        } else {
            work.claims
        };
        work.looked = now;
        Turn::GoOn { claims: work.claims }
    }

    fn takes(&self, primary: &Part, residual: &Residual) -> bool {
        let mut at = self.at();
        let At { work: Some(work), ask } = &mut *at else { return false };
        let Some(ask) = ask.take_if(|ask| ask.is_tried) else { return false };
        let split = work.applications.primary(&work.paired, &work.meta, primary).and_then(|primary| {
            let residual = work.applications.delayed(&work.paired, &work.meta, residual)?;
            // Here no element can be begun meanwhile.
            let position = &work.applications.position;
            let first = position.split(|next, _| Some(next)).unwrap_or_else(|| position.read());
            Ok(Split { primary, residual, first })
        });
        // What cannot be told, or is not waited for any more, stays here.
        split.is_ok_and(|split| ask.reply.send(split).is_ok())
    }
}
