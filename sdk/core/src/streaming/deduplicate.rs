//! The first of equal elements.

use crate::dofn::stateful::{OrderedList, StatefulContext, StatefulDoFn};
use crate::error::BoxError;
use crate::time::Timestamp;
use crate::{Element, Key, PCollection, PTransform, State, Timers};
use std::marker::PhantomData;
use std::time::Duration;

/// Lets an element pass if no equal one has passed within a period around its time; Beam's `Deduplicate`.
///
/// Time is event time: two equal elements whose timestamps differ by less than the period are one, in whichever order they
/// come, and the first that comes is the one that passes. A key is forgotten when the watermark has passed the period, so an
/// element that comes later than that passes again. With [`processing_time`](Deduplicate::processing_time) it is the time
/// that passes between one and the next.
///
/// Windows are kept, and each has a memory of its own: put a stream into windows afterwards, not before.
///
/// ```
/// # use ferrobeam_core::{prelude::*, testing::assert_that, time::minutes};
/// # ferrobeam_direct::DirectRunner::new().run(|root| {
/// let clicks = root.create([('a', 0), ('a', 3), ('b', 5), ('a', 70)]);
/// let clicks = clicks.with_timestamps(|(_, minute)| Timestamp::from_millis(minute * 60_000)).map(|(id, _)| id);
/// assert_that(&clicks.apply(Deduplicate::within(minutes(10)))).contains_in_any_order(['a', 'b', 'a']);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct Deduplicate {
    period: Duration,
    in_processing_time: bool,
}

impl Deduplicate {
    /// Once in a period, by event time.
    pub fn within(period: Duration) -> Self {
        Deduplicate { period, in_processing_time: false }
    }

    /// Counts the period in processing time, from the element that passes.
    pub fn processing_time(self) -> Self {
        Deduplicate { in_processing_time: true, ..self }
    }

    /// Takes elements for equal if `key` makes the same of them.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, testing::assert_that, time::hours};
    /// # ferrobeam_direct::DirectRunner::new().run(|root| {
    /// let alerts = root.create([("ann".to_owned(), 7u64), ("bob".to_owned(), 8), ("ann".to_owned(), 9)]);
    /// let once_a_user = alerts.apply(Deduplicate::within(hours(1)).by(|(user, _): &(String, u64)| user.clone()));
    /// assert_that(&once_a_user.keys()).contains_in_any_order(["ann".to_owned(), "bob".to_owned()]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    pub fn by<F>(self, key: F) -> DeduplicateBy<F> {
        DeduplicateBy { once: self, key }
    }
}

impl<T: Key> PTransform<PCollection<T>> for Deduplicate {
    type Output = PCollection<T>;

    #[track_caller]
    fn expand(self, elements: PCollection<T>) -> PCollection<T> {
        self.by(T::clone).expand(elements)
    }
}

/// The transform that [`Deduplicate::by`] makes.
#[derive(Clone, Copy, Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct DeduplicateBy<F> {
    once: Deduplicate,
    key: F,
}

impl<T: Element, K: Key, F: Fn(&T) -> K + Send + Sync + 'static> PTransform<PCollection<T>> for DeduplicateBy<F> {
    type Output = PCollection<T>;

    fn name(&self) -> String {
        "Deduplicate".to_owned()
    }

    #[track_caller]
    fn expand(self, elements: PCollection<T>) -> PCollection<T> {
        let Deduplicate { period, in_processing_time } = self.once;
        elements.key_by(self.key).par_do_stateful(First { period, in_processing_time, of: PhantomData }).named("First")
    }
}

#[derive(Clone)]
struct First<K, V> {
    period: Duration,
    in_processing_time: bool,
    of: PhantomData<fn(K, V)>,
}

#[derive(State)]
struct Passed {
    /// When an element passed.
    at: OrderedList<()>,
}

#[derive(Timers)]
enum Due {
    #[timer(event_time)]
    Watermark,
    #[timer(processing_time)]
    Clock,
}

type Passing<'a, V> = StatefulContext<'a, V, Due>;

impl<K: Key, V: Element> First<K, V> {
    /// Forgets what passed at `at` when the period is over.
    fn forget(&self, at: Timestamp, ctx: &mut Passing<'_, V>) {
        let (over, end) = (at + self.period, ctx.window().max_timestamp());
        if self.in_processing_time {
            // Nothing comes of it, so it holds nobody up.
            let output = end.max(ctx.timestamp());
            ctx.set_with_output(Due::Clock, over.min(Timestamp::END_OF_GLOBAL_WINDOW), output);
        } else if over <= end {
            ctx.set(Due::Watermark, over);
        }
        // Otherwise it goes with its window.
    }
}

impl<K: Key, V: Element> StatefulDoFn for First<K, V> {
    type Key = K;
    type In = V;
    type Out = V;
    type State = Passed;
    type Timer = Due;

    fn process(&mut self, _: &K, value: V, state: &mut Passed, ctx: &mut Passing<'_, V>) -> Result<(), BoxError> {
        let at = if self.in_processing_time { ctx.processing_time() } else { ctx.timestamp() };
        let near = at - self.period..at + self.period;
        if state.at.range(near).any(|(other, ())| at.saturating_since(other) < self.period) {
            return Ok(());
        }
        state.at.insert(at, ());
        let is_first = state.at.range(..=at).map(|(at, ())| at).eq([at]);
        if is_first {
            self.forget(at, ctx);
        }
        ctx.emit(value);
        Ok(())
    }

    fn on_timer(&mut self, _: &K, _: Due, state: &mut Passed, ctx: &mut Passing<'_, V>) -> Result<(), BoxError> {
        let fire = ctx.fire_timestamp().unwrap_or(Timestamp::MAX);
        state.at.clear_range(..=fire - self.period);
        let next = state.at.iter().next().map(|(at, ())| at);
        if let Some(next) = next {
            self.forget(next, ctx);
        }
        Ok(())
    }
}
