//! One worker's share of a stateful step: its keys, their state and timers, and elements that wait for earlier ones.

use crate::LocalRunner;
use crate::memory::Memory;
use crate::shared::Shared;
use bytes::Bytes;
use ferrobeam_core::batch::Batch;
use ferrobeam_core::dofn::erased::Parcel;
use ferrobeam_core::dofn::stateful::operator::{EncodedPair, StatefulOperator};
use ferrobeam_core::grouping::{SpillSpace, Spills};
use ferrobeam_core::{Error, Result, Timestamp};
use ferrobeam_runner_core::bundle::keyed::{KeyedStep, Visit};
use ferrobeam_runner_core::bundle::sorted::SortedElements;
use ferrobeam_runner_core::bundle::spilling::SpillingMemory;
use ferrobeam_runner_core::bundle::splits::EncodedElement;
use ferrobeam_runner_core::engine::Now;
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::iter::repeat_n;
use std::sync::Arc;

/// A stateful step while it runs.
pub(crate) struct Keyed {
    step: KeyedStep,
    operator: Box<dyn StatefulOperator>,
    /// What has come for the next bundle.
    waiting: Waiting,
    /// What waits for earlier elements, if they are processed in the order of time.
    sorted: SortedElements,
    memory: SpillingMemory,
    /// So much state stays in memory when a bundle goes on, if there is a limit.
    most: usize,
    /// How often a key was visited.
    visits: usize,
}

/// So many elements that waited for earlier ones are taken at a time, or so many bytes of them.
const MANY: usize = 4096;
const LARGE: usize = 256 << 10;

/// After so many visits it is looked whether there is too much in memory, even if nothing goes to files.
const RARELY: usize = 1024;

/// Elements by key, in the order in which keys came.
#[derive(Default)]
struct Waiting {
    of_keys: Vec<(Bytes, Vec<EncodedElement>)>,
    /// Where those of a key are.
    places: HashMap<Bytes, usize, FixedState>,
    /// How many there are.
    count: usize,
    bytes: usize,
}

impl Waiting {
    fn push(&mut self, key: Bytes, row: EncodedElement) {
        self.count += 1;
        self.bytes += row.bytes.len();
        match self.places.entry(key) {
            Entry::Occupied(place) => self.of_keys[*place.get()].1.push(row),
            Entry::Vacant(place) => {
                // A copy, for state is known by it: a part of the batch would keep all of that in memory.
                self.of_keys.push((Bytes::copy_from_slice(place.key()), vec![row]));
                place.insert(self.of_keys.len() - 1);
            }
        }
    }

    fn is_many(&self) -> bool {
        self.count >= MANY || self.bytes >= LARGE
    }
}

impl Keyed {
    pub(crate) fn new(
        step: KeyedStep,
        operator: Box<dyn StatefulOperator>,
        space: Option<Arc<dyn SpillSpace>>,
    ) -> Self {
        let (waiting, sorted, memory) = (Waiting::default(), SortedElements::default(), SpillingMemory::default());
        let mut keyed = Keyed { step, operator, waiting, sorted, memory, most: usize::MAX, visits: 0 };
        space.into_iter().for_each(|space| keyed.limit(space));
        keyed
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
                        self.sorted.push((bytes, key), time, window, pane);
                    } else {
                        let key = bytes.slice(..key as usize);
                        self.waiting.push(key, EncodedElement { bytes, time, window, pane });
                    }
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
        let is_eligible = |time| self.step.is_eligible(time, upstream);
        self.memory.is_due(now) || self.waiting.count > 0 || self.sorted.earliest().is_some_and(is_eligible)
    }

    /// The earliest of the elements that wait for earlier ones.
    pub(crate) fn pending(&self) -> Option<Timestamp> {
        self.sorted.earliest()
    }

    /// How many elements wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.count + self.sorted.len()
    }

    /// About how many bytes there are of elements that wait, and of what is known of keys that do not go to files.
    pub(crate) fn kept(&self) -> usize {
        self.waiting.bytes + self.memory.kept()
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
    /// User code's; that the run is over; that more is in memory than there may be, though keys have gone to files.
    pub(crate) fn bundle(&mut self, shared: &Shared, now: Now, upstream: Timestamp) -> Result<()> {
        if !self.has_work(now, upstream) {
            return Ok(());
        }
        self.operator.start_bundle()?;
        loop {
            self.take_sorted(upstream)?;
            let Waiting { of_keys, .. } = std::mem::take(&mut self.waiting);
            if of_keys.is_empty() {
                break;
            }
            of_keys.into_iter().try_for_each(|(key, rows)| self.visit(shared, &key, rows, now))?;
        }
        loop {
            let more = self.memory.wake(now)?;
            let due: Vec<Bytes> = self.memory.due_keys(now).cloned().collect();
            due.iter().try_for_each(|key| self.visit(shared, key, Vec::new(), now))?;
            if !more {
                break;
            }
        }
        self.operator.finish_bundle()
    }

    /// Takes some of the elements that need not wait for earlier ones any more.
    fn take_sorted(&mut self, upstream: Timestamp) -> Result<()> {
        let is_eligible = |time| self.step.is_eligible(time, upstream);
        while !self.waiting.is_many() && self.sorted.earliest().is_some_and(is_eligible) {
            let Some((key, row)) = self.sorted.pop()? else { break };
            self.waiting.push(key, row);
        }
        Ok(())
    }

    /// Visits a key. If too much is in memory then, keys or elements that wait go to files.
    fn visit(&mut self, shared: &Shared, key: &Bytes, rows: Vec<EncodedElement>, now: Now) -> Result<()> {
        let go_on: &dyn Fn() -> Result<()> = &|| shared.go_on();
        go_on()?;
        let mut visit = Visit::new(&self.step, self.memory.of(key)?, &mut *self.operator, key, now);
        for row in rows {
            visit.element(row.as_element(), go_on)?;
        }
        visit.fire(go_on)?;
        visit.leave()?;
        self.visits += 1;
        let is_full = self.held() > self.most;
        if is_full {
            self.spill()?;
        }
        if is_full || self.visits.is_multiple_of(RARELY) { look(&self.step, shared) } else { Ok(()) }
    }
}

/// Elements that wait, and what is known of keys.
impl Spills for Keyed {
    fn limit(&mut self, space: Arc<dyn SpillSpace>) {
        self.most = 2 * space.room();
        self.sorted.limit(space.clone());
        self.memory.limit(space);
    }

    fn held(&self) -> usize {
        self.sorted.held() + self.memory.held()
    }

    fn spill(&mut self) -> Result<()> {
        if self.sorted.held() > self.memory.held() { self.sorted.spill() } else { self.memory.spill() }
    }
}

/// Whether more is in memory than there may be.
fn look(step: &KeyedStep, shared: &Shared) -> Result<()> {
    let Some(excess) = shared.memory.as_ref().and_then(Memory::excess) else { return Ok(()) };
    let step = &step.step;
    let message =
        format!("{excess}; {step} is at work, and all that it reads of one key, or makes of it, is in memory at once");
    Err(Error::Runner { runner: LocalRunner::NAME, message })
}
