//! One worker's share of a stateful step: its keys, their state and timers, and elements that wait for earlier ones.

use bytes::Bytes;
use ferrobeam_core::batch::Batch;
use ferrobeam_core::dofn::erased::Parcel;
use ferrobeam_core::dofn::stateful::operator::{EncodedPair, StatefulOperator};
use ferrobeam_core::grouping::{SpillSpace, Spills};
use ferrobeam_core::{Result, Timestamp};
use ferrobeam_runner_core::bundle::keyed::{KeyedStep, Memory, Visit};
use ferrobeam_runner_core::bundle::splits::EncodedElement;
use ferrobeam_runner_core::engine::{Holds, Now};
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::iter::repeat_n;
use std::sync::Arc;

/// A stateful step while it runs.
pub(crate) struct Keyed {
    step: KeyedStep,
    operator: Box<dyn StatefulOperator>,
    waiting: Waiting,
    /// The times of what waits for earlier elements.
    pending: Holds,
    memory: Memory,
    /// So much state stays in memory when a bundle goes on, if there is a limit.
    most: usize,
}

/// Elements that have come and are not processed, by key, in the order in which keys came.
#[derive(Default)]
struct Waiting {
    of_keys: Vec<(Bytes, Vec<EncodedElement>)>,
    /// Where those of a key are.
    places: HashMap<Bytes, usize, FixedState>,
}

impl Waiting {
    fn push(&mut self, key: Bytes, row: EncodedElement) {
        match self.places.entry(key) {
            Entry::Occupied(place) => self.of_keys[*place.get()].1.push(row),
            Entry::Vacant(place) => {
                self.of_keys.push((place.key().clone(), vec![row]));
                place.insert(self.of_keys.len() - 1);
            }
        }
    }

    fn rows(&self) -> impl Iterator<Item = &EncodedElement> {
        self.of_keys.iter().flat_map(|(_, rows)| rows)
    }
}

impl Keyed {
    pub(crate) fn new(
        step: KeyedStep,
        operator: Box<dyn StatefulOperator>,
        space: Option<Arc<dyn SpillSpace>>,
    ) -> Self {
        let mut memory = Memory::default();
        let mut most = usize::MAX;
        if let Some(space) = space {
            most = 2 * space.room();
            memory.limit(space);
        }
        Keyed { step, operator, waiting: Waiting::default(), pending: Holds::default(), memory, most }
    }

    /// Takes elements; those whose window has expired are dropped.
    ///
    /// # Errors
    /// None but defects.
    pub(crate) fn accept(
        &mut self,
        parcels: impl IntoIterator<Item = Parcel>,
        now: Now,
        upstream: Timestamp,
    ) -> Result<()> {
        for parcel in parcels {
            let Batch { values, meta } = parcel.open::<EncodedPair>()?;
            for (row, (bytes, key)) in values.into_iter().enumerate() {
                let (time, pane) = (*meta.time.get(row), *meta.pane.get(row));
                let windows = meta.windows.get(row).as_slice();
                for (bytes, &window) in repeat_n(bytes, windows.len()).zip(windows) {
                    let drops = self.step.drops_on_arrival(time, upstream)?
                        || self.step.drops_as_late(window, now.input_watermark)?;
                    if drops {
                        continue;
                    }
                    if self.is_sorted() {
                        self.pending.replace(None, Some(time));
                    }
                    let key = bytes.slice(..key as usize);
                    self.waiting.push(key, EncodedElement { bytes, time, window, pane });
                }
            }
        }
        Ok(())
    }

    /// Whether elements are processed in the order of time: all others are when they come.
    fn is_sorted(&self) -> bool {
        self.step.code.facts().time_sorted
    }

    /// Whether there is something to do.
    pub(crate) fn has_work(&self, now: Now, upstream: Timestamp) -> bool {
        self.memory.due_keys(now).next().is_some()
            || self.waiting.rows().any(|row| self.step.is_eligible(row.time, upstream))
    }

    /// The earliest of the elements that wait.
    pub(crate) fn pending(&self) -> Option<Timestamp> {
        self.pending.earliest()
    }

    /// How many elements wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.rows().count()
    }

    /// About how many bytes there are of elements that wait, and of timers and whatever else of keys does not go to files;
    /// counted on demand.
    pub(crate) fn kept(&self) -> usize {
        const PLACE: usize = 256;
        self.waiting.rows().map(|row| row.bytes.len()).sum::<usize>() + self.memory.places() * PLACE
    }

    /// Its state.
    pub(crate) fn memory(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// What the output watermark may not pass.
    pub(crate) fn hold(&self) -> Option<Timestamp> {
        self.memory.hold()
    }

    /// No window that has state or timers expires before this.
    pub(crate) fn expires(&self) -> Option<Timestamp> {
        self.memory.expires()
    }

    /// When processing time makes something due.
    pub(crate) fn next_processing_time(&self) -> Option<Timestamp> {
        self.memory.next_processing_time()
    }

    /// Does all that there is to do, key by key, as one bundle, as long as it may go on.
    ///
    /// # Errors
    /// User code's; the one that `go_on` gives.
    pub(crate) fn bundle(&mut self, now: Now, upstream: Timestamp, go_on: &dyn Fn() -> Result<()>) -> Result<()> {
        if !self.has_work(now, upstream) {
            return Ok(());
        }
        let is_sorted = self.is_sorted();
        let Keyed { step, operator, waiting, pending, memory, most } = self;
        let Waiting { mut of_keys, places } = std::mem::take(waiting);
        let others = memory.due_keys(now).filter(|key| !places.contains_key(*key));
        of_keys.extend(others.map(|key| (key.clone(), Vec::new())));
        operator.start_bundle()?;
        for (key, mut rows) in of_keys {
            if is_sorted {
                let (ready, rest): (Vec<_>, Vec<_>) =
                    rows.into_iter().partition(|row| step.is_eligible(row.time, upstream));
                rest.into_iter().for_each(|row| waiting.push(key.clone(), row));
                rows = ready;
                rows.sort_by_key(|row| row.time);
                rows.iter().for_each(|row| pending.replace(Some(row.time), None));
            }
            go_on()?;
            let mut visit = Visit::new(step, memory, &mut **operator, &key, now);
            for row in rows {
                visit.fire(go_on)?;
                visit.element(row.as_element())?;
            }
            visit.fire(go_on)?;
            visit.leave()?;
            if memory.held() > *most {
                memory.spill()?;
            }
        }
        operator.finish_bundle()
    }
}
