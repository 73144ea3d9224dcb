//! A table that is loaded again and again, to join a stream with.

use super::periodic::PeriodicImpulse;
use crate::dofn::{Context, DoFn};
use crate::error::BoxError;
use crate::metrics::Counter;
use crate::time::Timestamp;
use crate::transforms::side_inputs::Singleton;
use crate::windowing::trigger::{after_count, repeatedly};
use crate::windowing::{GlobalWindows, TimestampCombiner};
use crate::{Element, PTransform, Root};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A side input that is loaded when the pipeline starts and again each period of processing time: the static side of a
/// stream-static join.
///
/// Elements wait for the first load, and then see the newest that has come. `load` runs on one worker; an error of it fails
/// the pipeline, unless there is something to [keep](Refreshed::keep_when_failing). A pipeline with it runs until it is
/// drained, or until [`until`](Refreshed::until).
///
/// ```
/// # use ferrobeam_core::{prelude::*, testing::assert_that, time::minutes};
/// # use std::collections::HashMap;
/// # fn read_users() -> Result<HashMap<u64, String>, BoxError> { Ok(HashMap::from([(7, "ann".to_owned())])) }
/// # ferrobeam_direct::DirectRunner::new().drain_after(minutes(20)).run(|root| {
/// let users = root.apply(Refreshed::every(minutes(5), || read_users()));
/// let clicks = root.create([(7u64, "/".to_owned()), (8, "/shop".to_owned())]);
/// let named = clicks.map_with(users, |(user, page), users| (users.get(&user).cloned(), page));
/// assert_that(&named)
///     .contains_in_any_order([(Some("ann".to_owned()), "/".to_owned()), (None, "/shop".to_owned())]);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct Refreshed<F> {
    impulse: PeriodicImpulse,
    load: F,
    keeps: bool,
}

/// How many loads of [`Refreshed`] failed and left what was there before: see [`Refreshed::keep_when_failing`].
pub const RELOADS_FAILED: Counter = Counter::new("ferrobeam", "reloads_failed");

impl<F> Refreshed<F> {
    /// Loads each `period`, at least a millisecond.
    pub fn every(period: Duration, load: F) -> Self {
        Refreshed { impulse: PeriodicImpulse::every(period), load, keeps: false }
    }

    /// Loads for the last time before this processing time.
    pub fn until(self, end: Timestamp) -> Self {
        Refreshed { impulse: self.impulse.until(end), ..self }
    }

    /// Keeps what was loaded last when a load fails, for a table that is missing or half written now and then. The first load
    /// must still succeed, or the pipeline fails.
    ///
    /// Such failures are counted by [`RELOADS_FAILED`]; a `load` that wants its errors to be read prints them. The worker's
    /// process keeps a copy of what it loaded last: one that takes over from another has none, and its first load must
    /// succeed, too.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, streaming::RELOADS_FAILED, testing::assert_that, time::minutes};
    /// # use std::sync::atomic::{AtomicBool, Ordering};
    /// # let is_there = AtomicBool::new(true);
    /// # let read_users = move || -> Result<u64, BoxError> {
    /// #     if is_there.swap(false, Ordering::Relaxed) { Ok(7) } else { Err("no such file".into()) }
    /// # };
    /// # let result = ferrobeam_direct::DirectRunner::new().run(|root| {
    /// # let end = Timestamp::EPOCH + minutes(10);
    /// let read_users = move || read_users().inspect_err(|error| eprintln!("users: {error}"));
    /// let users = root.apply(Refreshed::every(minutes(5), read_users).keep_when_failing().until(end));
    /// # assert_that(&root.create([()]).map_with(users, |_, users| *users)).contains_in_any_order([7]);
    /// # Ok(())
    /// # })?;
    /// # assert_eq!(result.metrics.counter(&RELOADS_FAILED), 1);
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    pub fn keep_when_failing(self) -> Self {
        Refreshed { keeps: true, ..self }
    }
}

impl<T, F> PTransform<&Root> for Refreshed<F>
where
    T: Element,
    F: Fn() -> Result<T, BoxError> + Send + Sync + 'static,
{
    type Output = Singleton<T>;

    fn name(&self) -> String {
        "Refreshed".to_owned()
    }

    #[track_caller]
    fn expand(self, root: &Root) -> Singleton<T> {
        let kept = self.keeps.then(Arc::default);
        let load = Load { load: Arc::new(self.load), kept };
        let loaded = root.apply(self.impulse).par_do(load).named("Load");
        let newest = GlobalWindows::new()
            .trigger(repeatedly(after_count(1)))
            .discarding()
            .timestamp_combiner(TimestampCombiner::Latest);
        loaded.window(newest).latest_globally().as_singleton()
    }
}

struct Load<T, F> {
    load: Arc<F>,
    /// What was loaded last, of all copies of the step, if it is to be kept. It is emitted again when a load fails, because
    /// the bundle that loaded it may be the one that is repeated.
    kept: Option<Arc<Mutex<Option<T>>>>,
}

impl<T, F> Clone for Load<T, F> {
    fn clone(&self) -> Self {
        Load { load: self.load.clone(), kept: self.kept.clone() }
    }
}

impl<T: Element, F: Fn() -> Result<T, BoxError> + Send + Sync + 'static> DoFn for Load<T, F> {
    type In = Timestamp;
    type Out = T;

    fn process(&mut self, _: Timestamp, ctx: &mut Context<'_, T>) -> Result<(), BoxError> {
        let loaded = (self.load)();
        let Some(kept) = &self.kept else {
            ctx.emit(loaded?);
            return Ok(());
        };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        match (loaded, &*kept) {
            (Err(_), Some(before)) => {
                RELOADS_FAILED.inc();
                ctx.emit(before.clone());
            }
            (loaded, _) => ctx.emit(kept.insert(loaded?).clone()),
        }
        Ok(())
    }
}
