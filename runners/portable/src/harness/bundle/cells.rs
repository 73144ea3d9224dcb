//! State cells in an engine's bags.
//!
//! Engines agree on bags only: Flink has no other state, and others lack one kind or another. So maps, sets and ordered lists
//! are kept in a bag as a log of what was done to them, which is replayed when it is read and written anew when most of it
//! is history.
//!
//! What a step has read and changed stays here until its bundle ends, for keys come back: the engine is asked once, and told
//! once.

use super::current::Current;
use crate::failure;
use crate::harness::lru::Lru;
use bytes::Bytes;
use ferrobeam_core::coder::wire::{put_prefixed, put_sortable, take, take_prefixed, take_sortable};
use ferrobeam_core::coder::{CoderError, Decoded};
use ferrobeam_core::dofn::stateful::operator::{CellChange, CellFacts, CellKind, StateChange, StateReader};
use ferrobeam_core::graph::StepName;
use ferrobeam_core::windowing::Window;
use ferrobeam_core::{Error, Result, Timestamp};
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::fn_execution::state_request::Request;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A log is written anew when it has more than so many entries for each that counts.
const HISTORY: usize = 4;

/// .. and at least this many.
const SHORT: usize = 64;

/// How many bytes of cells a step keeps; what is beyond is written and forgotten before the bundle ends.
const MOST: usize = 16 << 20;

/// About what a place takes beside the bytes in it.
const PLACE: usize = 512;

/// .. and an entry of a log that was read.
const ENTRY: usize = 64;

/// The cells of a step, as its bundle knows them.
pub(super) struct Shelf {
    of: Arc<Of>,
    kept: Lru<(Bytes, Window), Arc<Place>>,
}

/// Whose cells they are.
pub(super) struct Of {
    pub(super) step: StepName,
    pub(super) current: Arc<Current>,
    pub(super) transform: String,
    pub(super) cells: Vec<CellFacts>,
}

impl Shelf {
    pub(super) fn new(of: Of) -> Self {
        Shelf { of: Arc::new(of), kept: Lru::default() }
    }

    /// Begins a bundle.
    pub(super) fn start(&mut self) {
        self.kept = Lru::default();
    }

    /// Takes the cells of a key and window, if they are known.
    pub(super) fn take(&mut self, key: &Bytes, window: Window) -> Option<Arc<Place>> {
        self.kept.remove(&(key.clone(), window))
    }

    /// The cells of a key and window that are not known, with both as the engine has them.
    pub(super) fn place(&self, key: &Bytes, window: Window, wire_key: Vec<u8>, wire_window: Vec<u8>) -> Arc<Place> {
        let cells = self.of.cells.iter().map(|facts| (facts.name, Cell::new(facts.kind == CellKind::Bag)));
        Arc::new(Place {
            of: self.of.clone(),
            // A copy: the key is a slice of all that came with it.
            id: (Bytes::copy_from_slice(key), window),
            key: wire_key.into(),
            window: wire_window.into(),
            cells: Mutex::new(cells.collect()),
        })
    }

    /// Keeps cells until they are wanted again, or for the end of the bundle.
    pub(super) fn keep(&mut self, place: Arc<Place>) -> Result<()> {
        let size = place.size();
        self.kept.put(place.id.clone(), place, size);
        self.write_beyond(MOST)
    }

    /// Tells the engine all that has changed.
    pub(super) fn write(&mut self) -> Result<()> {
        self.write_beyond(0)
    }

    fn write_beyond(&mut self, most: usize) -> Result<()> {
        while self.kept.size() > most
            && let Some(place) = self.kept.pop()
        {
            place.write()?;
        }
        Ok(())
    }
}

/// The state of one key and window.
pub(super) struct Place {
    of: Arc<Of>,
    /// Key and window as they are here.
    id: (Bytes, Window),
    pub(super) key: Bytes,
    window: Bytes,
    cells: Mutex<BTreeMap<&'static str, Cell>>,
}

/// One cell: what the engine has of it, as far as that is known, and what it must be told.
struct Cell {
    is_bag: bool,
    known: Option<Known>,
    /// Whether the engine is known to have nothing.
    had_none: bool,
    /// Whether what the engine has must go.
    is_cleared: bool,
    /// What comes behind that.
    added: Vec<u8>,
}

/// What is known of a cell.
enum Known {
    /// What the engine has of a bag and is still true.
    Bag(Bytes),
    /// What all of a log comes to.
    Log(Entries),
}

/// What a log comes to.
#[derive(Default)]
struct Entries {
    by_key: BTreeMap<Bytes, Vec<Bytes>>,
    by_time: BTreeMap<(Timestamp, usize), Bytes>,
    /// How many entries it has.
    length: usize,
    /// How many bytes.
    size: usize,
}

const PUT: u8 = 0;
const CLEAR_KEY: u8 = 1;
const INSERT: u8 = 2;
const CLEAR_RANGE: u8 = 3;

impl Entries {
    fn live(&self) -> usize {
        self.by_key.values().map(Vec::len).sum::<usize>() + self.by_time.len()
    }

    fn is_mostly_history(&self) -> bool {
        self.length >= SHORT && self.length >= HISTORY * self.live()
    }

    /// Goes on with a piece of the log.
    fn replay(&mut self, log: &Bytes) -> Decoded<()> {
        let mut input = &log[..];
        let prefixed = |input: &mut &[u8]| take_prefixed(input, "an entry of state").map(|bytes| log.slice_ref(bytes));
        self.size += log.len();
        while !input.is_empty() {
            self.length += 1;
            match take(&mut input, 1, "an entry of state")? {
                [PUT] => {
                    let key = prefixed(&mut input)?;
                    self.by_key.entry(key).or_default().push(prefixed(&mut input)?);
                }
                [CLEAR_KEY] => drop(self.by_key.remove(&prefixed(&mut input)?)),
                [INSERT] => {
                    let at = Timestamp::from_millis(take_sortable(&mut input, "a timestamp")?);
                    self.by_time.insert((at, self.length), prefixed(&mut input)?);
                }
                [CLEAR_RANGE] => {
                    let start = Timestamp::from_millis(take_sortable(&mut input, "a timestamp")?);
                    let end = Timestamp::from_millis(take_sortable(&mut input, "a timestamp")?);
                    self.by_time.retain(|(at, _), _| *at < start || *at >= end);
                }
                other => return Err(CoderError::invalid("an entry of state", format!("{other:?}"))),
            }
        }
        Ok(())
    }

    fn write(&self) -> Vec<u8> {
        let mut log = Vec::new();
        for (key, values) in &self.by_key {
            values.iter().for_each(|value| put_entry(key, value, &mut log));
        }
        self.by_time.iter().for_each(|((at, _), value)| insert_entry(*at, value, &mut log));
        log
    }
}

/// Writes a change as an entry of a log.
fn log_entry(change: CellChange, log: &mut Vec<u8>) {
    match change {
        CellChange::Clear => {}
        CellChange::Append { key, value } => put_entry(&key, &value, log),
        CellChange::ClearKey { key } => {
            log.push(CLEAR_KEY);
            put_prefixed(&key, log);
        }
        CellChange::Insert { at, value } => insert_entry(at, &value, log),
        CellChange::ClearRange { range } => {
            log.push(CLEAR_RANGE);
            put_sortable(range.start.millis(), log);
            put_sortable(range.end.millis(), log);
        }
    }
}

fn put_entry(key: &[u8], value: &[u8], log: &mut Vec<u8>) {
    log.push(PUT);
    put_prefixed(key, log);
    put_prefixed(value, log);
}

fn insert_entry(at: Timestamp, value: &[u8], log: &mut Vec<u8>) {
    log.push(INSERT);
    put_sortable(at.millis(), log);
    put_prefixed(value, log);
}

impl Cell {
    fn new(is_bag: bool) -> Self {
        Cell { is_bag, known: None, had_none: false, is_cleared: false, added: Vec::new() }
    }

    fn size(&self) -> usize {
        let known = match &self.known {
            None => 0,
            Some(Known::Bag(bytes)) => bytes.len(),
            Some(Known::Log(entries)) => entries.size + ENTRY * entries.length,
        };
        known + self.added.len()
    }

    fn nothing(&self) -> Known {
        if self.is_bag { Known::Bag(Bytes::new()) } else { Known::Log(Entries::default()) }
    }

    /// Learns what the engine has, behind which comes what was added meanwhile.
    fn learn(&mut self, bytes: Bytes) -> Decoded<()> {
        self.had_none = bytes.is_empty();
        self.known = Some(if self.is_bag {
            Known::Bag(bytes)
        } else {
            let mut entries = Entries::default();
            entries.replay(&bytes)?;
            entries.replay(&Bytes::copy_from_slice(&self.added))?;
            Known::Log(entries)
        });
        Ok(())
    }

    fn change(&mut self, change: CellChange) -> Decoded<()> {
        match change {
            CellChange::Clear => {
                self.known = Some(self.nothing());
                self.is_cleared = !self.had_none;
                self.added.clear();
            }
            CellChange::Append { value, .. } if self.is_bag => self.added.extend_from_slice(&value),
            change => {
                let before = self.added.len();
                log_entry(change, &mut self.added);
                if let Some(Known::Log(entries)) = &mut self.known {
                    entries.replay(&Bytes::copy_from_slice(&self.added[before..]))?;
                }
            }
        }
        Ok(())
    }

    /// What the engine must be told: whether what it has must go, and what to append.
    fn news(&mut self) -> (bool, Vec<u8>) {
        match &self.known {
            Some(Known::Log(entries)) if entries.is_mostly_history() => (!self.had_none, entries.write()),
            _ => (self.is_cleared, std::mem::take(&mut self.added)),
        }
    }
}

impl Place {
    fn bag(&self, cell: &str) -> pb::StateKey {
        let bag = pb::state_key::BagUserState {
            transform_id: self.of.transform.clone(),
            user_state_id: cell.to_owned(),
            window: self.window.clone(),
            key: self.key.clone(),
        };
        pb::StateKey { r#type: Some(pb::state_key::Type::BagUserState(bag)) }
    }

    fn cells(&self) -> MutexGuard<'_, BTreeMap<&'static str, Cell>> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is(&self, key: &Bytes, window: Window) -> bool {
        self.id.0 == *key && self.id.1 == window
    }

    fn size(&self) -> usize {
        PLACE + self.key.len() + self.window.len() + self.cells().values().map(Cell::size).sum::<usize>()
    }

    fn failed(&self, cell: &str, source: CoderError) -> Error {
        let source = source.at(format!("the state `{cell}`"));
        Error::Coder { step: self.of.step.clone(), element: None, source }
    }

    fn unknown(&self, cell: &str) -> Error {
        failure(format!("{} has no state `{cell}`", self.of.step))
    }

    /// Does something with a cell that is known.
    fn with<R>(&self, name: &str, body: impl FnOnce(&Cell) -> R) -> Result<R> {
        let mut cells = self.cells();
        let cell = cells.get_mut(name).ok_or_else(|| self.unknown(name))?;
        if cell.known.is_none() {
            cell.learn(self.of.current.read(&self.bag(name))?).map_err(|source| self.failed(name, source))?;
        }
        Ok(body(cell))
    }

    fn with_entries<R: Default>(&self, cell: &str, body: impl FnOnce(&Entries) -> R) -> Result<R> {
        self.with(cell, |cell| match &cell.known {
            Some(Known::Log(entries)) => body(entries),
            _ => R::default(),
        })
    }

    /// Takes what a visit has changed.
    pub(super) fn apply(&self, changes: Vec<StateChange>) -> Result<()> {
        let mut cells = self.cells();
        for StateChange { cell: name, change } in changes {
            let cell = cells.get_mut(name).ok_or_else(|| self.unknown(name))?;
            cell.change(change).map_err(|source| self.failed(name, source))?;
        }
        Ok(())
    }

    /// Tells the engine what has changed.
    fn write(&self) -> Result<()> {
        for (name, cell) in &mut *self.cells() {
            let (must_go, data) = cell.news();
            if must_go {
                self.of.current.write(self.bag(name), Request::Clear(pb::StateClearRequest {}))?;
            }
            if !data.is_empty() {
                let data = data.into();
                self.of.current.write(self.bag(name), Request::Append(pb::StateAppendRequest { data }))?;
            }
        }
        Ok(())
    }
}

impl StateReader for Place {
    fn values(&self, cell: &str, key: &[u8]) -> Result<Vec<Bytes>> {
        self.with(cell, |cell| match &cell.known {
            Some(Known::Log(entries)) => entries.by_key.get(key).cloned().unwrap_or_default(),
            Some(Known::Bag(bytes)) => {
                let pieces = [bytes.clone(), Bytes::copy_from_slice(&cell.added)];
                pieces.into_iter().filter(|piece| !piece.is_empty()).collect()
            }
            None => Vec::new(),
        })
    }

    fn keys(&self, cell: &str) -> Result<Vec<Bytes>> {
        self.with_entries(cell, |entries| entries.by_key.keys().cloned().collect())
    }

    fn range(&self, cell: &str, range: Range<Timestamp>) -> Result<Vec<(Timestamp, Bytes)>> {
        let span = (range.start, 0)..(range.end, 0);
        if span.start >= span.end {
            return Ok(Vec::new());
        }
        self.with_entries(cell, |entries| {
            entries.by_time.range(span).map(|((at, _), value)| (*at, value.clone())).collect()
        })
    }
}
