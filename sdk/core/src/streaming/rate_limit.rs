//! Not too many at a time.

use crate::dofn::stateful::{OrderedList, StatefulContext, StatefulDoFn, Value};
use crate::error::BoxError;
use crate::time::Timestamp;
use crate::{Element, Key, PCollection, PTransform, State, Timers};
use std::marker::PhantomData;
use std::time::Duration;

/// Lets at most so many values of a key pass in a period of processing time; the others wait.
///
/// A period begins with the first value after the last one was over. Values that wait go out in the order of their
/// timestamps, with which they hold the watermark; with [`drop_excess`](RateLimit::drop_excess) they are dropped instead.
/// The limit is that of a key and window: put a stream into windows behind it, not before.
///
/// ```
/// # use ferrobeam_core::{prelude::*, testing::assert_that, time::seconds};
/// # ferrobeam_direct::DirectRunner::new().run(|root| {
/// let calls = root.create(0..10u64).key_by(|_| "service".to_owned());
/// assert_that(&calls.apply(RateLimit::of(4).per(seconds(1))).values()).contains_in_any_order(0..10);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct RateLimit {
    values: usize,
    period: Duration,
    drops: bool,
}

impl RateLimit {
    /// At most so many values of a key, at least one, each second.
    pub fn of(values: usize) -> Self {
        RateLimit { values: values.max(1), period: Duration::from_secs(1), drops: false }
    }

    /// Counts in periods of this length, at least a millisecond.
    pub fn per(self, period: Duration) -> Self {
        RateLimit { period: period.max(Duration::from_millis(1)), ..self }
    }

    /// Drops what is too much.
    pub fn drop_excess(self) -> Self {
        RateLimit { drops: true, ..self }
    }
}

impl<K: Key, V: Element> PTransform<PCollection<(K, V)>> for RateLimit {
    type Output = PCollection<(K, V)>;

    #[track_caller]
    fn expand(self, pairs: PCollection<(K, V)>) -> Self::Output {
        pairs.par_do_stateful(Gate { limit: self, of: PhantomData }).named("Gate")
    }
}

#[derive(Clone)]
struct Gate<K, V> {
    limit: RateLimit,
    of: PhantomData<fn(K, V)>,
}

#[derive(State)]
struct Queue<V: Element> {
    /// When the period ends, and how many have passed in it.
    period: Value<(Timestamp, u64)>,
    waiting: OrderedList<V>,
    /// The time of the earliest that waits.
    held: Value<Timestamp>,
}

#[derive(Timers)]
enum Due {
    #[timer(processing_time)]
    Next,
}

type Passing<'a, K, V> = StatefulContext<'a, (K, V), Due>;

impl<K: Key, V: Element> StatefulDoFn for Gate<K, V> {
    type Key = K;
    type In = V;
    type Out = (K, V);
    type State = Queue<V>;
    type Timer = Due;

    fn process(
        &mut self,
        key: &K,
        value: V,
        state: &mut Queue<V>,
        ctx: &mut Passing<'_, K, V>,
    ) -> Result<(), BoxError> {
        let (now, at) = (ctx.processing_time(), ctx.timestamp());
        let held = state.held.get().copied();
        let (end, passed) = match state.period.get() {
            // Those that wait come first, however late the runner calls.
            Some((end, passed)) if now < *end || held.is_some() => (*end, *passed),
            _ => (now + self.limit.period, 0),
        };
        if held.is_none() && passed < self.limit.values as u64 {
            state.period.set((end, passed + 1));
            ctx.emit((key.clone(), value));
        } else if !self.limit.drops {
            state.waiting.insert(at, value);
            if held.is_none_or(|held| at < held) {
                state.held.set(at);
                ctx.set_with_output(Due::Next, end, at);
            }
        }
        Ok(())
    }

    fn on_timer(&mut self, key: &K, _: Due, state: &mut Queue<V>, ctx: &mut Passing<'_, K, V>) -> Result<(), BoxError> {
        let mut waiting: Vec<(Timestamp, V)> = state.waiting.iter().map(|(at, value)| (at, value.clone())).collect();
        let rest = waiting.split_off(self.limit.values.min(waiting.len()));
        let end = ctx.processing_time() + self.limit.period;
        state.period.set((end, waiting.len() as u64));
        if let Some((last, _)) = waiting.last() {
            // Of those with the time of the last some may have to wait on.
            state.waiting.clear_range(..=*last);
            rest.iter()
                .take_while(|(at, _)| at == last)
                .for_each(|(at, value)| state.waiting.insert(*at, value.clone()));
        }
        waiting.into_iter().for_each(|(at, value)| ctx.emit_at((key.clone(), value), at));
        match rest.first() {
            Some((first, _)) => {
                state.held.set(*first);
                ctx.set_with_output(Due::Next, end, *first);
            }
            None => state.held.clear(),
        }
        Ok(())
    }
}
