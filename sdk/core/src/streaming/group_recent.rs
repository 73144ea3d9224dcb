//! The last values of a key, and no others.

use crate::combiners::{CombineFn, encoded};
use crate::time::Timestamp;
use crate::{Element, Key, PCollection, PTransform};
use std::marker::PhantomData;
use std::time::Duration;

/// Groups the values of each key and window as `group_by_key` does, but evicts all but the newest: the last n, or those that
/// are not older than a length of time before the newest. What is evicted takes no room.
///
/// Values are in the order of their timestamps. When panes go out is the business of windows and triggers: with sliding
/// windows, or with an accumulating trigger in the global window, this is "the last hundred, every ten".
///
/// ```
/// # use ferrobeam_core::{prelude::*, testing::assert_that, time::millis};
/// # ferrobeam_direct::DirectRunner::new().run(|root| {
/// let readings = root.create([10u64, 40, 20, 30]).with_timestamps(|n| Timestamp::from_millis(*n as i64)).key_by(|_| ());
/// assert_that(&readings.apply(GroupRecent::last(3)).values()).is_singleton(vec![20, 30, 40]);
/// assert_that(&readings.apply(GroupRecent::within(millis(10))).values()).is_singleton(vec![30, 40]);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct GroupRecent(Evictor);

#[derive(Clone, Copy, Debug)]
enum Evictor {
    Count(usize),
    Age(Duration),
}

impl GroupRecent {
    /// The last `n` by their timestamps; of those with one timestamp that are too many, any, but always the same.
    pub fn last(n: usize) -> Self {
        GroupRecent(Evictor::Count(n))
    }

    /// Those whose timestamps are no more than `age` before that of the newest.
    pub fn within(age: Duration) -> Self {
        GroupRecent(Evictor::Age(age))
    }
}

impl<K: Key, V: Element> PTransform<PCollection<(K, V)>> for GroupRecent {
    type Output = PCollection<(K, Vec<V>)>;

    #[track_caller]
    fn expand(self, pairs: PCollection<(K, V)>) -> Self::Output {
        let timed = pairs.timestamps(|at, (key, value)| (key, (at, value)));
        timed.combine_step("Recent", Recent { evictor: self.0, of: PhantomData })
    }
}

/// What [`GroupRecent`] combines with.
#[derive(Clone, Debug)]
pub struct Recent<V> {
    evictor: Evictor,
    of: PhantomData<fn(V)>,
}

impl<V: Element> Recent<V> {
    /// Leaves what counts, in order.
    fn evict(&self, values: &mut Vec<(Timestamp, V)>) {
        values.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| encoded::compare(&a.1, &b.1)));
        let evicted = match (self.evictor, values.last()) {
            (Evictor::Count(n), _) => values.len().saturating_sub(n),
            (Evictor::Age(age), Some((newest, _))) => {
                let oldest = *newest - age;
                values.partition_point(|(at, _)| *at < oldest)
            }
            (Evictor::Age(_), None) => 0,
        };
        values.drain(..evicted);
    }
}

impl<V: Element> CombineFn for Recent<V> {
    type In = (Timestamp, V);
    type Acc = Vec<(Timestamp, V)>;
    type Out = Vec<V>;

    fn create_accumulator(&self) -> Self::Acc {
        Vec::new()
    }

    fn add_input(&self, values: &mut Self::Acc, value: (Timestamp, V)) {
        if values.len() == values.capacity() {
            // Before it grows; and if little went, there will be room for as much again.
            self.evict(values);
            values.reserve(values.len().max(8));
        }
        values.push(value);
    }

    fn merge_accumulators(&self, into: &mut Self::Acc, from: Self::Acc) {
        into.extend(from);
        self.evict(into);
    }

    fn extract_output(&self, mut values: Self::Acc) -> Vec<V> {
        self.evict(&mut values);
        values.into_iter().map(|(_, value)| value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combiners::laws::{exact, laws};
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Vec<(Timestamp, u8)>> {
        vec((0i64..40, any::<u8>()).prop_map(|(at, x)| (Timestamp::from_millis(at), x)), 0..60)
    }

    #[test]
    fn laws_hold() {
        let sorted = |inputs: &[(Timestamp, u8)]| {
            let mut sorted = inputs.to_vec();
            sorted.sort_unstable();
            sorted
        };
        let last = move |inputs: &[(Timestamp, u8)]| {
            let sorted = sorted(inputs);
            sorted[sorted.len().saturating_sub(7)..].iter().map(|(_, x)| *x).collect::<Vec<_>>()
        };
        laws(Recent { evictor: Evictor::Count(7), of: PhantomData }, values(), exact(last));
        let within = move |inputs: &[(Timestamp, u8)]| {
            let newest = inputs.iter().map(|(at, _)| at.millis()).max().unwrap_or_default();
            let kept = sorted(inputs).into_iter().filter(|(at, _)| at.millis() >= newest - 5);
            kept.map(|(_, x)| x).collect::<Vec<_>>()
        };
        laws(Recent { evictor: Evictor::Age(Duration::from_millis(5)), of: PhantomData }, values(), exact(within));
    }

    #[test]
    fn what_is_evicted_takes_no_room() {
        let recent = Recent { evictor: Evictor::Count(10), of: PhantomData };
        let mut values = recent.create_accumulator();
        for n in 0..10_000u64 {
            recent.add_input(&mut values, (Timestamp::from_millis(n as i64), n));
            assert!(values.len() <= 40);
        }
        assert_eq!(recent.extract_output(values), (9990..10_000).collect::<Vec<_>>());
    }
}
