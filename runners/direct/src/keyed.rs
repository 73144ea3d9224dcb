//! What waits for a stage that begins with a stateful step, by key.

use crate::parts::element;
use crate::rows::Row;
use crate::schedule::{Fate, Schedule};
use bytes::Bytes;
use ferrobeam_core::dofn::stateful::operator::StatefulOperator;
use ferrobeam_core::{Result, Timestamp};
use ferrobeam_runner_core::bundle::keyed::{KeyedStep, Memory, Visit};
use ferrobeam_runner_core::engine::Now;
use std::collections::{BTreeMap, BTreeSet};

/// What a stateful step remembers and what waits for it.
pub(crate) struct Keyed {
    step: KeyedStep,
    /// The elements that wait, each in one window.
    rows: BTreeMap<Bytes, Vec<Row>>,
    memory: Memory,
}

/// A bundle: keys with those of their elements that are in it, and those that are due or in it.
pub(crate) struct Bundle(Vec<(Bytes, Vec<Row>)>);

impl Bundle {
    /// The elements.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.0.iter().flat_map(|(_, rows)| rows)
    }
}

impl Keyed {
    pub(crate) fn new(step: KeyedStep) -> Self {
        Keyed { step, rows: BTreeMap::new(), memory: Memory::default() }
    }

    /// Whether an element that comes now is too late to come in the order of time: then it is dropped.
    pub(crate) fn drops_on_arrival(&self, row: &Row, upstream: Timestamp) -> Result<bool> {
        self.step.drops_on_arrival(row.time, upstream)
    }

    /// Takes an element in one window. Whether it waits now: one whose window has expired is dropped.
    pub(crate) fn accept(&mut self, row: Row, input_watermark: Timestamp) -> Result<bool> {
        if self.step.drops_as_late(row.window(), input_watermark)? {
            return Ok(false);
        }
        let length = self.step.code.key_length(&self.step.step, &row.bytes)?;
        self.rows.entry(row.bytes.slice(..length.min(row.bytes.len()))).or_default().push(row);
        Ok(true)
    }

    fn is_eligible(&self, row: &Row, upstream: Timestamp) -> bool {
        self.step.is_eligible(row.time, upstream)
    }

    /// Whether there is something to do.
    pub(crate) fn has_work(&self, now: Now, upstream: Timestamp) -> bool {
        self.is_due(now) || self.rows.values().flatten().any(|row| self.is_eligible(row, upstream))
    }

    /// Whether timers are due, or windows have expired.
    pub(crate) fn is_due(&self, now: Now) -> bool {
        self.memory.due_keys(now).next().is_some()
    }

    /// How many elements wait.
    pub(crate) fn len(&self) -> usize {
        self.rows.values().map(Vec::len).sum()
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

    /// Takes some of the keys for which there is something to do, and some of their elements.
    pub(crate) fn take(&mut self, schedule: &mut Schedule, now: Now, upstream: Timestamp) -> Bundle {
        let due: BTreeSet<Bytes> = self.memory.due_keys(now).cloned().collect();
        let waits = |rows: &Vec<Row>| rows.iter().any(|row| self.is_eligible(row, upstream));
        let waiting = self.rows.iter().filter(|(_, rows)| waits(rows)).map(|(key, _)| key.clone());
        let mut keys: Vec<Bytes> = waiting.chain(due).collect::<BTreeSet<_>>().into_iter().collect();
        let keys = schedule.bundle(&mut keys, "keys");
        let mut bundle = Vec::new();
        for key in keys {
            let rows = self.rows.remove(&key).unwrap_or_default();
            let (mut rows, mut rest): (Vec<Row>, Vec<Row>) =
                rows.into_iter().partition(|row| self.is_eligible(row, upstream));
            let taken = if self.step.code.facts().time_sorted {
                rows.sort_by_key(|row| row.time);
                let size = schedule.size(rows.len(), "elements of a key");
                rest.extend(rows.drain(size..));
                rows
            } else {
                let taken = schedule.bundle(&mut rows, "elements of a key");
                rest.extend(rows);
                taken
            };
            if !rest.is_empty() {
                self.rows.insert(key.clone(), rest);
            }
            bundle.push((key, taken));
        }
        Bundle(bundle)
    }

    /// Puts the elements of a bundle back that failed.
    pub(crate) fn put_back(&mut self, bundle: Bundle) {
        for (key, rows) in bundle.0.into_iter().filter(|(_, rows)| !rows.is_empty()) {
            self.rows.entry(key).or_default().extend(rows);
        }
    }

    /// Runs a bundle. Of one that is going to fail nothing is remembered.
    pub(crate) fn run(
        &mut self,
        operator: &mut dyn StatefulOperator,
        bundle: &Bundle,
        now: Now,
        fate: Fate,
    ) -> Result<()> {
        let before = (fate != Fate::Commits).then(|| self.memory.clone());
        let result = self.run_keys(operator, bundle, now, fate);
        if let Some(before) = before {
            self.memory = before;
        }
        result
    }

    fn run_keys(&mut self, operator: &mut dyn StatefulOperator, bundle: &Bundle, now: Now, fate: Fate) -> Result<()> {
        operator.start_bundle()?;
        let keys = if fate == Fate::FailsHalfWay { bundle.0.len().div_ceil(2) } else { bundle.0.len() };
        for (key, rows) in bundle.0.iter().take(keys) {
            let mut visit = Visit::new(&self.step, &mut self.memory, operator, key, now);
            for row in rows {
                visit.element(element(row), &|| Ok(()))?;
            }
            visit.fire(&|| Ok(()))?;
            visit.leave()?;
        }
        if fate == Fate::FailsHalfWay { Ok(()) } else { operator.finish_bundle() }
    }
}
