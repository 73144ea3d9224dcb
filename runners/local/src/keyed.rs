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
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A stateful step while it runs.
pub(crate) struct Keyed {
    step: KeyedStep,
    operator: Box<dyn StatefulOperator>,
    /// Elements that have come and are not processed.
    rows: BTreeMap<Bytes, Vec<EncodedElement>>,
    /// The times of those.
    pending: Holds,
    memory: Memory,
    /// So much state stays in memory when a bundle goes on, if there is a limit.
    most: usize,
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
        Keyed { step, operator, rows: BTreeMap::new(), pending: Holds::default(), memory, most }
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
                for &window in meta.windows.get(row).as_slice() {
                    let drops = self.step.drops_on_arrival(time, upstream)?
                        || self.step.drops_as_late(window, now.input_watermark)?;
                    if !drops {
                        let element = EncodedElement { bytes: bytes.clone(), time, window, pane };
                        self.pending.replace(None, Some(time));
                        self.rows.entry(bytes.slice(..key as usize)).or_default().push(element);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether there is something to do.
    pub(crate) fn has_work(&self, now: Now, upstream: Timestamp) -> bool {
        self.memory.due_keys(now).next().is_some()
            || self.rows.values().flatten().any(|row| self.step.is_eligible(row.time, upstream))
    }

    /// The earliest of the elements that wait.
    pub(crate) fn pending(&self) -> Option<Timestamp> {
        self.pending.earliest()
    }

    /// How many elements wait.
    pub(crate) fn len(&self) -> usize {
        self.rows.values().map(Vec::len).sum()
    }

    /// About how many bytes there are of elements that wait, and of timers and whatever else of keys does not go to files;
    /// counted on demand.
    pub(crate) fn kept(&self) -> usize {
        const PLACE: usize = 256;
        self.rows.values().flatten().map(|row| row.bytes.len()).sum::<usize>() + self.memory.places() * PLACE
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

    /// Does all that there is to do, key by key, as one bundle.
    ///
    /// # Errors
    /// User code's.
    pub(crate) fn bundle(&mut self, now: Now, upstream: Timestamp) -> Result<()> {
        let Keyed { step, operator, rows, pending, memory, most } = self;
        let is_eligible = |row: &EncodedElement| step.is_eligible(row.time, upstream);
        let ready = rows.iter().filter(|(_, rows)| rows.iter().any(is_eligible)).map(|(key, _)| key.clone());
        let keys: BTreeSet<Bytes> = memory.due_keys(now).cloned().chain(ready).collect();
        if keys.is_empty() {
            return Ok(());
        }
        operator.start_bundle()?;
        for key in keys {
            let (mut due, rest): (Vec<_>, Vec<_>) =
                rows.remove(&key).unwrap_or_default().into_iter().partition(is_eligible);
            if step.code.facts().time_sorted {
                due.sort_by_key(|row| row.time);
            }
            if !rest.is_empty() {
                rows.insert(key.clone(), rest);
            }
            let mut visit = Visit::new(step, memory, &mut **operator, &key, now);
            for row in due {
                visit.fire()?;
                visit.element(row.as_element())?;
                pending.replace(Some(row.time), None);
            }
            visit.fire()?;
            visit.leave()?;
            if memory.held() > *most {
                memory.spill()?;
            }
        }
        operator.finish_bundle()
    }
}
