//! Lifted combines: pre-combine in place before the shuffle, merge accumulators after it.

use super::{Grouping, Lifted, MakePanes, Panes, hash, panes};
use crate::Key;
use crate::batch::{Batch, MetaBuilder, WindowSet};
use crate::coder;
use crate::combiners::CombineFn;
use crate::dofn::erased::{AnyReceiver, AnyStep, MAIN, Next, Receiver, Wiring, share};
use crate::dofn::guard::guard;
use crate::error::Result;
use crate::graph::StepName;
use crate::windowing::{PaneInfo, Window};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::marker::PhantomData;
use std::sync::Arc;

/// The two halves of a combine.
pub(super) fn lift<K: Key, C: CombineFn>(combine: &C) -> Lifted {
    Lifted {
        pre_combine: Arc::new(PreCombine::<K, C> { combine: combine.clone(), key: PhantomData }),
        partial: Arc::new(Partial::<K, C> { combine: combine.clone(), key: PhantomData }),
        merge: Arc::new(Grouping::<K, Merge<C>>::unlifted(Merge(combine.clone()), coder::shown::<K>)),
    }
}

/// The second half: its inputs are accumulators.
#[derive(Clone)]
pub(crate) struct Merge<C>(pub(crate) C);

impl<C: CombineFn> CombineFn for Merge<C> {
    type In = C::Acc;
    type Acc = C::Acc;
    type Out = C::Out;

    fn create_accumulator(&self) -> C::Acc {
        self.0.create_accumulator()
    }
    fn add_input(&self, accumulator: &mut C::Acc, input: C::Acc) {
        self.0.merge_accumulators(accumulator, input);
    }
    fn merge_accumulators(&self, into: &mut C::Acc, from: C::Acc) {
        self.0.merge_accumulators(into, from);
    }
    fn extract_output(&self, accumulator: C::Acc) -> C::Out {
        self.0.extract_output(accumulator)
    }
}

/// The first half as a store.
struct Partial<K, C> {
    combine: C,
    key: PhantomData<fn() -> K>,
}

impl<K: Key, C: CombineFn> MakePanes for Partial<K, C> {
    fn panes(&self, step: &StepName, out: Vec<AnyReceiver>) -> Result<Box<dyn Panes>> {
        panes::panes::<K, _>(step, Accumulators(self.combine.clone()), None, coder::shown::<K>, out)
    }
}

/// A combine whose outputs are its accumulators.
#[derive(Clone)]
pub(crate) struct Accumulators<C>(pub(crate) C);

impl<C: CombineFn> CombineFn for Accumulators<C> {
    type In = C::In;
    type Acc = C::Acc;
    type Out = C::Acc;

    fn create_accumulator(&self) -> C::Acc {
        self.0.create_accumulator()
    }
    fn add_input(&self, accumulator: &mut C::Acc, input: C::In) {
        self.0.add_input(accumulator, input);
    }
    fn merge_accumulators(&self, into: &mut C::Acc, from: C::Acc) {
        self.0.merge_accumulators(into, from);
    }
    fn extract_output(&self, accumulator: C::Acc) -> C::Acc {
        accumulator
    }
}

/// The first half. Its output has the time of its window's end: a pane's default, and nothing holds a watermark here,
/// for all of it leaves with the bundle.
struct PreCombine<K, C> {
    combine: C,
    key: PhantomData<fn() -> K>,
}

impl<K: Key, C: CombineFn> AnyStep for PreCombine<K, C> {
    fn wire(&self, wiring: Wiring<'_>) -> Result<AnyReceiver> {
        Ok(AnyReceiver::new(PreCombineOperator::<K, C> {
            step: wiring.step.clone(),
            combine: self.combine.clone(),
            table: HashTable::new(),
            next: wiring.outputs.take(MAIN)?,
        }))
    }

    fn share(&self, input: AnyReceiver, producers: usize) -> Result<Vec<AnyReceiver>> {
        Ok(share(input.typed::<(K, C::In)>()?, producers))
    }
}

struct PreCombineOperator<K: Key, C: CombineFn> {
    step: StepName,
    combine: C,
    table: HashTable<(K, Window, C::Acc)>,
    next: Next<(K, C::Acc)>,
}

impl<K: Key, C: CombineFn> PreCombineOperator<K, C> {
    /// Beyond this the table no longer fits the cache, and the shuffle does as well.
    const KEYS: usize = 1 << 16;

    fn flush(&mut self) -> Result<()> {
        let PreCombineOperator { table, next, .. } = self;
        let mut rows = table.len();
        let rows_of_batch = |rows: usize| Vec::with_capacity(rows.min(Batch::<K>::ROWS));
        let (mut values, mut meta) = (rows_of_batch(rows), MetaBuilder::default());
        // The table keeps its room: one that grew anew after each flush spent more time on that than on the sums.
        for (key, window, accumulator) in table.drain() {
            meta.push(window.max_timestamp(), &WindowSet::One(window), PaneInfo::NO_FIRING);
            values.push((key, accumulator));
            if values.len() == Batch::<K>::ROWS {
                rows -= values.len();
                let values = std::mem::replace(&mut values, rows_of_batch(rows));
                next.receive(Batch { values, meta: std::mem::take(&mut meta).finish() })?;
            }
        }
        if values.is_empty() { Ok(()) } else { next.receive(Batch { values, meta: meta.finish() }) }
    }
}

impl<K: Key, C: CombineFn> Receiver<(K, C::In)> for PreCombineOperator<K, C> {
    fn start_bundle(&mut self) -> Result<()> {
        self.table.clear();
        self.next.start_bundle()
    }

    fn receive(&mut self, batch: Batch<(K, C::In)>) -> Result<()> {
        batch.explode(|batch| self.fold(batch))
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.flush()?;
        self.next.finish_bundle()
    }
}

impl<K: Key, C: CombineFn> PreCombineOperator<K, C> {
    /// Folds in rows that are in one window each.
    fn fold(&mut self, batch: Batch<(K, C::In)>) -> Result<()> {
        let Batch { values, meta } = batch;
        let PreCombineOperator { step, combine, table, .. } = self;
        let first = |set: &WindowSet| set.as_slice().first().copied().unwrap_or(Window::Global);
        let windows: Vec<Window> = meta.windows.table().iter().map(first).collect();
        guard(step, || {
            for (row, (key, value)) in values.into_iter().enumerate() {
                let window = windows[meta.windows.code(row)];
                let same = |(k, w, _): &(K, Window, C::Acc)| *k == key && *w == window;
                match table.entry(hash(&key), same, |(k, ..)| hash(k)) {
                    Entry::Occupied(mut entry) => combine.add_input(&mut entry.get_mut().2, value),
                    Entry::Vacant(entry) => {
                        let mut accumulator = combine.create_accumulator();
                        combine.add_input(&mut accumulator, value);
                        entry.insert((key, window, accumulator));
                    }
                }
            }
            Ok(())
        })?;
        if self.table.len() >= Self::KEYS { self.flush() } else { Ok(()) }
    }
}
