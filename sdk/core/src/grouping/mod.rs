//! GroupByKey and Combine as a runner sees them.
//!
//! This crate knows `K`, `V` and the accumulator and keeps *mechanism*: hash, store, fold, emit, encode. The runner
//! keeps *policy*: shards, windows, triggers, when to fire. They talk per batch, about numbers: a slot is one open
//! window's table. So no engine code is generic (one compiled copy for all pipelines), and no runner names a user's type.

mod cells;
mod command;
mod law;
mod lift;
mod on_bytes;
mod panes;
mod parts;
mod sides;
mod spill;
mod split;

pub use cells::{Cell, Cells, KeyId, Rows};
pub use command::{Command, Contents, Firing};
pub(crate) use lift::{Accumulators, Merge};
pub use on_bytes::OnBytes;
pub use parts::{CombinePart, PartStep};
pub(crate) use sides::SideRowsOf;
pub use sides::{Held, SidePane, SideRows};
pub(crate) use spill::{Collects, CollectsOf, SpilledIter};
pub use spill::{Piece, Pieces, SpillFile, SpillSpace, Spilled, Spills};
pub use split::Exchange;
pub(crate) use split::route;

use crate::batch::{Batch, Meta};
use crate::coder;
use crate::combiners::CombineFn;
use crate::dofn::erased::{AnyReceiver, AnyStep, Outputs, Parcel, Receiver};
use crate::error::{Error, Result};
use crate::graph::{CoderOf, EdgeCoder, StepName};
use crate::{Element, Key};
use bytes::Bytes;
use std::hash::BuildHasher;
use std::marker::PhantomData;
use std::sync::Arc;

/// The number of an open window's table.
pub type Slot = u32;

/// In place of a slot: rows of this window are dropped.
pub const DROPPED: Slot = Slot::MAX;

/// Makes the typed halves of one grouping; what the code table holds.
pub trait AnyGrouping: Send + Sync {
    /// Upstream end: hands pairs to the runner.
    fn sink(&self, to: Box<dyn ParcelSink>) -> AnyReceiver;

    /// Upstream end: deals pairs out to shards by their key, without their panes. It looks at the first keys whether they
    /// obey the law that equal values, and only those, have equal bytes.
    fn splitter(&self, step: &StepName, to: Box<dyn Exchange>) -> AnyReceiver;

    /// The window-major store, in front of its consumers: for the default trigger and windows that do not merge.
    ///
    /// # Errors
    /// [`Error::Wire`] if a consumer wants another type.
    fn panes(&self, step: &StepName, out: Vec<AnyReceiver>) -> Result<Box<dyn Panes>>;

    /// The key-major store, in front of its consumers: for everything else.
    ///
    /// # Errors
    /// [`Error::Wire`] if a consumer wants another type.
    fn cells(&self, step: &StepName, out: &mut Outputs) -> Result<Box<dyn Cells>>;

    /// The coder of its keys.
    fn key_coder(&self) -> Arc<dyn EdgeCoder>;

    /// The coder of pairs of such a key and bytes.
    fn keyed_bytes_coder(&self) -> Arc<dyn EdgeCoder>;

    /// The same grouping with encoded keys, for runners whose keys are bytes.
    fn on_bytes(&self) -> OnBytes;

    /// The same grouping in two halves, one before the shuffle; none where there is nothing to gain. Only where elements
    /// are not counted and keep no timestamp: the first half emits one value for many.
    fn lifted(&self) -> Option<Lifted> {
        None
    }

    /// What an engine calls for in place of the whole; none if this is no combine.
    fn part(&self, _: CombinePart) -> Option<PartStep> {
        None
    }
}

/// A combine in two halves: a step that combines what one bundle has of a key, and a grouping that merges the
/// accumulators of all.
pub struct Lifted {
    /// Pairs of key and value to pairs of key and accumulator.
    pub pre_combine: Arc<dyn AnyStep>,
    /// The same as a store: it holds accumulators, and fires them as they are.
    pub partial: Arc<dyn MakePanes>,
    /// Merges accumulators and extracts the output.
    pub merge: Arc<dyn AnyGrouping>,
}

/// Makes a window-major store.
pub trait MakePanes: Send + Sync {
    /// The store, in front of its consumers.
    ///
    /// # Errors
    /// [`Error::Wire`] if a consumer wants another type.
    fn panes(&self, step: &StepName, out: Vec<AnyReceiver>) -> Result<Box<dyn Panes>>;
}

/// The runner's side of a grouping's input.
pub trait ParcelSink: Send {
    /// Takes pairs of key and value, each in one window.
    fn send(&mut self, parcel: Parcel);
}

/// Window-major store: a slot is one open window's table key -> accumulator; the runner opens and fires slots.
pub trait Panes: Spills + Send {
    /// Folds rows in; `slots[code]` is the slot of the parcel's `code`-th windows, or [`DROPPED`].
    ///
    /// # Errors
    /// User code's.
    fn add(&mut self, parcel: Parcel, slots: &[Slot]) -> Result<()>;

    /// How many keys all tables have, each in each.
    fn keys(&self) -> usize;

    /// Adds what a slot has to another one, and leaves it as it is, or empty: a window that consists of parts, which other
    /// windows share.
    ///
    /// # Errors
    /// User code's.
    fn merge(&mut self, from: Slot, into: Slot, takes: bool) -> Result<()>;

    /// Drains the slot downstream, in so many batches at most that share `at`; a bundle of its own. Whether that was all; if
    /// it was not, the same slot goes on the next time, before any other fires.
    ///
    /// # Errors
    /// User code's, also of the steps behind.
    fn fire(&mut self, slot: Slot, at: &Meta, batches: usize) -> Result<bool>;
}

/// Fixed seed: routing and lookup use one well-mixed hash, and a run repeats.
#[inline]
pub(crate) fn hash<K: Key>(key: &K) -> u64 {
    foldhash::fast::FixedState::with_seed(0x5EED).hash_one(key)
}

/// A grouping of `K` by a combine function.
pub struct Grouping<K, C: CombineFn> {
    combine: C,
    /// A function and not a call below, or the compiler would lift what is lifted without end.
    lift: Option<fn(&C) -> Lifted>,
    part: Option<fn(&C, CombinePart) -> PartStep>,
    /// If it only collects.
    collects: Option<CollectsOf<C>>,
    show: Show<K>,
}

/// Renders a key for an error.
type Show<K> = fn(&K) -> String;

/// Names the key at which user code failed.
#[cold]
fn at_key<K>(error: Error, key: Option<&K>, show: Show<K>) -> Error {
    match key {
        Some(key) => error.on_element(|| format!("the key {}", show(key))),
        None => error,
    }
}

impl<K: Key, C: CombineFn> Grouping<K, C> {
    /// A combine; it can be lifted if its function gains by it.
    pub fn new(combine: C) -> Self {
        let lift = if C::LIFTS { Some(lift::lift::<K, C> as fn(&C) -> Lifted) } else { None };
        Grouping { combine, lift, part: Some(parts::part::<K, C>), collects: None, show: coder::shown::<K> }
    }

    /// A grouping that is no combine of the user's, for it only collects.
    pub(crate) fn plain(combine: C, collects: CollectsOf<C>) -> Self {
        Grouping { collects: Some(collects), ..Grouping::unlifted(combine, coder::shown::<K>) }
    }

    /// A grouping that is one half or one form of another.
    fn unlifted(combine: C, show: Show<K>) -> Self {
        Grouping { combine, lift: None, part: None, collects: None, show }
    }
}

impl<K: Key, C: CombineFn> AnyGrouping for Grouping<K, C> {
    fn sink(&self, to: Box<dyn ParcelSink>) -> AnyReceiver {
        AnyReceiver::new(Sink { to, of: PhantomData::<fn((K, C::In))> })
    }

    fn splitter(&self, step: &StepName, to: Box<dyn Exchange>) -> AnyReceiver {
        split::splitter::<K, C::In>(step, to)
    }

    fn panes(&self, step: &StepName, out: Vec<AnyReceiver>) -> Result<Box<dyn Panes>> {
        panes::panes::<K, C>(step, self.combine.clone(), self.collects, self.show, out)
    }

    fn cells(&self, step: &StepName, out: &mut Outputs) -> Result<Box<dyn Cells>> {
        cells::cells::<K, C>(step, self.combine.clone(), self.collects, self.show, out)
    }

    fn key_coder(&self) -> Arc<dyn EdgeCoder> {
        CoderOf::<K>::shared()
    }

    fn keyed_bytes_coder(&self) -> Arc<dyn EdgeCoder> {
        CoderOf::<(K, Bytes)>::shared()
    }

    fn on_bytes(&self) -> OnBytes {
        on_bytes::on_bytes::<K, C>(self.combine.clone())
    }

    fn lifted(&self) -> Option<Lifted> {
        self.lift.map(|lift| lift(&self.combine))
    }

    fn part(&self, part: CombinePart) -> Option<PartStep> {
        self.part.map(|make| make(&self.combine, part))
    }
}

struct Sink<R> {
    to: Box<dyn ParcelSink>,
    of: PhantomData<fn(R)>,
}

impl<R: Element> Receiver<R> for Sink<R> {
    fn start_bundle(&mut self) -> Result<()> {
        Ok(())
    }

    fn receive(&mut self, batch: Batch<R>) -> Result<()> {
        batch.explode(|batch| {
            self.to.send(Parcel::new(batch));
            Ok(())
        })
    }

    fn finish_bundle(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dofn::erased::Wiring;
    use crate::dofn::side::NoSides;
    use crate::time::Timestamp;
    use crate::windowing::{PaneInfo, Window};
    use std::sync::Mutex;

    /// A sum that must not be 13.
    #[derive(Clone)]
    struct Superstitious;

    impl CombineFn for Superstitious {
        type In = u64;
        type Acc = u64;
        type Out = u64;

        fn create_accumulator(&self) -> u64 {
            0
        }
        fn add_input(&self, sum: &mut u64, x: u64) {
            *sum += x;
        }
        fn merge_accumulators(&self, into: &mut u64, from: u64) {
            *into += from;
        }
        fn extract_output(&self, sum: u64) -> u64 {
            assert!(sum != 13, "bad luck");
            sum
        }
    }

    fn pairs<K: Key>(keys: impl IntoIterator<Item = K>) -> Batch<(K, u64)> {
        let values = keys.into_iter().zip([6, 13, 5]).collect();
        Batch { values, meta: Meta::at(Timestamp::EPOCH) }
    }

    /// The errors of both stores.
    fn errors<K: Key>(grouping: &dyn AnyGrouping, keys: impl Fn() -> [K; 3]) -> [String; 2] {
        let step = StepName::here("Sum");
        let mut panes = grouping.panes(&step, Vec::new()).unwrap();
        panes.add(Parcel::new(pairs(keys())), &[0]).unwrap();
        let by_window = panes.fire(0, &Meta::at(Timestamp::EPOCH), 1).unwrap_err();

        let (mut cells, mut ids) = (grouping.cells(&step, &mut Outputs::default()).unwrap(), Vec::new());
        let rows = cells.intern(Parcel::new(pairs(keys())), &mut ids).unwrap();
        let add = (0..3).map(|row| Command::Add { row, cell: row, last: true });
        let pane = Box::new(Firing { window: Window::Global, timestamp: Timestamp::EPOCH, pane: PaneInfo::NO_FIRING });
        let fire = ids.iter().zip(0..).map(|(&key, cell)| Command::Fire {
            key,
            cell,
            contents: Contents::Take,
            pane: pane.clone(),
        });
        let by_key = cells.apply(rows, &add.chain(fire).collect::<Vec<_>>()).unwrap_err();
        [by_window, by_key].map(|error| error.to_string())
    }

    #[derive(Default, Clone)]
    struct Encoded(Arc<Mutex<Vec<bytes::Bytes>>>);

    impl Receiver<(bytes::Bytes, u64)> for Encoded {
        fn start_bundle(&mut self) -> Result<()> {
            Ok(())
        }
        fn receive(&mut self, batch: Batch<(bytes::Bytes, u64)>) -> Result<()> {
            self.0.lock().unwrap().extend(batch.values.into_iter().map(|(key, _)| key));
            Ok(())
        }
        fn finish_bundle(&mut self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_when_a_pane_is_made_names_the_key() {
        let keys = || ["a", "b", "c"].map(|key| (key.to_owned(), 7u32));
        let grouping = Grouping::<(String, u32), _>::new(Superstitious);
        for error in errors(&grouping, keys) {
            assert!(error.contains(") panicked on the key (\"b\", 7): bad luck"), "{error}");
        }
        let on_bytes = grouping.on_bytes();
        let (encoded, step) = (Encoded::default(), StepName::here("Sum"));
        let mut outputs = Outputs::main(vec![AnyReceiver::new(encoded.clone())]);
        let wiring = Wiring { step: &step, outputs: &mut outputs, sides: Arc::new(NoSides), parts: 1 };
        on_bytes.encode.wire(wiring).unwrap().typed().unwrap().receive(pairs(keys())).unwrap();
        let bytes: [bytes::Bytes; 3] = encoded.0.lock().unwrap().clone().try_into().unwrap();
        for error in errors(&*on_bytes.grouping, || bytes.clone()) {
            assert!(error.contains("on the key (\"b\", 7)"), "bytes are shown as what they mean: {error}");
        }
    }
}
