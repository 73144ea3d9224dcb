//! The window-major store.

use super::spill::{CollectsOf, Loaded, Part, Spill, SpillSpace, Spills};
use super::{DROPPED, Panes, Show, Slot, at_key, hash};
use crate::Key;
use crate::batch::{Batch, Meta, WindowColumn};
use crate::combiners::CombineFn;
use crate::dofn::erased::{AnyReceiver, MAIN, Next, Outputs, Parcel};
use crate::dofn::guard::guard;
use crate::error::Result;
use crate::graph::StepName;
use hashbrown::HashTable;
use hashbrown::hash_table::{Entry, IntoIter};
use std::sync::Arc;

pub(super) fn panes<K: Key, C: CombineFn>(
    step: &StepName,
    combine: C,
    collects: Option<CollectsOf<C>>,
    show: Show<K>,
    out: Vec<AnyReceiver>,
) -> Result<Box<dyn Panes>> {
    let next = Outputs::main(out).take(MAIN)?;
    let (step, slots, found) = (step.clone(), Vec::new(), Vec::new());
    Ok(Box::new(Tables::<K, C> { step, combine, collects, show, slots, found, next, firing: None, spill: None }))
}

/// What is in a table.
pub(super) type Table<K, C> = HashTable<(K, <C as CombineFn>::Acc)>;

/// Finds or makes the accumulator of a key and folds a value in.
#[inline]
pub(super) fn fold<K: Key, C: CombineFn>(table: &mut Table<K, C>, combine: &C, hashed: u64, key: K, value: C::In) {
    let entry = table.entry(hashed, |(known, _)| *known == key, |(known, _)| hash(known));
    let mut entry = match entry {
        Entry::Occupied(entry) => entry,
        Entry::Vacant(entry) => entry.insert((key, combine.create_accumulator())),
    };
    combine.add_input(&mut entry.get_mut().1, value);
}

/// Folds rows into a table, in two passes: the first only finds where their keys are. Its look-ups do not wait for each other,
/// so the processor has several cache misses of a large table under way at a time.
fn fold_all<K: Key, C: CombineFn>(
    table: &mut Table<K, C>,
    combine: &C,
    rows: Vec<(K, C::In)>,
    found: &mut Vec<(u64, usize)>,
) {
    const NOWHERE: usize = usize::MAX;
    if size_of::<K>() == 0 {
        // There is only one key.
        return fold_one(table, combine, rows);
    }
    found.clear();
    found.extend(rows.iter().map(|(key, _)| (hash(key), NOWHERE)));
    for ((hashed, place), (key, _)) in found.iter_mut().zip(&rows) {
        *place = table.find_bucket_index(*hashed, |(known, _)| known == key).unwrap_or(NOWHERE);
    }
    let before = table.capacity();
    for ((key, value), (hashed, place)) in rows.into_iter().zip(found.drain(..)) {
        // A table that has grown has put its keys elsewhere. Nothing else moves them, for none is ever removed.
        let known = if table.capacity() == before { table.get_bucket_mut(place) } else { None };
        match known {
            Some((_, accumulator)) => combine.add_input(accumulator, value),
            None => fold::<K, C>(table, combine, hashed, key, value),
        }
    }
}

fn fold_one<K: Key, C: CombineFn>(table: &mut Table<K, C>, combine: &C, rows: Vec<(K, C::In)>) {
    let mut rows = rows.into_iter();
    if let Some((key, value)) = rows.next() {
        let hashed = hash(&key);
        fold::<K, C>(table, combine, hashed, key, value);
        if let Some((_, accumulator)) = table.find_mut(hashed, |_| true) {
            rows.for_each(|(_, value)| combine.add_input(accumulator, value));
        }
    }
}

/// Merges an accumulator into that of its key.
pub(super) fn add<K: Key, C: CombineFn>(table: &mut Table<K, C>, combine: &C, key: K, accumulator: C::Acc) {
    match table.entry(hash(&key), |(known, _)| *known == key, |(known, _)| hash(known)) {
        Entry::Occupied(mut entry) => combine.merge_accumulators(&mut entry.get_mut().1, accumulator),
        Entry::Vacant(entry) => drop(entry.insert((key, accumulator))),
    }
}

struct Tables<K: Key, C: CombineFn> {
    step: StepName,
    combine: C,
    collects: Option<CollectsOf<C>>,
    show: Show<K>,
    slots: Vec<Table<K, C>>,
    /// The hashes of a batch's keys, and where those are.
    found: Vec<(u64, usize)>,
    next: Next<(K, C::Out)>,
    /// The slot that is being drained.
    firing: Option<Firing<K, C>>,
    /// What there is if there is a limit.
    spill: Option<Box<Spill<K, C>>>,
}

/// A slot on its way downstream.
struct Firing<K: Key, C: CombineFn> {
    rows: IntoIter<(K, C::Acc)>,
    /// Rows whose output is made.
    made: std::vec::IntoIter<(K, C::Out)>,
    /// What comes back from files afterwards.
    parts: Vec<Part>,
    /// About how many bytes it holds.
    held: usize,
    /// So many rows go into a batch.
    batch: usize,
}

impl<K: Key, C: CombineFn> Firing<K, C> {
    fn new(table: Table<K, C>, held: usize) -> Self {
        // A batch of large groups is as large as another.
        let of_row = held / table.len().max(1);
        let batch = (Batch::<K>::BYTES / of_row.max(1)).clamp(1, Batch::<K>::ROWS);
        Firing { rows: table.into_iter(), made: Vec::new().into_iter(), parts: Vec::new(), held, batch }
    }
}

impl<K: Key, C: CombineFn> Tables<K, C> {
    fn begin(&mut self, slot: Slot) -> Result<Firing<K, C>> {
        let Some(table) = self.slots.get_mut(slot as usize) else { return Ok(Firing::new(HashTable::new(), 0)) };
        if let Some(spill) = &mut self.spill {
            let (table, held, parts) = spill.take(slot, table)?;
            return Ok(Firing { parts, ..Firing::new(table, held) });
        }
        // The next window has as much room: a table that grows moves each key several times.
        let next = HashTable::with_capacity(table.len());
        Ok(Firing::new(std::mem::replace(table, next), 0))
    }

    /// What comes back next; none if that was all.
    fn load(&mut self, firing: Firing<K, C>) -> Result<Option<Firing<K, C>>> {
        let (Some(spill), mut parts) = (&self.spill, firing.parts) else { return Ok(None) };
        Ok(spill.next(&mut parts)?.map(|loaded| match loaded {
            Loaded::Table(table, held) => Firing { parts, ..Firing::new(table, held) },
            Loaded::Files(rows) => Firing { made: rows.into_iter(), parts, ..Firing::new(HashTable::new(), 0) },
        }))
    }
}

impl<K: Key, C: CombineFn> Spills for Tables<K, C> {
    fn limit(&mut self, space: Arc<dyn SpillSpace>) {
        self.spill = Some(Box::new(Spill::new(&self.step, self.combine.clone(), self.collects, space)));
    }

    fn held(&self) -> usize {
        let firing = self.firing.as_ref().map_or(0, |firing| firing.held);
        firing + self.spill.as_ref().map_or(0, |spill| spill.held(&self.slots))
    }

    fn spill(&mut self) -> Result<()> {
        self.spill.as_mut().map_or(Ok(()), |spill| spill.spill(&mut self.slots))
    }
}

impl<K: Key, C: CombineFn> Panes for Tables<K, C> {
    fn keys(&self) -> usize {
        self.slots.iter().map(HashTable::len).sum()
    }

    fn add(&mut self, parcel: Parcel, slots: &[Slot]) -> Result<()> {
        let Batch { values, meta } = parcel.open::<(K, C::In)>()?;
        let most = slots.iter().filter(|slot| **slot != DROPPED).max().map_or(0, |slot| *slot as usize + 1);
        self.slots.resize_with(self.slots.len().max(most), HashTable::new);
        let Tables { combine, slots: tables, step, found, spill, .. } = self;
        if let Some(spill) = spill
            && spill.meter(&values, &meta.windows, slots, tables.len())
        {
            return spill.log(values, &meta.windows, slots, tables);
        }
        guard(step, || {
            match meta.windows {
                WindowColumn::All(_) => {
                    if let Some(table) = tables.get_mut(slots[0] as usize) {
                        fold_all(table, combine, values, found);
                    }
                }
                // Rows of one window after the other, if these are a few, for each has a table of its own.
                WindowColumn::Each { codes, .. } if slots.len() <= 8 => {
                    let mut parts: Vec<Vec<(K, C::In)>> = slots.iter().map(|_| Vec::new()).collect();
                    values.into_iter().zip(codes).for_each(|(row, code)| parts[usize::from(code)].push(row));
                    for (rows, slot) in parts.into_iter().zip(slots) {
                        if let Some(table) = tables.get_mut(*slot as usize) {
                            fold_all(table, combine, rows, found);
                        }
                    }
                }
                WindowColumn::Each { codes, .. } => {
                    for ((key, value), code) in values.into_iter().zip(codes) {
                        if let Some(table) = tables.get_mut(slots[usize::from(code)] as usize) {
                            fold::<K, C>(table, combine, hash(&key), key, value);
                        }
                    }
                }
            }
            Ok(())
        })
    }

    fn merge(&mut self, from: Slot, into: Slot, takes: bool) -> Result<()> {
        let (from, into) = (from as usize, into as usize);
        self.slots.resize_with(self.slots.len().max(from.max(into) + 1), HashTable::new);
        if let Some(spill) = &mut self.spill
            && spill.merge(from, into, takes, &mut self.slots)?
        {
            return Ok(());
        }
        let mut merged = std::mem::take(&mut self.slots[into]);
        let (combine, table) = (&self.combine, &mut self.slots[from]);
        let done = guard(&self.step, || {
            if takes && merged.is_empty() {
                std::mem::swap(table, &mut merged);
            } else if takes {
                table.drain().for_each(|(key, accumulator)| add(&mut merged, combine, key, accumulator));
            } else {
                merged.reserve(table.len().saturating_sub(merged.len()), |(key, _)| hash(key));
                for (key, accumulator) in table.iter() {
                    add(&mut merged, combine, key.clone(), accumulator.clone());
                }
            }
            Ok(())
        });
        self.slots[into] = merged;
        done
    }

    fn fire(&mut self, slot: Slot, at: &Meta, batches: usize) -> Result<bool> {
        let mut firing = match self.firing.take() {
            Some(firing) => firing,
            None => self.begin(slot)?,
        };
        self.next.start_bundle()?;
        let mut left = batches;
        while left > 0 {
            let mut values: Vec<(K, C::Out)> = firing.made.by_ref().take(firing.batch).collect();
            let (combine, mut key_of) = (&self.combine, None);
            if values.is_empty() {
                values.reserve(firing.rows.len().min(firing.batch));
                let extracted = guard(&self.step, || {
                    for (key, accumulator) in firing.rows.by_ref().take(firing.batch) {
                        // Where a panic finds the key.
                        key_of = Some(key);
                        let out = combine.extract_output(accumulator);
                        values.extend(key_of.take().map(|key| (key, out)));
                    }
                    Ok(())
                });
                extracted.map_err(|error| at_key(error, key_of.as_ref(), self.show))?;
            }
            if !values.is_empty() {
                left -= 1;
                self.next.receive(Batch { values, meta: at.clone() })?;
                continue;
            }
            match self.load(firing)? {
                Some(loaded) => firing = loaded,
                None => {
                    self.next.finish_bundle()?;
                    return Ok(true);
                }
            }
        }
        self.firing = Some(firing);
        self.next.finish_bundle()?;
        Ok(false)
    }
}
