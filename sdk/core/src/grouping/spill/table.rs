//! The tables of a window-major store under a memory limit.

use super::heaps::Heaps;
use super::meter::Meter;
use super::part::{LEVELS, Part, Parts};
use super::{SpillSpace, Spilled, SpilledWriter};
use crate::Key;
use crate::batch::WindowColumn;
use crate::coder::{self, Coder, put_varint, take_varint};
use crate::combiners::CombineFn;
use crate::dofn::guard::guard;
use crate::error::{BoxError, Result};
use crate::graph::StepName;
use crate::grouping::panes::{Table, add, fold};
use crate::grouping::{Slot, hash};
use hashbrown::HashTable;
use std::mem::needs_drop;
use std::sync::Arc;

/// What distinguishes a grouping that collects values from one that combines them: they need not be in memory all at once.
pub(crate) struct Collects<I, A, O> {
    /// How many values an accumulator has.
    pub(crate) count: fn(&A) -> usize,
    /// The values of an accumulator.
    pub(crate) values: fn(A) -> Vec<I>,
    /// And back.
    pub(crate) from_values: fn(Vec<I>) -> A,
    /// The output of values in a file.
    pub(crate) from_file: fn(Spilled<I>) -> O,
}

impl<I, A, O> Clone for Collects<I, A, O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I, A, O> Copy for Collects<I, A, O> {}

/// How a combine function collects.
pub(crate) type CollectsOf<C> = Collects<<C as CombineFn>::In, <C as CombineFn>::Acc, <C as CombineFn>::Out>;

/// Rows whose output is made.
type Made<K, C> = Vec<(K, <C as CombineFn>::Out)>;

/// A record of collected values is not much longer than this.
const RECORD: usize = 32 << 10;

/// What a store knows beside its tables as soon as there is a limit.
pub(in crate::grouping) struct Spill<K: Key, C: CombineFn> {
    step: StepName,
    combine: C,
    collects: Option<CollectsOf<C>>,
    space: Arc<dyn SpillSpace>,
    meter: Meter,
    slots: Vec<Use<K, C>>,
}

/// What a slot holds.
struct Use<K: Key, C: CombineFn> {
    /// What its keys and accumulators own, about.
    owned: usize,
    /// What is not in its table any more.
    parts: Option<Parts>,
    of: std::marker::PhantomData<fn(K, C)>,
}

impl<K: Key, C: CombineFn> Default for Use<K, C> {
    fn default() -> Self {
        Use { owned: 0, parts: None, of: std::marker::PhantomData }
    }
}

/// What has come back of a slot.
pub(in crate::grouping) enum Loaded<K: Key, C: CombineFn> {
    /// Some of its keys, and about how many bytes their accumulators take.
    Table(Table<K, C>, usize),
    /// Keys whose values stay in files.
    Files(Made<K, C>),
}

impl<K: Key, C: CombineFn> Spill<K, C> {
    pub(in crate::grouping) fn new(
        step: &StepName,
        combine: C,
        collects: Option<CollectsOf<C>>,
        space: Arc<dyn SpillSpace>,
    ) -> Self {
        Spill { step: step.clone(), combine, collects, space, meter: Meter::default(), slots: Vec::new() }
    }

    /// Takes note of rows that come in; `slots[code]` is the slot of a window. Whether some of them do not go into a table.
    pub(in crate::grouping) fn meter(
        &mut self,
        rows: &[(K, C::In)],
        windows: &WindowColumn,
        slots: &[Slot],
        tables: usize,
    ) -> bool {
        self.slots.resize_with(self.slots.len().max(tables), Use::default);
        if let Some(first) = rows.first() {
            self.meter.sample(first);
        }
        let row = self.of_row();
        let mut is_logged = false;
        let mut add = |slot: Slot, rows: usize| {
            if let Some(slot) = self.slots.get_mut(slot as usize) {
                is_logged |= self.collects.is_some() && slot.parts.is_some();
                slot.owned += row * rows;
            }
        };
        match windows {
            WindowColumn::All(_) => slots.iter().for_each(|slot| add(*slot, rows.len())),
            WindowColumn::Each { codes, .. } => codes.iter().for_each(|code| add(slots[usize::from(*code)], 1)),
        }
        is_logged
    }

    /// How much more is owned when a row has come in, at most.
    fn of_row(&self) -> usize {
        if self.collects.is_some() || needs_drop::<C::Acc>() { self.meter.in_list::<C::In>() } else { 0 }
    }

    /// Takes rows in of which some go to files at once: those of slots of which all is there.
    pub(in crate::grouping) fn log(
        &mut self,
        rows: Vec<(K, C::In)>,
        windows: &WindowColumn,
        slots: &[Slot],
        tables: &mut [Table<K, C>],
    ) -> Result<()> {
        let Spill { step, combine, space, slots: uses, .. } = self;
        let (keys, values) = (coder::of::<K>(), coder::of::<C::In>());
        guard(step, || {
            for (row, (key, value)) in rows.into_iter().enumerate() {
                let slot = slots[windows.code(row)] as usize;
                match uses.get_mut(slot) {
                    None => (),
                    Some(Use { parts: Some(parts), .. }) => parts.put(&**space, hash(&key), 1, |out| {
                        keys.encode(&key, out)?;
                        put_varint(1, out);
                        values.encode(&value, out).map_err(BoxError::from)
                    })?,
                    Some(_) => fold::<K, C>(&mut tables[slot], combine, hash(&key), key, value),
                }
            }
            Ok(())
        })
    }

    /// What the store holds.
    pub(in crate::grouping) fn held(&self, tables: &[Table<K, C>]) -> usize {
        let in_files = self.slots.iter().filter_map(|slot| slot.parts.as_ref()).map(Parts::held).sum::<usize>();
        in_files + self.slots.iter().zip(tables).map(|(slot, table)| self.in_table(slot, table)).sum::<usize>()
    }

    fn in_table(&self, slot: &Use<K, C>, table: &Table<K, C>) -> usize {
        slot.owned + allocated(table) + table.len() * self.meter.of_key::<K>()
    }

    /// Writes slots to files, those that hold most first, until half of all is free. What is not a block yet stays, unless
    /// there is nothing else.
    pub(in crate::grouping) fn spill(&mut self, tables: &mut [Table<K, C>]) -> Result<()> {
        let each = self.slots.iter().zip(&*tables).map(|(slot, table)| self.in_table(slot, table));
        let mut held: Vec<(usize, usize)> = each.zip(0..).collect();
        held.sort_unstable_by(|a, b| b.cmp(a));
        let mut left = held.iter().map(|(held, _)| held).sum::<usize>().div_ceil(2);
        if left == 0 {
            return self
                .slots
                .iter_mut()
                .filter_map(|slot| slot.parts.as_mut())
                .try_for_each(|p| p.flush(&*self.space));
        }
        for (held, slot) in held {
            if left == 0 {
                break;
            }
            left = left.saturating_sub(held);
            if self.is_as_large(&tables[slot], slot) {
                self.write(std::mem::take(&mut tables[slot]), slot)?;
            }
        }
        Ok(())
    }

    /// Looks whether a slot owns as much as was thought; if it is much less, that is what it owns from now on.
    fn is_as_large(&mut self, table: &Table<K, C>, slot: usize) -> bool {
        const SAMPLES: usize = 64;
        if self.collects.is_some() || !needs_drop::<C::Acc>() || table.is_empty() {
            return true;
        }
        let (mut scratch, mut bytes, mut samples) = (Vec::new(), 0, 0);
        for (_, accumulator) in table.iter().take(SAMPLES) {
            bytes += coder::estimate(accumulator, &mut scratch);
            samples += 1;
        }
        let before = self.in_table(&self.slots[slot], table);
        self.slots[slot].owned = table.len() * self.meter.of_accumulator::<C::Acc, C::In>(bytes / samples);
        self.in_table(&self.slots[slot], table) > before / 2
    }

    /// Writes a table to a slot's files.
    fn write(&mut self, table: Table<K, C>, slot: usize) -> Result<()> {
        let Spill { step, collects, space, slots, .. } = self;
        slots[slot].owned = 0;
        let parts = slots[slot].parts.get_or_insert_with(|| Parts::new(0, &**space));
        let (keys, values, accumulators) = (coder::of::<K>(), coder::of::<C::In>(), coder::of::<C::Acc>());
        let mut put = |key: K, accumulator: C::Acc| -> Result<(), BoxError> {
            let hashed = hash(&key);
            let Some(collects) = collects else {
                return parts.put(&**space, hashed, 1, |out| {
                    keys.encode(&key, out)?;
                    Ok(accumulators.encode(&accumulator, out)?)
                });
            };
            let mut left = (collects.values)(accumulator);
            let each = (RECORD / size_of::<C::In>().max(16)).max(1);
            while !left.is_empty() {
                let chunk = left.split_off(left.len().saturating_sub(each));
                parts.put(&**space, hashed, chunk.len(), |out| {
                    keys.encode(&key, out)?;
                    put_varint(chunk.len() as u64, out);
                    chunk.iter().try_for_each(|value| Ok::<_, BoxError>(values.encode(value, out)?))
                })?;
            }
            Ok(())
        };
        guard(step, || table.into_iter().try_for_each(|(key, accumulator)| put(key, accumulator)))
    }

    /// Adds what a slot has to another one, if one of them is in files. Whether it is.
    pub(in crate::grouping) fn merge(
        &mut self,
        from: usize,
        into: usize,
        takes: bool,
        tables: &mut [Table<K, C>],
    ) -> Result<bool> {
        self.slots.resize_with(self.slots.len().max(tables.len()), Use::default);
        if self.slots[from].parts.is_none() && self.slots[into].parts.is_none() {
            let owned = self.slots[from].owned;
            self.slots[into].owned += owned;
            self.slots[from].owned = if takes { 0 } else { owned };
            return Ok(false);
        }
        self.write(std::mem::take(&mut tables[into]), into)?;
        let table = if takes { std::mem::take(&mut tables[from]) } else { tables[from].clone() };
        let (owned, parts) = (self.slots[from].owned, self.slots[from].parts.take());
        self.write(table, into)?;
        if let (Some(parts), Some(whole)) = (&parts, &mut self.slots[into].parts) {
            whole.add(parts, &*self.space)?;
        }
        if !takes {
            (self.slots[from].owned, self.slots[from].parts) = (owned, parts);
        } else {
            self.slots[from].owned = 0;
        }
        Ok(true)
    }

    /// All of a slot that fires: the table, or the parts that come back one by one.
    pub(in crate::grouping) fn take(
        &mut self,
        slot: Slot,
        table: &mut Table<K, C>,
    ) -> Result<(Table<K, C>, usize, Vec<Part>)> {
        let at = slot as usize;
        let (whole, Some(slot)) = (std::mem::take(table), self.slots.get_mut(at)) else {
            return Ok((Table::<K, C>::new(), 0, Vec::new()));
        };
        if slot.parts.is_none() {
            let held =
                std::mem::take(&mut slot.owned) + whole.allocation_size() + whole.len() * self.meter.of_key::<K>();
            return Ok((whole, held, Vec::new()));
        }
        self.write(whole, at)?;
        let parts = self.slots[at].parts.take().map(|parts| parts.parts).unwrap_or_default();
        Ok((Table::<K, C>::new(), 0, parts))
    }

    /// The next keys of parts that come back.
    pub(in crate::grouping) fn next(&self, parts: &mut Vec<Part>) -> Result<Option<Loaded<K, C>>> {
        while let Some(part) = parts.pop() {
            let size = self.size(&part);
            if part.rows == 0 {
                continue;
            }
            if size <= self.space.room() || part.level >= LEVELS || (part.is_heavy && self.collects.is_none()) {
                return Ok(Some(Loaded::Table(self.load(&part)?, size)));
            }
            match self.collects {
                Some(collects) if part.is_heavy => {
                    let (files, rest) = self.separate(&part, &collects)?;
                    parts.push(rest);
                    if !files.is_empty() {
                        return Ok(Some(Loaded::Files(files)));
                    }
                }
                _ => parts.append(&mut self.split(&part)?),
            }
        }
        Ok(None)
    }

    /// About how much memory a part takes when it is back.
    fn size(&self, part: &Part) -> usize {
        let (row, owns) = match self.collects {
            Some(_) => (Heaps::<K, C::In>::row(), needs_drop::<C::In>()),
            None => (2 * size_of::<(K, C::Acc)>(), needs_drop::<C::Acc>()),
        };
        let owned = match self.collects {
            None if owns => self.meter.of_accumulator::<C::Acc, C::In>(part.bytes),
            _ if owns || needs_drop::<K>() => part.bytes + part.bytes / 4,
            _ => part.bytes / 4,
        };
        let allocations = if owns && self.collects.is_some() { 24 * part.rows } else { 0 };
        row * part.rows + owned + allocations
    }

    fn load(&self, part: &Part) -> Result<Table<K, C>> {
        match &self.collects {
            Some(collects) => self.gather(part, collects),
            None => self.add_up(part),
        }
    }

    fn add_up(&self, part: &Part) -> Result<Table<K, C>> {
        let (keys, accumulators) = (coder::of::<K>(), coder::of::<C::Acc>());
        let mut table = Table::<K, C>::new();
        part.each_block(|mut block| {
            guard(&self.step, || {
                while !block.is_empty() {
                    let key = keys.decode(&mut block)?;
                    add::<K, C>(&mut table, &self.combine, key, accumulators.decode(&mut block)?);
                }
                Ok(())
            })
        })?;
        Ok(table)
    }

    fn gather(&self, part: &Part, collects: &CollectsOf<C>) -> Result<Table<K, C>> {
        let (keys, values) = (coder::of::<K>(), coder::of::<C::In>());
        let mut heaps = Heaps::new(part.level, part.rows);
        part.each_block(|mut block| {
            guard(&self.step, || {
                while !block.is_empty() {
                    let key = keys.decode(&mut block)?;
                    let count = usize::try_from(take_varint(&mut block)?)?;
                    heaps.put(key, (0..count).map(|_| values.decode(&mut block)))?;
                }
                Ok(())
            })
        })?;
        let mut table = Table::<K, C>::new();
        heaps.gather(|key, list| {
            table.insert_unique(hash(&key), (key, (collects.from_values)(list)), |(known, _)| hash(known));
        });
        Ok(table)
    }

    /// Parts a part by further bits of the hash.
    fn split(&self, part: &Part) -> Result<Vec<Part>> {
        let mut parts = Parts::new(part.level, &*self.space);
        self.each_record(part, |key, record, rows, _| {
            parts.put(&*self.space, hash(key), rows, |out| {
                out.extend_from_slice(record);
                Ok(())
            })
        })?;
        let mut parts = parts.parts;
        for small in &mut parts {
            small.is_heavy = small.bytes > part.bytes / 5 * 4;
        }
        Ok(parts)
    }

    /// Takes the keys that have very many values out of a part: their values stay in files.
    fn separate(&self, part: &Part, collects: &CollectsOf<C>) -> Result<(Made<K, C>, Part)> {
        let (room, space) = (self.space.room(), &*self.space);
        let mut sizes = HashTable::<(K, usize)>::new();
        self.each_record(part, |key, record, _, _| {
            let entry = sizes.entry(hash(key), |(known, _)| known == key, |(known, _)| hash(known));
            entry.or_insert_with(|| (key.clone(), 0)).get_mut().1 += record.len();
            Ok(())
        })?;
        let block = Parts::new(0, space).block;
        let mut files = HashTable::<(K, SpilledWriter<C::In>)>::new();
        for (key, _) in sizes.into_iter().filter(|(_, size)| *size > room / 8) {
            let hashed = hash(&key);
            let writer = SpilledWriter::new(space.create()?, block);
            files.insert_unique(hashed, (key, writer), |(known, _)| hash(known));
        }
        let mut rest = Part::new(part.level);
        self.each_record(part, |key, record, rows, values| {
            match files.find_mut(hash(key), |(known, _)| known == key) {
                Some((_, file)) => file.push_encoded(&record[values..], rows),
                None => rest.put(space, block, rows, |out| {
                    out.extend_from_slice(record);
                    Ok(())
                }),
            }
        })?;
        let finished = files.into_iter().map(|(key, file)| Ok((key, (collects.from_file)(file.finish()?))));
        let files = guard(&self.step, || finished.collect::<Result<_, BoxError>>())?;
        Ok((files, rest))
    }

    /// Goes through the records of a part: the key, all of its bytes, the number of rows, and where their bytes begin.
    fn each_record(
        &self,
        part: &Part,
        mut record: impl FnMut(&K, &[u8], usize, usize) -> Result<(), BoxError>,
    ) -> Result<()> {
        let (keys, values, accumulators) = (coder::of::<K>(), coder::of::<C::In>(), coder::of::<C::Acc>());
        part.each_block(|mut block| {
            guard(&self.step, || {
                while !block.is_empty() {
                    let before = block;
                    let key = keys.decode(&mut block)?;
                    let (mut rows, mut at) = (1, before.len() - block.len());
                    if self.collects.is_some() {
                        rows = usize::try_from(take_varint(&mut block)?)?;
                        at = before.len() - block.len();
                        for _ in 0..rows {
                            values.decode(&mut block)?;
                        }
                    } else {
                        accumulators.decode(&mut block)?;
                    }
                    record(&key, &before[..before.len() - block.len()], rows, at)?;
                }
                Ok(())
            })
        })
    }
}

/// What a table takes, and will take when it grows: then the old one and the new one are there.
fn allocated<T>(table: &HashTable<T>) -> usize {
    let grows = table.len() + table.len() / 8 >= table.capacity();
    table.allocation_size() * if grows { 3 } else { 1 }
}
