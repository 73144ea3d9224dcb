//! Windows by number instead of time.

use crate::dofn::stateful::{Bag, StatefulContext, StatefulDoFn, Value};
use crate::error::BoxError;
use crate::{Element, Key, PCollection, PTransform, State};
use std::marker::PhantomData;

/// Windows of so many values of a key: each as long as it takes until they have come.
///
/// They follow each other, or slide: with [`every`](CountWindows::every) one goes out whenever so many new values have come,
/// with the last of all of them; the first ones are shorter, then. What is left over at the end is no window, and does not go
/// out; [`GroupIntoBatches`](super::GroupIntoBatches) emits that, too. A window has the time of the value that completes it.
/// A key counts anew in each window of time that the collection has.
///
/// Values count in the order in which they come, which a runner chooses for those that are there at the same time;
/// [`in_order_of_time`](CountWindows::in_order_of_time) makes it their own.
///
/// ```
/// # use ferrobeam_core::{prelude::*, testing::assert_that};
/// # ferrobeam_direct::DirectRunner::new().run(|root| {
/// let readings = root.create(1..=5u64).with_timestamps(|n| Timestamp::from_millis(*n as i64)).key_by(|_| ());
/// let windows = readings.apply(CountWindows::of(3).every(2).in_order_of_time());
/// assert_that(&windows.values()).contains_in_any_order([vec![1, 2], vec![2, 3, 4]]);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct CountWindows {
    size: u64,
    every: u64,
    is_sorted: bool,
}

impl CountWindows {
    /// Windows of so many values, at least one, that follow each other.
    pub fn of(size: u64) -> Self {
        CountWindows { size: size.max(1), every: size.max(1), is_sorted: false }
    }

    /// A window goes out with every so many new values, at least one.
    pub fn every(self, values: u64) -> Self {
        CountWindows { every: values.max(1), ..self }
    }

    /// Counts values in the order of their timestamps: each waits until the watermark says that none before it is missing.
    pub fn in_order_of_time(self) -> Self {
        CountWindows { is_sorted: true, ..self }
    }
}

impl<K: Key, V: Element> PTransform<PCollection<(K, V)>> for CountWindows {
    type Output = PCollection<(K, Vec<V>)>;

    #[track_caller]
    fn expand(self, pairs: PCollection<(K, V)>) -> Self::Output {
        let windows = if self.is_sorted {
            pairs.par_do_stateful(CountStep::<K, V, true> { windows: self, of: PhantomData })
        } else {
            pairs.par_do_stateful(CountStep::<K, V, false> { windows: self, of: PhantomData })
        };
        windows.named("Count")
    }
}

#[derive(Clone)]
struct CountStep<K, V, const SORTED: bool> {
    windows: CountWindows,
    of: PhantomData<fn(K, V)>,
}

#[derive(State)]
struct Last<V: Element> {
    values: Bag<V>,
    /// How many have come since the last window.
    fresh: Value<u64>,
}

impl<K: Key, V: Element, const SORTED: bool> StatefulDoFn for CountStep<K, V, SORTED> {
    type Key = K;
    type In = V;
    type Out = (K, Vec<V>);
    type State = Last<V>;
    type Timer = ();

    const TIME_SORTED: bool = SORTED;

    fn process(
        &mut self,
        key: &K,
        value: V,
        state: &mut Last<V>,
        ctx: &mut StatefulContext<'_, (K, Vec<V>), ()>,
    ) -> Result<(), BoxError> {
        let CountWindows { size, every, .. } = self.windows;
        let fresh = state.fresh.get().copied().unwrap_or_default() + 1;
        // Of values that no window has there is no need.
        if every.saturating_sub(fresh) < size {
            state.values.add(value);
        }
        if fresh < every {
            state.fresh.set(fresh);
            return Ok(());
        }
        state.fresh.clear();
        let mut window = state.values.take();
        let beyond = window.len().saturating_sub(usize::try_from(size)?);
        window.drain(..beyond);
        let kept = usize::try_from(size.saturating_sub(every))?.min(window.len());
        for value in &window[window.len() - kept..] {
            state.values.add(value.clone());
        }
        ctx.emit((key.clone(), window));
        Ok(())
    }
}
