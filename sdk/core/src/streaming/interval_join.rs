//! Two streams, joined where their times are near.

use super::both_sides;
use crate::dofn::stateful::{OrderedList, StatefulContext, StatefulDoFn, Value};
use crate::error::BoxError;
use crate::time::Timestamp;
use crate::{Element, Key, PCollection, PTransform, State, Timers};
use std::marker::PhantomData;
use std::time::Duration;

/// Pairs each value of a key with each of another stream whose timestamp lies within an interval around its own: a
/// stream-stream join without windows.
///
/// A pair goes out when the second of the two comes, with the later of their timestamps, in the global window. A value is
/// kept until the watermark says that nothing more can match it; one that comes later than that finds only what is left.
///
/// ```
/// # use ferrobeam_core::{prelude::*, testing::assert_that, time::minutes};
/// # ferrobeam_direct::DirectRunner::new().run(|root| {
/// let at = |minute: &i64| Timestamp::from_millis(minute * 60_000);
/// let shown = root.create([("ad1".to_owned(), 0), ("ad1".to_owned(), 30)]).with_timestamps(move |(_, m)| at(m));
/// let clicked = root.create([("ad1".to_owned(), 35)]).with_timestamps(move |(_, m)| at(m));
/// let joined = shown.apply(IntervalJoin::with(&clicked).between(minutes(0), minutes(10)));
/// assert_that(&joined).is_singleton(("ad1".to_owned(), (30, 35)));
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct IntervalJoin<K, B> {
    other: PCollection<(K, B)>,
    before: Duration,
    after: Duration,
}

impl<K: Key, B: Element> IntervalJoin<K, B> {
    /// Joins with another stream; only equal timestamps match until [`between`](IntervalJoin::between) says more.
    pub fn with(other: &PCollection<(K, B)>) -> Self {
        IntervalJoin { other: other.clone(), before: Duration::ZERO, after: Duration::ZERO }
    }

    /// The other's timestamp may be so much before this one's, and so much after it, both included.
    pub fn between(self, before: Duration, after: Duration) -> Self {
        IntervalJoin { before, after, ..self }
    }

    /// Emits a value that nothing matches, too, with none, once the watermark says that nothing will. Until then it holds the
    /// watermark behind the join at its timestamp.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, testing::assert_that, time::minutes};
    /// # ferrobeam_direct::DirectRunner::new().run(|root| {
    /// let at = |minute: &i64| Timestamp::from_millis(minute * 60_000);
    /// let shown = root.create([("ad1".to_owned(), 0), ("ad1".to_owned(), 30)]).with_timestamps(move |(_, m)| at(m));
    /// let clicked = root.create([("ad1".to_owned(), 35)]).with_timestamps(move |(_, m)| at(m));
    /// let joined = shown.apply(IntervalJoin::with(&clicked).between(minutes(0), minutes(10)).left_outer());
    /// assert_that(&joined.values()).contains_in_any_order([(0, None), (30, Some(35))]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    pub fn left_outer(self) -> LeftIntervalJoin<K, B> {
        LeftIntervalJoin(self)
    }

    #[track_caller]
    fn joined<A: Element>(&self, left: &PCollection<(K, A)>, keeps_lonely: bool) -> PCollection<(K, (A, Option<B>))> {
        let join = Join { before: self.before, after: self.after, keeps_lonely, of: PhantomData };
        both_sides(left, &self.other).par_do_stateful(join).named("Join")
    }
}

impl<K: Key, A: Element, B: Element> PTransform<PCollection<(K, A)>> for IntervalJoin<K, B> {
    type Output = PCollection<(K, (A, B))>;

    fn name(&self) -> String {
        "IntervalJoin".to_owned()
    }

    #[track_caller]
    fn expand(self, left: PCollection<(K, A)>) -> Self::Output {
        let joined = self.joined(&left, false);
        joined.flat_map(|(key, (a, b))| b.map(|b| (key, (a, b)))).named("Pairs")
    }
}

/// The transform that [`IntervalJoin::left_outer`] makes.
#[derive(Clone, Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct LeftIntervalJoin<K, B>(IntervalJoin<K, B>);

impl<K: Key, A: Element, B: Element> PTransform<PCollection<(K, A)>> for LeftIntervalJoin<K, B> {
    type Output = PCollection<(K, (A, Option<B>))>;

    fn name(&self) -> String {
        "LeftIntervalJoin".to_owned()
    }

    #[track_caller]
    fn expand(self, left: PCollection<(K, A)>) -> Self::Output {
        self.0.joined(&left, true)
    }
}

#[derive(Clone)]
struct Join<K, A, B> {
    before: Duration,
    after: Duration,
    keeps_lonely: bool,
    of: PhantomData<fn(K, A, B)>,
}

#[derive(State)]
struct Kept<A: Element, B: Element> {
    left: OrderedList<A>,
    right: OrderedList<B>,
    /// Of the left what has found nothing yet, if that is of interest. What a value of the right matches is a range of time.
    lonely: OrderedList<A>,
    /// The timestamp of the first of them, or one before.
    first_lonely: Value<Timestamp>,
    sweeps: Value<bool>,
}

#[derive(Timers)]
enum Due {
    #[timer(event_time)]
    Lonely,
    /// Removes what cannot match any more, not each for itself, but once for as long as the intervals are.
    #[timer(event_time)]
    Sweep,
}

type Out<K, A, B> = (K, (A, Option<B>));
type Joining<'a, K, A, B> = StatefulContext<'a, Out<K, A, B>, Due>;

fn within_time(at: Timestamp) -> Timestamp {
    at.min(Timestamp::END_OF_GLOBAL_WINDOW)
}

impl<K: Key, A: Element, B: Element> Join<K, A, B> {
    fn left(&self, key: &K, a: A, state: &mut Kept<A, B>, ctx: &mut Joining<'_, K, A, B>) {
        let at = ctx.timestamp();
        let mut found = false;
        for (other, b) in state.right.range(at - self.before..=at + self.after) {
            ctx.emit_at((key.clone(), (a.clone(), Some(b.clone()))), at.max(other));
            found = true;
        }
        if found || !self.keeps_lonely {
            state.left.insert(at, a);
            return;
        }
        state.lonely.insert(at, a);
        if state.first_lonely.get().is_none_or(|first| at < *first) {
            self.wait_for(at, state, ctx);
        }
    }

    fn right(&self, key: &K, b: B, state: &mut Kept<A, B>, ctx: &mut Joining<'_, K, A, B>) {
        let at = ctx.timestamp();
        let near = at - self.after..=at + self.before;
        if self.keeps_lonely {
            let found: Vec<(Timestamp, A)> = state.lonely.range(near.clone()).map(|(at, a)| (at, a.clone())).collect();
            if !found.is_empty() {
                state.lonely.clear_range(near.clone());
                found.into_iter().for_each(|(at, a)| state.left.insert(at, a));
            }
        }
        for (other, a) in state.left.range(near) {
            ctx.emit_at((key.clone(), (a.clone(), Some(b.clone()))), at.max(other));
        }
        state.right.insert(at, b);
    }

    /// Waits until nothing can match the value at `first`, and holds the watermark there.
    fn wait_for(&self, first: Timestamp, state: &mut Kept<A, B>, ctx: &mut Joining<'_, K, A, B>) {
        state.first_lonely.set(first);
        ctx.set_with_output(Due::Lonely, within_time(first + self.after), first);
    }

    fn sweep_after(&self, at: Timestamp, state: &mut Kept<A, B>, ctx: &mut Joining<'_, K, A, B>) {
        state.sweeps.set(true);
        ctx.set(Due::Sweep, within_time(at + self.before.max(self.after)));
    }
}

impl<K: Key, A: Element, B: Element> StatefulDoFn for Join<K, A, B> {
    type Key = K;
    type In = Result<A, B>;
    type Out = Out<K, A, B>;
    type State = Kept<A, B>;
    type Timer = Due;

    fn process(
        &mut self,
        key: &K,
        side: Result<A, B>,
        state: &mut Kept<A, B>,
        ctx: &mut Joining<'_, K, A, B>,
    ) -> Result<(), BoxError> {
        match side {
            Ok(a) => self.left(key, a, state, ctx),
            Err(b) => self.right(key, b, state, ctx),
        }
        if state.sweeps.get().is_none() {
            self.sweep_after(ctx.timestamp(), state, ctx);
        }
        Ok(())
    }

    fn on_timer(
        &mut self,
        key: &K,
        due: Due,
        state: &mut Kept<A, B>,
        ctx: &mut Joining<'_, K, A, B>,
    ) -> Result<(), BoxError> {
        let fire = ctx.fire_timestamp().unwrap_or(Timestamp::END_OF_GLOBAL_WINDOW);
        // At the end of time nothing more comes.
        let passed = |bound: Duration| if fire < Timestamp::END_OF_GLOBAL_WINDOW { fire - bound } else { fire };
        match due {
            Due::Lonely => {
                let over = ..=passed(self.after);
                for (at, a) in state.lonely.range(over) {
                    ctx.emit_at((key.clone(), (a.clone(), None)), at);
                }
                state.lonely.clear_range(over);
                let next = state.lonely.iter().next().map(|(at, _)| at);
                match next {
                    Some(next) => self.wait_for(next, state, ctx),
                    None => state.first_lonely.clear(),
                }
            }
            Due::Sweep => {
                state.left.clear_range(..=passed(self.after));
                state.right.clear_range(..=passed(self.before));
                if state.left.is_empty() && state.right.is_empty() {
                    state.sweeps.clear();
                } else {
                    self.sweep_after(fire, state, ctx);
                }
            }
        }
        Ok(())
    }
}
