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
    Ok(Box::new(Tables::<K, C> { step: step.clone(), combine, show, slots: Vec::new(), next }))
}

/// Finds or makes the accumulator of a key and folds a value in. Whether the key is new.
#[inline]
pub(super) fn fold<K: Key, C: CombineFn>(
    table: &mut HashTable<(K, C::Acc)>,
    combine: &C,
    key: K,
    value: C::In,
) -> bool {
    match table.entry(hash(&key), |(known, _)| *known == key, |(known, _)| hash(known)) {
        Entry::Occupied(mut entry) => {
            combine.add_input(&mut entry.get_mut().1, value);
            false
        }
        Entry::Vacant(entry) => {
            let mut accumulator = combine.create_accumulator();
            combine.add_input(&mut accumulator, value);
            entry.insert((key, accumulator));
            true
        }
    }
}

struct Tables<K: Key, C: CombineFn> {
    step: StepName,
    combine: C,
    show: Show<K>,
    slots: Vec<HashTable<(K, C::Acc)>>,
    next: Next<(K, C::Out)>,
}

impl<K: Key, C: CombineFn> Panes for Tables<K, C> {
    fn add(&mut self, parcel: Parcel, slots: &[Slot]) -> Result<usize> {
        let Batch { values, meta } = parcel.open::<(K, C::In)>()?;
        let most = slots.iter().filter(|slot| **slot != DROPPED).max().map_or(0, |slot| *slot as usize + 1);
        self.slots.resize_with(self.slots.len().max(most), HashTable::new);
        let Tables { combine, slots: tables, step, .. } = self;
        let mut new = 0;
        guard(step, || {
            let mut add = |(key, value): (K, C::In), code: usize| {
                if let Some(table) = tables.get_mut(slots[code] as usize) {
                    new += usize::from(fold(table, combine, key, value));
                }
            };
            match &meta.windows {
                WindowColumn::All(_) => values.into_iter().for_each(|row| add(row, 0)),
                WindowColumn::Each { codes, .. } => {
                    values.into_iter().zip(codes).for_each(|(row, &code)| add(row, usize::from(code)));
                }
            }
            Ok(())
        })?;
        Ok(new)
    }

    fn fire(&mut self, slot: Slot, at: Meta) -> Result<()> {
        let Some(table) = self.slots.get_mut(slot as usize) else { return Ok(()) };
        let combine = &self.combine;
        self.next.start_bundle()?;
        let mut rows = std::mem::take(table).into_iter();
        loop {
            let (mut values, mut firing) = (Vec::new(), None);
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
