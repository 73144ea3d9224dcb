//! Values of a key, a batch at a time.

use crate::coder;
use crate::dofn::stateful::{Bag, StatefulContext, StatefulDoFn, Value};
use crate::error::BoxError;
use crate::time::Timestamp;
use crate::{Element, Key, PCollection, PTransform, State, Timers};
use std::marker::PhantomData;
use std::time::Duration;

/// Groups the values of each key into batches that are full at a number of values or of bytes; Beam's `GroupIntoBatches`.
///
/// A batch that is full goes out with the time of the value that filled it. One that is not goes out when the window ends, or
/// when its first value has waited for [`max_buffering`](GroupIntoBatches::max_buffering); until then it holds the watermark
/// at its earliest value, which is the batch's time. Batches never span windows.
///
/// ```
/// # use ferrobeam_core::{prelude::*, testing::assert_that};
/// # ferrobeam_direct::DirectRunner::new().run(|root| {
/// let calls = root.create(0..7u64).key_by(|_| ()).apply(GroupIntoBatches::of_size(3));
/// assert_that(&calls.map(|((), batch)| batch.len())).contains_in_any_order([3, 3, 1]);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct GroupIntoBatches {
    values: u64,
    bytes: u64,
    wait: Option<Duration>,
}

impl GroupIntoBatches {
    /// Batches of so many values, at least one.
    pub fn of_size(values: u64) -> Self {
        GroupIntoBatches { values: values.max(1), bytes: u64::MAX, wait: None }
    }

    /// Batches of so many bytes, as values are encoded, or a little more: the value that reaches it belongs to the batch.
    pub fn of_byte_size(bytes: u64) -> Self {
        GroupIntoBatches { values: u64::MAX, bytes, wait: None }
    }

    /// Batches have no more than so many values, at least one.
    pub fn size(self, values: u64) -> Self {
        GroupIntoBatches { values: values.max(1), ..self }
    }

    /// A batch is full at so many bytes: see [`of_byte_size`](GroupIntoBatches::of_byte_size).
    pub fn byte_size(self, bytes: u64) -> Self {
        GroupIntoBatches { bytes, ..self }
    }

    /// No value waits longer than this, in processing time, for its batch to be full.
    pub fn max_buffering(self, wait: Duration) -> Self {
        GroupIntoBatches { wait: Some(wait), ..self }
    }
}

impl<K: Key, V: Element> PTransform<PCollection<(K, V)>> for GroupIntoBatches {
    type Output = PCollection<(K, Vec<V>)>;

    #[track_caller]
    fn expand(self, pairs: PCollection<(K, V)>) -> Self::Output {
        pairs.par_do_stateful(Gather { limits: self, of: PhantomData }).named("Gather")
    }
}

#[derive(Clone)]
struct Gather<K, V> {
    limits: GroupIntoBatches,
    of: PhantomData<fn(K, V)>,
}

#[derive(State)]
struct Gathered<V: Element> {
    values: Bag<V>,
    /// How many values and bytes there are, and the earliest time.
    so_far: Value<(u64, u64, Timestamp)>,
}

#[derive(Timers)]
enum Due {
    #[timer(event_time)]
    EndOfWindow,
    #[timer(processing_time)]
    Waited,
}

type Gathering<'a, K, V> = StatefulContext<'a, (K, Vec<V>), Due>;

impl<K: Key, V: Element> Gather<K, V> {
    fn emit(key: &K, state: &mut Gathered<V>, ctx: &mut Gathering<'_, K, V>) {
        state.so_far.clear();
        ctx.clear(Due::EndOfWindow);
        ctx.clear(Due::Waited);
        let values = state.values.take();
        if !values.is_empty() {
            ctx.emit((key.clone(), values));
        }
    }
}

impl<K: Key, V: Element> StatefulDoFn for Gather<K, V> {
    type Key = K;
    type In = V;
    type Out = (K, Vec<V>);
    type State = Gathered<V>;
    type Timer = Due;

    fn process(
        &mut self,
        key: &K,
        value: V,
        state: &mut Gathered<V>,
        ctx: &mut Gathering<'_, K, V>,
    ) -> Result<(), BoxError> {
        let GroupIntoBatches { values, bytes, wait } = self.limits;
        let (mut n, mut size, earliest) = state.so_far.get().copied().unwrap_or((0, 0, Timestamp::MAX));
        if bytes < u64::MAX {
            let mut encoded = Vec::new();
            coder::put(&value, &mut encoded)?;
            size += encoded.len() as u64;
        }
        n += 1;
        state.values.add(value);
        if n >= values || size >= bytes {
            Self::emit(key, state, ctx);
            return Ok(());
        }
        let (at, end) = (ctx.timestamp(), ctx.window().max_timestamp());
        if at < earliest && at <= end {
            ctx.set_with_output(Due::EndOfWindow, end, at);
        } else if n == 1 {
            // A value may lie behind its window, for steps change times.
            ctx.set(Due::EndOfWindow, end);
        }
        if n == 1
            && let Some(wait) = wait
        {
            ctx.set_after(Due::Waited, wait);
        }
        state.so_far.set((n, size, earliest.min(at)));
        Ok(())
    }

    fn on_timer(
        &mut self,
        key: &K,
        _: Due,
        state: &mut Gathered<V>,
        ctx: &mut Gathering<'_, K, V>,
    ) -> Result<(), BoxError> {
        Self::emit(key, state, ctx);
        Ok(())
    }
}
