//! The cells of one key and window, in memory and in files.

use crate::engine::parked::Names;
use crate::files::{damaged, put_bytes, take_array, take_bytes, take_len};
use bytes::Bytes;
use ferrobeam_core::coder::put_varint;
use ferrobeam_core::dofn::stateful::operator::{CellChange, StateReader};
use ferrobeam_core::grouping::{Piece, Pieces};
use ferrobeam_core::{Result, Timestamp};
use foldhash::fast::FixedState;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A cell that has so many bytes in memory goes to a file alone: then they are not read, nor written again, when another one is.
const LARGE: usize = 2 << 10;

/// A piece that is smaller than this goes into the next one of its cell, so that there are not many.
const SMALL: usize = 16 << 10;

/// What a value takes in memory beside its bytes, about.
const OF_VALUE: usize = 64;

/// The state of one key and window: its cells with their names, none of them empty. A step has few, so they are looked
/// through: a map takes a kilobyte for three of them.
#[derive(Clone, Debug, Default)]
pub(in crate::engine) struct Cells(Vec<(&'static str, Contents)>);

/// What is in a cell. Each kind of cell uses one part only; a bag is a multimap that has an empty key alone.
///
/// As it is written to a piece: what to clear of older pieces, and what to add.
#[derive(Clone, Debug, Default)]
struct Contents {
    /// The values of the empty key.
    bag: Vec<Bytes>,
    /// Those of all others.
    values: BTreeMap<Bytes, Vec<Bytes>>,
    list: BTreeMap<Timestamp, Vec<Bytes>>,
    /// What has come before that and is in files, the oldest first.
    there: Vec<Piece>,
    /// The keys that were cleared since then: of older values none counts.
    cleared: BTreeSet<Bytes>,
}

/// The pieces of cells of keys that are in files themselves: there each is a number.
#[derive(Clone, Default)]
pub(in crate::engine) struct NumberedPieces {
    of_numbers: HashMap<u64, Piece, FixedState>,
    /// The number of the next one.
    next: u64,
}

impl NumberedPieces {
    fn put(&mut self, piece: Piece) -> u64 {
        let number = self.next;
        self.next += 1;
        self.of_numbers.insert(number, piece);
        number
    }

    fn take(&mut self, number: u64) -> Result<Piece> {
        self.of_numbers.remove(&number).ok_or_else(damaged)
    }

    pub(super) fn len(&self) -> usize {
        self.of_numbers.len()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Piece> {
        self.of_numbers.values()
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Piece> {
        self.of_numbers.values_mut()
    }
}

pub(super) fn lock(files: &Mutex<Pieces>) -> MutexGuard<'_, Pieces> {
    files.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cells {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn contents(&self) -> impl Iterator<Item = &Contents> {
        self.0.iter().map(|(_, contents)| contents)
    }

    /// What values take in memory.
    pub(super) fn bytes(&self) -> usize {
        self.contents().map(Contents::bytes).sum()
    }

    /// What large cells have in files.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.contents().flat_map(|contents| &contents.there)
    }

    /// The same, to be changed.
    pub(super) fn pieces_mut(&mut self) -> impl Iterator<Item = &mut Piece> {
        self.0.iter_mut().flat_map(|(_, contents)| &mut contents.there)
    }

    /// Makes a change; how many bytes it adds in memory, and how many it takes away.
    pub(super) fn apply(
        &mut self,
        cell: &'static str,
        change: CellChange,
        files: Option<&Mutex<Pieces>>,
    ) -> Result<(usize, usize)> {
        let at = self.0.iter().position(|(name, _)| *name == cell).unwrap_or_else(|| {
            // Most have one: room for four would be half a kilobyte.
            self.0.reserve_exact(1);
            self.0.push((cell, Contents::default()));
            self.0.len() - 1
        });
        let contents = &mut self.0[at].1;
        let (mut brought, mut gone) = (0, 0);
        if let CellChange::ClearRange { .. } = &change
            && !contents.there.is_empty()
        {
            (brought, gone) = contents.bring(files)?;
        }
        let (added, removed) = contents.apply(change);
        if contents.is_empty() {
            self.0.remove(at);
        }
        Ok((brought + added, gone + removed))
    }

    /// Looks whether cells of which keys were cleared have still anything; how many bytes that adds in memory, and how many it
    /// takes away.
    pub(super) fn settle(&mut self, files: Option<&Mutex<Pieces>>) -> Result<(usize, usize)> {
        let (mut added, mut removed) = (0, 0);
        for (_, contents) in &mut self.0 {
            if !contents.cleared.is_empty() && !contents.has_values() {
                let (brought, gone) = contents.bring(files)?;
                (added, removed) = (added + brought, removed + gone);
            }
        }
        self.0.retain(|(_, contents)| !contents.is_empty());
        Ok((added, removed))
    }

    /// Whether one of them is so large in memory that it goes to a file alone.
    pub(super) fn are_large(&self) -> bool {
        self.contents().any(Contents::is_large)
    }

    /// Writes those that are large to files, one by one.
    pub(super) fn write_large(&mut self, pieces: &mut Pieces) -> Result<()> {
        for (_, contents) in self.0.iter_mut().filter(|(_, contents)| contents.is_large()) {
            let mut there = std::mem::take(&mut contents.there);
            if let Some(last) = there.pop_if(|last| last.bytes() < SMALL) {
                let mut both = Contents::default();
                both.decode(&mut pieces.read(&last)?)?;
                both.extend(contents);
                if there.is_empty() {
                    both.cleared.clear();
                }
                *contents = both;
            }
            there.push(record(pieces, |out| contents.encode(out))?);
            *contents = Contents { there, ..Contents::default() };
        }
        Ok(())
    }

    /// Writes what is in memory, and the numbers of the pieces.
    pub(in crate::engine) fn encode(&self, names: &mut Names, pieces: &mut NumberedPieces, out: &mut Vec<u8>) {
        put_varint(self.0.len() as u64, out);
        for (name, contents) in &self.0 {
            names.put(name, out);
            contents.encode(out);
            put_varint(contents.there.len() as u64, out);
            contents.there.iter().for_each(|piece| put_varint(pieces.put(piece.clone()), out));
        }
    }

    /// Reads what [`encode`](Self::encode) has written, which it does not do again: the numbers are given back.
    pub(in crate::engine) fn decode(names: &Names, pieces: &mut NumberedPieces, input: &mut &[u8]) -> Result<Cells> {
        let mut cells = Cells::default();
        for _ in 0..take_len(input)? {
            let name = names.take(input)?;
            let mut contents = Contents::default();
            contents.decode(input)?;
            for _ in 0..take_len(input)? {
                contents.there.push(pieces.take(take_len(input)? as u64)?);
            }
            cells.0.reserve_exact(1);
            cells.0.push((name, contents));
        }
        Ok(cells)
    }
}

fn record(pieces: &mut Pieces, write: impl FnOnce(&mut Vec<u8>)) -> Result<Piece> {
    pieces.put(|out| {
        write(out);
        Ok(())
    })
}

impl Contents {
    fn is_empty(&self) -> bool {
        !self.has_values() && self.there.is_empty()
    }

    fn is_large(&self) -> bool {
        self.bytes() >= LARGE
    }

    /// Whether there is something in memory.
    fn has_values(&self) -> bool {
        !(self.bag.is_empty() && self.values.is_empty() && self.list.is_empty())
    }

    fn of_key(&self, key: &[u8]) -> Option<&Vec<Bytes>> {
        if key.is_empty() { Some(&self.bag) } else { self.values.get(key) }
    }

    fn of_key_mut(&mut self, key: Bytes) -> &mut Vec<Bytes> {
        if key.is_empty() { &mut self.bag } else { self.values.entry(key).or_default() }
    }

    /// The keys that have values.
    fn keys(&self) -> impl Iterator<Item = Bytes> {
        let empty = (!self.bag.is_empty()).then(Bytes::new);
        empty.into_iter().chain(self.values.keys().cloned())
    }

    fn bytes(&self) -> usize {
        let values = self.values.iter().flat_map(|(key, values)| values.iter().map(|value| of_value(key, value)));
        let keyless = self.bag.iter().chain(self.list.values().flatten());
        let cleared = self.cleared.iter().map(|key| of_value(key, b""));
        values.sum::<usize>() + keyless.map(|value| of_value(b"", value)).sum::<usize>() + cleared.sum::<usize>()
    }

    fn apply(&mut self, change: CellChange) -> (usize, usize) {
        match change {
            CellChange::Clear => (0, std::mem::take(self).bytes()),
            CellChange::Append { key, value } => {
                let added = of_value(&key, &value);
                self.of_key_mut(key).push(value);
                (added, 0)
            }
            CellChange::ClearKey { key } => {
                let removed = self.clear_key(&key).iter().map(|value| of_value(&key, value)).sum();
                let cleared = of_value(&key, b"");
                let is_new = !self.there.is_empty() && self.cleared.insert(key);
                (if is_new { cleared } else { 0 }, removed)
            }
            CellChange::Insert { at, value } => {
                let added = of_value(b"", &value);
                self.list.entry(at).or_default().push(value);
                (added, 0)
            }
            CellChange::ClearRange { range } => {
                let mut behind = self.list.split_off(&range.start);
                let rest = behind.split_off(&range.end);
                self.list.extend(rest);
                (0, behind.values().flatten().map(|value| of_value(b"", value)).sum())
            }
        }
    }

    /// The values of a key that are in memory.
    fn clear_key(&mut self, key: &[u8]) -> Vec<Bytes> {
        if key.is_empty() { std::mem::take(&mut self.bag) } else { self.values.remove(key).unwrap_or_default() }
    }

    /// Brings back what is in files; how many bytes that adds in memory, and how many it takes away.
    fn bring(&mut self, files: Option<&Mutex<Pieces>>) -> Result<(usize, usize)> {
        let before = self.bytes();
        *self = self.whole(files)?;
        Ok((self.bytes(), before))
    }

    /// All of it in memory.
    fn whole(&self, files: Option<&Mutex<Pieces>>) -> Result<Contents> {
        let mut all = Contents::default();
        for piece in &self.there {
            all.decode(&mut lock(files.ok_or_else(damaged)?).read(piece)?)?;
        }
        all.extend(self);
        all.cleared.clear();
        Ok(all)
    }

    /// Adds what has come later.
    fn extend(&mut self, later: &Contents) {
        for key in &later.cleared {
            self.clear_key(key);
            self.cleared.insert(key.clone());
        }
        self.bag.extend_from_slice(&later.bag);
        for (key, values) in &later.values {
            self.values.entry(key.clone()).or_default().extend_from_slice(values);
        }
        for (at, values) in &later.list {
            self.list.entry(*at).or_default().extend_from_slice(values);
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(self.cleared.len() as u64, out);
        self.cleared.iter().for_each(|key| put_bytes(key, out));
        put_all(&self.bag, out);
        put_varint(self.values.len() as u64, out);
        for (key, values) in &self.values {
            put_bytes(key, out);
            put_all(values, out);
        }
        put_varint(self.list.len() as u64, out);
        for (at, values) in &self.list {
            out.extend_from_slice(&at.millis().to_le_bytes());
            put_all(values, out);
        }
    }

    /// Clears and adds what a record says.
    fn decode(&mut self, input: &mut &[u8]) -> Result<()> {
        for _ in 0..take_len(input)? {
            let key = copy(input)?;
            self.clear_key(&key);
            self.cleared.insert(key);
        }
        take_all(input, &mut self.bag)?;
        for _ in 0..take_len(input)? {
            let key = copy(input)?;
            take_all(input, self.values.entry(key).or_default())?;
        }
        for _ in 0..take_len(input)? {
            let at = Timestamp::from_millis(i64::from_le_bytes(take_array(input)?));
            take_all(input, self.list.entry(at).or_default())?;
        }
        Ok(())
    }
}

fn of_value(key: &[u8], value: &[u8]) -> usize {
    OF_VALUE + key.len() + value.len()
}

fn put_all(values: &[Bytes], out: &mut Vec<u8>) {
    put_varint(values.len() as u64, out);
    values.iter().for_each(|value| put_bytes(value, out));
}

/// A copy: a part of the record would keep all of it in memory.
fn copy(input: &mut &[u8]) -> Result<Bytes> {
    take_bytes(input).map(Bytes::copy_from_slice)
}

fn take_all(input: &mut &[u8], into: &mut Vec<Bytes>) -> Result<()> {
    for _ in 0..take_len(input)? {
        into.push(copy(input)?);
    }
    Ok(())
}

/// The state of a key and window as it was.
pub(super) struct Snapshot {
    cells: Arc<Cells>,
    files: Option<Arc<Mutex<Pieces>>>,
    /// The cell that was read last from files, for a map is looked at key by key.
    read: Mutex<Option<(&'static str, Contents)>>,
}

impl Snapshot {
    pub(super) fn new(cells: Arc<Cells>, files: Option<Arc<Mutex<Pieces>>>) -> Self {
        Snapshot { cells, files, read: Mutex::default() }
    }

    /// Looks at a cell, all of it.
    fn look<R: Default>(&self, cell: &str, look: impl FnOnce(&Contents) -> R) -> Result<R> {
        let Some((name, contents)) = self.cells.0.iter().find(|(name, _)| *name == cell) else {
            return Ok(R::default());
        };
        if contents.there.is_empty() {
            return Ok(look(contents));
        }
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match &*read {
            Some((known, whole)) if known == name => Ok(look(whole)),
            _ => {
                let (_, whole) = read.insert((name, contents.whole(self.files.as_deref())?));
                Ok(look(whole))
            }
        }
    }
}

impl StateReader for Snapshot {
    fn values(&self, cell: &str, key: &[u8]) -> Result<Vec<Bytes>> {
        self.look(cell, |contents| contents.of_key(key).cloned().unwrap_or_default())
    }

    fn keys(&self, cell: &str) -> Result<Vec<Bytes>> {
        self.look(cell, |contents| contents.keys().collect())
    }

    fn range(&self, cell: &str, range: Range<Timestamp>) -> Result<Vec<(Timestamp, Bytes)>> {
        // Standing on its head, a range of a map panics.
        if range.is_empty() {
            return Ok(Vec::new());
        }
        self.look(cell, |contents| {
            let found = contents.list.range(range);
            found.flat_map(|(at, values)| values.iter().map(|value| (*at, value.clone()))).collect()
        })
    }
}
