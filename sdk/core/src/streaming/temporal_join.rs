//! Values with the version that was valid at their time.

use super::both_sides;
use crate::combiners::encoded;
use crate::dofn::stateful::{OrderedList, StatefulContext, StatefulDoFn, Value};
use crate::error::BoxError;
use crate::time::{Timestamp, millis};
use crate::{Element, Key, PCollection, PTransform, State, Timers};
use std::marker::PhantomData;

/// Pairs each value of a key with the newest of another stream that is not later than it: an as-of join with a table whose
/// changes are a stream.
///
/// A value waits until the watermark has passed its timestamp, so that no version before it is missing, and goes out with
/// that timestamp, in the global window; with none if there is no version yet. Of several versions at one time, always the
/// same one counts. The newest version of each key is kept for ever, and older ones as long as they may be asked for: what
/// comes late finds only those.
///
/// ```
/// # use ferrobeam_core::{prelude::*, testing::assert_that};
/// # ferrobeam_direct::DirectRunner::new().run(|root| {
/// let at = |(_, (at, _)): &(String, (i64, u64))| Timestamp::from_millis(*at);
/// let eur = |at, x| ("EUR".to_owned(), (at, x));
/// let rates = root.create([eur(0, 110), eur(50, 120)]).with_timestamps(at);
/// let orders = root.create([eur(49, 1), eur(50, 2)]).with_timestamps(at);
/// let priced = orders.apply(TemporalJoin::with(&rates)).map(|(_, ((_, n), rate))| (n, rate.map(|(_, rate)| rate)));
/// assert_that(&priced).contains_in_any_order([(1, Some(110)), (2, Some(120))]);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct TemporalJoin<K, B> {
    versions: PCollection<(K, B)>,
}

impl<K: Key, B: Element> TemporalJoin<K, B> {
    /// Joins with these versions, each valid from its timestamp until the next.
    pub fn with(versions: &PCollection<(K, B)>) -> Self {
        TemporalJoin { versions: versions.clone() }
    }
}

impl<K: Key, A: Element, B: Element> PTransform<PCollection<(K, A)>> for TemporalJoin<K, B> {
    type Output = PCollection<(K, (A, Option<B>))>;

    fn name(&self) -> String {
        "TemporalJoin".to_owned()
    }

    #[track_caller]
    fn expand(self, values: PCollection<(K, A)>) -> Self::Output {
        both_sides(&values, &self.versions).par_do_stateful(AsOf(PhantomData)).named("Join")
    }
}

#[derive(Clone)]
struct AsOf<K, A, B>(PhantomData<fn(K, A, B)>);

#[derive(State)]
struct Table<A: Element, B: Element> {
    waiting: OrderedList<A>,
    versions: OrderedList<B>,
    /// Up to when the timer waits.
    due: Value<Timestamp>,
}

#[derive(Timers)]
enum Due {
    #[timer(event_time)]
    Complete,
}

type Out<K, A, B> = (K, (A, Option<B>));
type Joining<'a, K, A, B> = StatefulContext<'a, Out<K, A, B>, Due>;

fn wait_for<K, A: Element, B: Element>(at: Timestamp, state: &mut Table<A, B>, ctx: &mut Joining<'_, K, A, B>) {
    state.due.set(at);
    ctx.set_with_output(Due::Complete, at, at);
}

impl<K: Key, A: Element, B: Element> StatefulDoFn for AsOf<K, A, B> {
    type Key = K;
    type In = Result<A, B>;
    type Out = Out<K, A, B>;
    type State = Table<A, B>;
    type Timer = Due;

    fn process(
        &mut self,
        _: &K,
        side: Result<A, B>,
        state: &mut Table<A, B>,
        ctx: &mut Joining<'_, K, A, B>,
    ) -> Result<(), BoxError> {
        let at = ctx.timestamp();
        match side {
            Ok(value) => state.waiting.insert(at, value),
            // Versions wait, too: then older ones can go.
            Err(version) => state.versions.insert(at, version),
        }
        if state.due.get().is_none_or(|due| at < *due) {
            wait_for(at, state, ctx);
        }
        Ok(())
    }

    fn on_timer(
        &mut self,
        key: &K,
        _: Due,
        state: &mut Table<A, B>,
        ctx: &mut Joining<'_, K, A, B>,
    ) -> Result<(), BoxError> {
        let fire = ctx.fire_timestamp().unwrap_or(Timestamp::END_OF_GLOBAL_WINDOW);
        let mut versions: Vec<(Timestamp, &B)> = state.versions.range(..=fire).collect();
        versions.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| encoded::compare(a.1, b.1)));
        for (at, value) in state.waiting.range(..=fire) {
            let newer = versions.partition_point(|(from, _)| *from <= at);
            let version = newer.checked_sub(1).map(|newest| versions[newest].1.clone());
            ctx.emit_at((key.clone(), (value.clone(), version)), at);
        }
        let newest = versions.last().map(|(at, _)| *at);
        state.waiting.clear_range(..=fire);
        if let Some(newest) = newest {
            state.versions.clear_range(..newest);
        }
        let later = fire + millis(1)..;
        let next = state.waiting.range(later.clone()).next().map(|(at, _)| at);
        let next = next.into_iter().chain(state.versions.range(later).next().map(|(at, _)| at)).min();
        match next {
            Some(next) => wait_for(next, state, ctx),
            None => state.due.clear(),
        }
        Ok(())
    }
}
