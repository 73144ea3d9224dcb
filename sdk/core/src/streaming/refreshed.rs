//! A table that is loaded again and again, to join a stream with.

use super::periodic::PeriodicImpulse;
use crate::dofn::{Context, DoFn};
use crate::error::BoxError;
use crate::time::Timestamp;
use crate::transforms::side_inputs::Singleton;
use crate::windowing::trigger::{after_count, repeatedly};
use crate::windowing::{GlobalWindows, TimestampCombiner};
use crate::{Element, PTransform, Root};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// A side input that is loaded when the pipeline starts and again each period of processing time: the static side of a
/// stream-static join.
///
/// Elements wait for the first load, and then see the newest that has come. `load` runs on one worker; an error of it fails
/// the pipeline, so it should return what it had before where that is better. A pipeline with it runs until it is drained, or
/// until [`until`](Refreshed::until).
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
}

impl<F> Refreshed<F> {
    /// Loads each `period`, at least a millisecond.
    pub fn every(period: Duration, load: F) -> Self {
        Refreshed { impulse: PeriodicImpulse::every(period), load }
    }

    /// Loads for the last time before this processing time.
    pub fn until(self, end: Timestamp) -> Self {
        Refreshed { impulse: self.impulse.until(end), ..self }
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
        let load = Load { load: Arc::new(self.load), of: PhantomData };
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
    of: PhantomData<fn() -> T>,
}

impl<T, F> Clone for Load<T, F> {
    fn clone(&self) -> Self {
        Load { load: self.load.clone(), of: PhantomData }
    }
}

impl<T: Element, F: Fn() -> Result<T, BoxError> + Send + Sync + 'static> DoFn for Load<T, F> {
    type In = Timestamp;
    type Out = T;

    fn process(&mut self, _: Timestamp, ctx: &mut Context<'_, T>) -> Result<(), BoxError> {
        ctx.emit((self.load)()?);
        Ok(())
    }
}
