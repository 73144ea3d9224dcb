//! The window-major store.

use super::{DROPPED, Panes, Show, Slot, at_key, hash};
use crate::Key;
use crate::batch::{Batch, Meta, WindowColumn};
use crate::combiners::CombineFn;
use crate::dofn::erased::{AnyReceiver, MAIN, Next, Outputs, Parcel};
use crate::dofn::guard::guard;
use crate::error::Result;
use crate::graph::StepName;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

pub(super) fn panes<K: Key, C: CombineFn>(
    step: &StepName,
    combine: C,
    show: Show<K>,
    out: Vec<AnyReceiver>,
) -> Result<Box<dyn Panes>> {
    let next = Outputs::main(out).take(MAIN)?;
    Ok(Box::new(Tables::<K, C> { step: step.clone(), combine, show, slots: Vec::new(), found: Vec::new(), next }))
}

/// What is in a table.
type Table<K, C> = HashTable<(K, <C as CombineFn>::Acc)>;

/// Finds or makes the accumulator of a key and folds a value in.
#[inline]
fn fold<K: Key, C: CombineFn>(table: &mut Table<K, C>, combine: &C, hashed: u64, key: K, value: C::In) {
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
fn add<K: Key, C: CombineFn>(table: &mut Table<K, C>, combine: &C, key: K, accumulator: C::Acc) {
    match table.entry(hash(&key), |(known, _)| *known == key, |(known, _)| hash(known)) {
        Entry::Occupied(mut entry) => combine.merge_accumulators(&mut entry.get_mut().1, accumulator),
        Entry::Vacant(entry) => drop(entry.insert((key, accumulator))),
    }
}

struct Tables<K: Key, C: CombineFn> {
    step: StepName,
    combine: C,
    show: Show<K>,
    slots: Vec<Table<K, C>>,
    /// The hashes of a batch's keys, and where those are.
    found: Vec<(u64, usize)>,
    next: Next<(K, C::Out)>,
}

impl<K: Key, C: CombineFn> Panes for Tables<K, C> {
    fn keys(&self) -> usize {
        self.slots.iter().map(HashTable::len).sum()
    }

    fn add(&mut self, parcel: Parcel, slots: &[Slot]) -> Result<()> {
        let Batch { values, meta } = parcel.open::<(K, C::In)>()?;
        let most = slots.iter().filter(|slot| **slot != DROPPED).max().map_or(0, |slot| *slot as usize + 1);
        self.slots.resize_with(self.slots.len().max(most), HashTable::new);
        let Tables { combine, slots: tables, step, found, .. } = self;
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

    fn fire(&mut self, slot: Slot, at: Meta) -> Result<()> {
        let Some(table) = self.slots.get_mut(slot as usize) else { return Ok(()) };
        let combine = &self.combine;
        self.next.start_bundle()?;
        // The table keeps its room for the next window: one that grows anew moves each key several times.
        let mut rows = table.drain();
        loop {
            let (mut values, mut firing) = (Vec::with_capacity(rows.len().min(Batch::<K>::ROWS)), None);
            let extracted = guard(&self.step, || {
                for (key, accumulator) in rows.by_ref().take(Batch::<K>::ROWS) {
                    // Where a panic finds the key.
                    firing = Some(key);
                    let out = combine.extract_output(accumulator);
                    values.extend(firing.take().map(|key| (key, out)));
                }
                Ok(())
            });
            extracted.map_err(|error| at_key(error, firing.as_ref(), self.show))?;
            if values.is_empty() {
                return self.next.finish_bundle();
            }
            self.next.receive(Batch { values, meta: at.clone() })?;
        }
    }
}
