//! The parts of a source's work that wait for a worker, and the watermark that they hold.

use ferrobeam_core::Timestamp;
use ferrobeam_runner_core::bundle::splits::OpenPart;
use ferrobeam_runner_core::engine::Holds;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The parts of one source, shared by all workers.
pub(crate) struct Pool {
    inner: Mutex<Inner>,
    /// The earliest watermark of a part that is not done.
    hold: AtomicI64,
    /// How many parts wait.
    waiting: AtomicUsize,
}

#[derive(Default)]
struct Inner {
    open: Vec<Open>,
    /// The watermarks of all parts, those among them that are worked on.
    holds: Holds,
    /// The ends of their elements' windows.
    windows: Holds,
    /// How many parts are not done.
    all: usize,
    /// How much work there has ever been, and how much is left, in the restriction's own unit.
    work: (f64, f64),
}

/// A part that somebody is to work on.
#[derive(Clone)]
pub(crate) struct Open {
    pub(crate) part: OpenPart,
    /// Whether it is what was left of a part when the pipeline was drained.
    pub(crate) is_truncated: bool,
    /// If it had no work that is worth a second worker the last time, and waits: how much later than it wants it may be asked again,
    /// together with others.
    pub(crate) idle: Option<Duration>,
}

impl Open {
    /// A part whose work may go on for ever.
    pub(crate) fn new(part: OpenPart) -> Self {
        Open { part, is_truncated: false, idle: None }
    }
}

impl Pool {
    pub(crate) fn new() -> Self {
        Pool { inner: Mutex::default(), hold: AtomicI64::new(Timestamp::MAX.millis()), waiting: AtomicUsize::new(0) }
    }

    fn change<R>(&self, change: impl FnOnce(&mut Inner) -> R) -> R {
        let mut inner = self.lock();
        let result = change(&mut inner);
        let hold = inner.holds.earliest().unwrap_or(Timestamp::MAX);
        self.hold.store(hold.millis(), Ordering::Release);
        self.waiting.store(inner.open.len(), Ordering::Release);
        result
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a part of new work.
    pub(crate) fn add(&self, open: Open) {
        self.worked(0.0, open.part.size);
        self.put(open);
    }

    /// Takes a part that nobody works on.
    pub(crate) fn put(&self, open: Open) {
        self.change(|inner| {
            inner.begin(&open.part);
            inner.open.push(open);
        });
    }

    /// Takes note of a part that somebody goes on with at once.
    pub(crate) fn keep(&self, part: &OpenPart) {
        self.change(|inner| inner.begin(part));
    }

    /// Gives out the part that is furthest behind of those that can go on. Somebody who drains truncates first, whatever
    /// a part waits for.
    pub(crate) fn take(&self, now: Timestamp, drains: bool) -> Option<Open> {
        if self.waiting() == 0 {
            return None;
        }
        self.change(|inner| {
            let goes_on = |open: &Open| open.part.goes_on(now) || (drains && !open.is_truncated);
            let ready = inner.open.iter().enumerate().filter(|(_, open)| goes_on(open));
            let (at, _) = ready.min_by_key(|(_, open)| open.part.part.watermark)?;
            Some(inner.open.remove(at))
        })
    }

    /// Forgets a part that is done, or has become others.
    pub(crate) fn done(&self, part: &OpenPart) {
        self.change(|inner| {
            inner.holds.replace(Some(part.part.watermark), None);
            inner.windows.replace(Some(part.element.window.max_timestamp()), None);
            inner.all -= 1;
        });
    }

    /// Of so much work, so much is left. New work may come of it.
    pub(crate) fn worked(&self, of: f64, left: f64) {
        let done = finite(of) - finite(left);
        let (all, rest) = &mut self.lock().work;
        *all += (-done).max(0.0);
        *rest -= done;
    }

    /// How much work was done, and how much there has ever been, in the restriction's own unit; what has no end does not count.
    pub(crate) fn progress(&self) -> (f64, f64) {
        let (all, left) = self.lock().work;
        // Sums of parts that were cut may be wrong in their last digits.
        ((all - left).clamp(0.0, all), all)
    }

    /// What the output watermark may not pass.
    pub(crate) fn hold(&self) -> Timestamp {
        Timestamp::from_millis(self.hold.load(Ordering::Acquire))
    }

    /// How many parts wait for a worker.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Whether everything is done.
    pub(crate) fn is_done(&self) -> bool {
        self.lock().all == 0
    }

    /// The end of the window that ends first in which there is work.
    pub(crate) fn first_end(&self) -> Option<Timestamp> {
        self.lock().windows.earliest()
    }

    /// When it is time for the next part.
    pub(crate) fn next_time(&self) -> Option<Timestamp> {
        let waits = |open: &&Open| open.part.not_before < Timestamp::MAX;
        let latest = |open: &Open| open.part.not_before.saturating_add(open.idle.unwrap_or_default());
        self.lock().open.iter().filter(waits).map(latest).min()
    }
}

impl Inner {
    fn begin(&mut self, part: &OpenPart) {
        self.holds.replace(None, Some(part.part.watermark));
        self.windows.replace(None, Some(part.element.window.max_timestamp()));
        self.all += 1;
    }
}

fn finite(size: f64) -> f64 {
    if size.is_finite() { size } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn idle_parts_wait_for_each_other() {
        let (pool, at) = (Pool::new(), |n| Timestamp::from_millis(n));
        let part = |n, idle| {
            let part = OpenPart { not_before: at(n), ..fixture::part(Timestamp::MIN) };
            Open { idle, ..Open::new(part) }
        };
        let slack = Some(Duration::from_millis(8));
        pool.put(part(100, slack));
        pool.put(part(105, slack));
        assert_eq!(pool.next_time(), Some(at(108)), "both are due then");
        pool.put(part(103, None));
        assert_eq!(pool.next_time(), Some(at(103)));
        assert!(pool.take(at(99), false).is_none() && pool.take(at(100), false).is_some());
    }

    #[test]
    fn progress_counts_what_has_an_end() {
        let pool = Pool::new();
        let part = |size| Open::new(OpenPart { size, ..fixture::part(Timestamp::MIN) });
        assert_eq!(pool.progress(), (0.0, 0.0));
        pool.add(part(100.0));
        pool.add(part(f64::INFINITY));
        assert_eq!(pool.progress(), (0.0, 100.0));
        // What is left of a part is put back before the part is forgotten, and counts once all the same.
        pool.worked(100.0, 70.0);
        pool.put(part(70.0));
        assert_eq!(pool.progress(), (30.0, 100.0));
        pool.done(&part(100.0).part);
        pool.worked(70.0, 0.0);
        assert_eq!(pool.progress(), (100.0, 100.0));
        // Something without an end is drained.
        pool.worked(f64::INFINITY, 50.0);
        assert_eq!(pool.progress(), (100.0, 150.0));
    }
}
