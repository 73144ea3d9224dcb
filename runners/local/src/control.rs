//! Ending a run from elsewhere.

use crate::run::stopped;
use crate::shared::{End, Shared};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Ends runs from elsewhere: from another thread, or when something has happened.
///
/// Given to a runner by [`LocalRunner::controlled_by`](crate::LocalRunner::controlled_by). Its clones are the same handle. What it was told holds for
/// all runs that have it, also for those that begin later.
#[derive(Clone, Default)]
pub struct RunHandle(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    wish: Option<Wish>,
    runs: Vec<Arc<Shared>>,
}

/// How a run is to end; the greater one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wish {
    Drain,
    Cancel,
}

impl RunHandle {
    /// A handle that has been told nothing.
    #[must_use]
    pub fn new() -> Self {
        RunHandle::default()
    }

    /// Ends sources: each keeps what its restriction still wants to read by
    /// [`truncate`](ferrobeam_core::prelude::Restriction::truncate). What they have given goes through, windows close, timers
    /// fire, and the run ends well. What has an end is read to that end.
    pub fn drain(&self) {
        self.wish(Wish::Drain);
    }

    /// Stops at once, with an error.
    pub fn cancel(&self) {
        self.wish(Wish::Cancel);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wish(&self, wish: Wish) {
        let mut inner = self.lock();
        inner.wish = inner.wish.max(Some(wish));
        inner.runs.iter().for_each(|run| carry_out(wish, run));
    }

    /// Has a run in its hands until what this gives is dropped.
    pub(crate) fn hold(&self, run: &Arc<Shared>) -> Held<'_> {
        let mut inner = self.lock();
        if let Some(wish) = inner.wish {
            carry_out(wish, run);
        }
        inner.runs.push(run.clone());
        Held { handle: self, run: run.clone() }
    }
}

impl fmt::Debug for RunHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunHandle").field("wish", &self.lock().wish).finish_non_exhaustive()
    }
}

fn carry_out(wish: Wish, run: &Shared) {
    match wish {
        Wish::Drain => run.drain(),
        Wish::Cancel => run.stop(End::Failed(Mutex::new(Some(stopped("it was cancelled"))))),
    }
}

/// A run that a handle may end.
pub(crate) struct Held<'a> {
    handle: &'a RunHandle,
    run: Arc<Shared>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.handle.lock().runs.retain(|run| !Arc::ptr_eq(run, &self.run));
    }
}
