//! GroupByKey and Combine as a runner sees them.
//!
//! This crate knows `K`, `V` and the accumulator and keeps *mechanism*: hash, store, fold, emit, encode. The runner
//! keeps *policy*: shards, windows, triggers, when to fire. They talk per batch, about numbers: a slot is one open
//! window's table. So no engine code is generic (one compiled copy for all pipelines), and no runner names a user's type.

mod cells;
mod lift;
mod on_bytes;
mod panes;

pub use cells::{Cell, Cells, Command, Contents, Firing, KeyId, Rows};
pub use on_bytes::OnBytes;

use crate::batch::{Batch, Meta};
use crate::combiners::CombineFn;
use crate::dofn::erased::{AnyReceiver, AnyStep, Parcel, Receiver};
use crate::error::Result;
use crate::graph::StepName;
use crate::{Element, Key};
use std::hash::BuildHasher;
use std::marker::PhantomData;
use std::sync::Arc;

/// The number of an open window's table.
pub type Slot = u32;

/// Makes the typed halves of one grouping; what the code table holds.
pub trait AnyGrouping: Send + Sync {
    /// Upstream end: hands pairs to the runner.
    fn sink(&self, to: Box<dyn ParcelSink>) -> AnyReceiver;

    /// The window-major store, in front of its consumers: for the default trigger and windows that do not merge.
    ///
    /// # Errors
    /// [`Error::Wire`](crate::Error::Wire) if a consumer wants another type.
    fn panes(&self, step: &StepName, out: Vec<AnyReceiver>) -> Result<Box<dyn Panes>>;

    /// The key-major store, in front of its consumers: for everything else.
    ///
    /// # Errors
    /// [`Error::Wire`](crate::Error::Wire) if a consumer wants another type.
    fn cells(&self, step: &StepName, out: Vec<AnyReceiver>) -> Result<Box<dyn Cells>>;

    /// The same grouping with encoded keys, for runners whose keys are bytes.
    fn on_bytes(&self) -> OnBytes;

    /// The same grouping in two halves, one before the shuffle; none where there is nothing to gain. Only where elements
    /// are not counted and keep no timestamp: the first half emits one value for many.
    fn lifted(&self) -> Option<Lifted> {
        None
    }
}

/// A combine in two halves: a step that combines what one bundle has of a key, and a grouping that merges the
/// accumulators of all.
pub struct Lifted {
    /// Pairs of key and value to pairs of key and accumulator.
    pub pre_combine: Arc<dyn AnyStep>,
    /// Merges accumulators and extracts the output.
    pub merge: Arc<dyn AnyGrouping>,
}

/// The runner's side of a grouping's input.
pub trait ParcelSink: Send {
    /// Takes pairs of key and value, each in one window.
    fn send(&mut self, parcel: Parcel);
}

/// Window-major store: a slot is one open window's table key -> accumulator; the runner opens and fires slots.
pub trait Panes: Send {
    /// Folds rows in; `slots[code]` is the slot of the parcel's `code`-th window. Returns how many keys are new.
    ///
    /// # Errors
    /// User code's.
    fn add(&mut self, parcel: Parcel, slots: &[Slot]) -> Result<usize>;

    /// Drains the slot downstream as one pane, in batches that share `at`; a bundle of its own.
    ///
    /// # Errors
    /// User code's, also of the steps behind.
    fn fire(&mut self, slot: Slot, at: Meta) -> Result<()>;
}

/// Fixed seed: routing and lookup use one well-mixed hash, and a run repeats.
#[inline]
pub(crate) fn hash<K: Key>(key: &K) -> u64 {
    foldhash::fast::FixedState::with_seed(0x5EED).hash_one(key)
}

/// A grouping of `K` by a combine function.
pub struct Grouping<K, C> {
    combine: C,
    /// A function and not a call below, or the compiler would lift what is lifted without end.
    lift: Option<fn(&C) -> Lifted>,
    key: PhantomData<fn() -> K>,
}

impl<K: Key, C: CombineFn> Grouping<K, C> {
    /// A grouping that can be lifted, if its combine function gains by it.
    pub fn new(combine: C) -> Self {
        Grouping { combine, lift: if C::LIFTS { Some(lift::lift::<K, C>) } else { None }, key: PhantomData }
    }

    /// A grouping that is one half or one form of another.
    fn unlifted(combine: C) -> Self {
        Grouping { combine, lift: None, key: PhantomData }
    }
}

impl<K: Key, C: CombineFn> AnyGrouping for Grouping<K, C> {
    fn sink(&self, to: Box<dyn ParcelSink>) -> AnyReceiver {
        AnyReceiver::new(Sink { to, of: PhantomData::<fn((K, C::In))> })
    }

    fn panes(&self, step: &StepName, out: Vec<AnyReceiver>) -> Result<Box<dyn Panes>> {
        panes::panes::<K, C>(step, self.combine.clone(), out)
    }

    fn cells(&self, step: &StepName, out: Vec<AnyReceiver>) -> Result<Box<dyn Cells>> {
        cells::cells::<K, C>(step, self.combine.clone(), out)
    }

    fn on_bytes(&self) -> OnBytes {
        on_bytes::on_bytes::<K, C>(self.combine.clone())
    }

    fn lifted(&self) -> Option<Lifted> {
        self.lift.map(|lift| lift(&self.combine))
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
