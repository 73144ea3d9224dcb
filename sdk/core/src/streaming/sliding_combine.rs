//! Sliding windows at a constant cost for each element.

use crate::batch::WindowSet;
use crate::combiners::{CombineFn, Count, Mean, Number, Sum, Total};
use crate::dofn::stateful::{Map, StatefulContext, StatefulDoFn, Value};
use crate::error::BoxError;
use crate::time::{Timestamp, millis};
use crate::windowing::{Window, WindowFn, Windowing, WindowingStrategy};
use crate::{Element, Key, PCollection, PTransform, State, Timers};
use std::marker::PhantomData;
use std::time::Duration;

/// A combine function with an inverse: what a part of the values has come to can be taken out again.
///
/// Law: after `merge_accumulators(a, b)`, `remove(a, b)` leaves what `a` was before, up to what the function promises
/// (floating point sums drift by their rounding errors).
pub trait InverseCombineFn: CombineFn {
    /// Takes a part out of what it was merged into.
    fn remove(&self, from: &mut Self::Acc, part: Self::Acc);
}

impl<N: Number + std::ops::Sub<Output = N>> InverseCombineFn for Sum<N> {
    fn remove(&self, from: &mut N, part: N) {
        *from = *from - part;
    }
}

impl<T: Element> InverseCombineFn for Count<T> {
    fn remove(&self, from: &mut u64, part: u64) {
        *from -= part;
    }
}

impl<N: Number> InverseCombineFn for Mean<N> {
    fn remove(&self, from: &mut Self::Acc, part: Self::Acc) {
        *from = (N::Total::subtract(from.0, part.0), from.1 - part.1);
    }
}

macro_rules! tuples {
    ($(($first:ident 0 $(, $rest:ident $i:tt)+))*) => {$(
        impl<$first: InverseCombineFn, $($rest: InverseCombineFn<In = $first::In>),+> InverseCombineFn
            for ($first, $($rest),+)
        {
            fn remove(&self, from: &mut Self::Acc, part: Self::Acc) {
                self.0.remove(&mut from.0, part.0);
                $(self.$i.remove(&mut from.$i, part.$i);)+
            }
        }
    )*};
}
tuples! {
    (A 0, B 1)
    (A 0, B 1, C 2)
}

/// Combines the values of each key in sliding windows, with work for an element that does not depend on how many windows it
/// is in: each period is combined once, added to the running result when it comes and taken out when it goes.
///
/// The results, their windows and timestamps are those of `SlidingWindows` with a combine that fires when the watermark has
/// passed. A value that comes late counts in those windows of its key that have not gone out. Input windows play no part.
///
/// ```
/// # use ferrobeam_core::{prelude::*, testing::assert_that, time::minutes};
/// # ferrobeam_direct::DirectRunner::new().run(|root| {
/// let visits = root.create([(0, 5u64), (1, 7)]).with_timestamps(|(minute, _)| Timestamp::from_millis(minute * 60_000));
/// let visits = visits.map(|(_, n)| ("/".to_owned(), n));
/// let sums = visits.apply(CombineSliding::of(minutes(2)).every(minutes(1)).with(sum()));
/// assert_that(&sums.values()).contains_in_any_order([5, 12, 7]);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct CombineSliding<C = ()> {
    size: Duration,
    period: Duration,
    combine: C,
}

impl CombineSliding {
    /// Windows of this size, in whole milliseconds, at least one.
    pub fn of(size: Duration) -> Self {
        CombineSliding { size, period: size, combine: () }
    }

    /// A window each period, of which the size must be a whole multiple: otherwise it is a mistake in the pipeline that is
    /// told when it is built.
    pub fn every(self, period: Duration) -> Self {
        CombineSliding { period, ..self }
    }

    /// What to combine with.
    pub fn with<C: InverseCombineFn>(self, combine: C) -> CombineSliding<C> {
        CombineSliding { size: self.size, period: self.period, combine }
    }
}

impl<K: Key, C: InverseCombineFn> PTransform<PCollection<(K, C::In)>> for CombineSliding<C> {
    type Output = PCollection<(K, C::Out)>;

    fn name(&self) -> String {
        "CombineSliding".to_owned()
    }

    #[track_caller]
    fn expand(self, pairs: PCollection<(K, C::In)>) -> Self::Output {
        let CombineSliding { size, period, combine } = self;
        let [size, period] = [size, period].map(|length| i64::try_from(length.as_millis()).unwrap_or(i64::MAX).max(1));
        let global = pairs.window_step("Rewindow", WindowingStrategy::default());
        let slide = Slide { size, period, combine, of: PhantomData };
        let results = global.par_do_stateful(slide).named("Slide");
        if size % period != 0 {
            let why = format!("windows of {size} ms are no whole multiple of their period of {period} ms");
            pairs.root.mistake_of(results.step, why);
        }
        results.window(Windowing::of(Trailing(size.unsigned_abs()))).named("Trailing")
    }
}

/// The window of so many milliseconds that ends with an element.
#[derive(Debug)]
struct Trailing(u64);

impl WindowFn for Trailing {
    fn assign(&self, at: Timestamp, _: Window) -> WindowSet {
        let end = at + millis(1);
        Window::interval(end - millis(self.0), end).into()
    }

    fn assigns_to_one_window(&self) -> bool {
        true
    }
}

#[derive(Clone)]
struct Slide<K, C> {
    size: i64,
    period: i64,
    combine: C,
    of: PhantomData<fn(K)>,
}

#[derive(State)]
struct Periods<C: CombineFn> {
    /// How many values there are in a period, by its start, and what they have come to.
    parts: Map<Timestamp, (u64, C::Acc)>,
    /// The same of all that the last window had and the next one has, too; and that window's end.
    running: Value<(Timestamp, (u64, C::Acc))>,
    /// The end of the window that the timer waits for.
    next: Value<Timestamp>,
}

#[derive(Timers)]
enum Due {
    #[timer(event_time)]
    EndOfWindow,
}

type Sliding<'a, K, C> = StatefulContext<'a, (K, <C as CombineFn>::Out), Due>;

impl<K: Key, C: InverseCombineFn> Slide<K, C> {
    fn nothing(&self) -> (u64, C::Acc) {
        (0, self.combine.create_accumulator())
    }

    fn later(at: Timestamp, by: i64) -> Timestamp {
        Timestamp::from_millis(at.millis().saturating_add(by))
    }

    fn wait_for(end: Timestamp, state: &mut Periods<C>, ctx: &mut Sliding<'_, K, C>) {
        let last = Self::later(end, -1);
        if last <= Timestamp::END_OF_GLOBAL_WINDOW {
            state.next.set(end);
            ctx.set(Due::EndOfWindow, last);
        }
    }
}

impl<K: Key, C: InverseCombineFn> StatefulDoFn for Slide<K, C> {
    type Key = K;
    type In = C::In;
    type Out = (K, C::Out);
    type State = Periods<C>;
    type Timer = Due;

    fn process(
        &mut self,
        _: &K,
        value: C::In,
        state: &mut Periods<C>,
        ctx: &mut Sliding<'_, K, C>,
    ) -> Result<(), BoxError> {
        let at = ctx.timestamp();
        let start = Self::later(at, -at.millis().rem_euclid(self.period));
        let mut next = Self::later(start, self.period);
        let mut one = self.nothing();
        one.0 = 1;
        self.combine.add_input(&mut one.1, value);
        if let Some((last, _)) = state.running.get()
            && start < *last
        {
            let last = *last;
            if Self::later(start, self.size) <= last {
                // All its windows have gone out.
                return Ok(());
            }
            next = Self::later(last, self.period);
            let (_, mut running) = state.running.take().unwrap_or_else(|| (last, self.nothing()));
            running.0 += 1;
            self.combine.merge_accumulators(&mut running.1, one.1.clone());
            state.running.set((last, running));
        }
        let mut part = state.parts.get(&start).cloned().unwrap_or_else(|| self.nothing());
        part.0 += 1;
        self.combine.merge_accumulators(&mut part.1, one.1);
        state.parts.insert(start, part);
        if state.next.get().is_none_or(|due| next < *due) {
            Self::wait_for(next, state, ctx);
        }
        Ok(())
    }

    fn on_timer(
        &mut self,
        key: &K,
        _: Due,
        state: &mut Periods<C>,
        ctx: &mut Sliding<'_, K, C>,
    ) -> Result<(), BoxError> {
        let Some(end) = state.next.take() else { return Ok(()) };
        let mut running = state.running.take().map_or_else(|| self.nothing(), |(_, running)| running);
        let leaves = Self::later(end, -self.size - self.period);
        if let Some((n, part)) = state.parts.get(&leaves).cloned() {
            running.0 -= n;
            self.combine.remove(&mut running.1, part);
            state.parts.remove(&leaves);
        }
        if let Some((n, part)) = state.parts.get(&Self::later(end, -self.period)).cloned() {
            running.0 += n;
            self.combine.merge_accumulators(&mut running.1, part);
        }
        let next = if running.0 > 0 {
            ctx.emit((key.clone(), self.combine.extract_output(running.1.clone())));
            Some(Self::later(end, self.period))
        } else {
            // What rounding errors left goes, too.
            running = self.nothing();
            state.parts.keys().min().map(|start| Self::later(*start, self.period))
        };
        state.running.set((end, running));
        if let Some(next) = next {
            Self::wait_for(next, state, ctx);
        }
        Ok(())
    }
}
