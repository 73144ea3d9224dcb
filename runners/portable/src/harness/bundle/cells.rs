//! State cells in an engine's bags.
//!
//! Engines agree on bags only: Flink has no other state, and others lack one kind or another. So maps, sets and ordered lists
//! are kept in a bag as a log of what was done to them, which is replayed when it is read and written anew when most of it
//! is history.

use super::current::Current;
use bytes::Bytes;
use ferrobeam_core::coder::wire::{put_prefixed, put_sortable, take, take_prefixed, take_sortable};
use ferrobeam_core::coder::{CoderError, Decoded};
use ferrobeam_core::dofn::stateful::operator::{CellChange, CellFacts, CellKind, StateChange, StateReader};
use ferrobeam_core::graph::StepName;
use ferrobeam_core::{Error, Result, Timestamp};
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::fn_execution::state_request::Request;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// A log is written anew when it has more than so many entries for each that counts.
const HISTORY: usize = 4;

/// .. and at least this many.
const SHORT: usize = 64;

/// The state of one key and window.
pub(super) struct Place {
    pub(super) step: StepName,
    pub(super) current: Arc<Current>,
    pub(super) transform: String,
    pub(super) key: Bytes,
    pub(super) window: Bytes,
    pub(super) cells: Vec<CellFacts>,
    /// Logs that were read, as they were before the changes of this visit.
    pub(super) logs: Mutex<BTreeMap<String, Arc<Entries>>>,
}

/// What a log comes to.
#[derive(Default)]
pub(super) struct Entries {
    by_key: BTreeMap<Bytes, Vec<Bytes>>,
    by_time: BTreeMap<(Timestamp, usize), Bytes>,
    /// How many entries it has.
    length: usize,
}

const PUT: u8 = 0;
const CLEAR_KEY: u8 = 1;
const INSERT: u8 = 2;
const CLEAR_RANGE: u8 = 3;

impl Entries {
    fn live(&self) -> usize {
        self.by_key.values().map(Vec::len).sum::<usize>() + self.by_time.len()
    }

    fn replay(log: &Bytes) -> Decoded<Self> {
        let (mut entries, mut input) = (Entries::default(), &log[..]);
        let prefixed = |input: &mut &[u8]| take_prefixed(input, "an entry of state").map(|bytes| log.slice_ref(bytes));
        while !input.is_empty() {
            entries.length += 1;
            match take(&mut input, 1, "an entry of state")? {
                [PUT] => {
                    let key = prefixed(&mut input)?;
                    entries.by_key.entry(key).or_default().push(prefixed(&mut input)?);
                }
                [CLEAR_KEY] => drop(entries.by_key.remove(&prefixed(&mut input)?)),
                [INSERT] => {
                    let at = Timestamp::from_millis(take_sortable(&mut input, "a timestamp")?);
                    entries.by_time.insert((at, entries.length), prefixed(&mut input)?);
                }
                [CLEAR_RANGE] => {
                    let start = Timestamp::from_millis(take_sortable(&mut input, "a timestamp")?);
                    let end = Timestamp::from_millis(take_sortable(&mut input, "a timestamp")?);
                    entries.by_time.retain(|(at, _), _| *at < start || *at >= end);
                }
                other => return Err(CoderError::invalid("an entry of state", format!("{other:?}"))),
            }
        }
        Ok(entries)
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

impl Place {
    fn bag(&self, cell: &str) -> pb::StateKey {
        let bag = pb::state_key::BagUserState {
            transform_id: self.transform.clone(),
            user_state_id: cell.to_owned(),
            window: self.window.clone(),
            key: self.key.clone(),
        };
        pb::StateKey { r#type: Some(pb::state_key::Type::BagUserState(bag)) }
    }

    fn is_bag(&self, cell: &str) -> bool {
        self.cells.iter().any(|facts| facts.name == cell && facts.kind == CellKind::Bag)
    }

    fn entries(&self, cell: &str) -> Result<Arc<Entries>> {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entries) = logs.get(cell) {
            return Ok(entries.clone());
        }
        let entries = Entries::replay(&self.current.read(&self.bag(cell))?).map_err(|source| {
            let source = source.at(format!("the state `{cell}`"));
            Error::Coder { step: self.step.clone(), element: None, source }
        })?;
        let entries = Arc::new(entries);
        logs.insert(cell.to_owned(), entries.clone());
        Ok(entries)
    }

    /// Tells the engine what has changed.
    pub(super) fn apply(&self, changes: Vec<StateChange>) -> Result<()> {
        // Changes of one cell that follow each other are one request.
        let mut pending: Option<(&'static str, Vec<u8>)> = None;
        for StateChange { cell, change } in changes {
            if pending.as_ref().is_some_and(|(of, _)| *of != cell) || change == CellChange::Clear {
                self.append(pending.take())?;
            }
            if change == CellChange::Clear {
                self.current.write(self.bag(cell), Request::Clear(pb::StateClearRequest {}))?;
                self.forget(cell);
                continue;
            }
            let (_, data) = pending.get_or_insert_with(|| (cell, Vec::new()));
            match change {
                CellChange::Clear => {}
                CellChange::Append { value, .. } if self.is_bag(cell) => data.extend_from_slice(&value),
                CellChange::Append { key, value } => put_entry(&key, &value, data),
                CellChange::ClearKey { key } => {
                    data.push(CLEAR_KEY);
                    put_prefixed(&key, data);
                }
                CellChange::Insert { at, value } => insert_entry(at, &value, data),
                CellChange::ClearRange { range } => {
                    data.push(CLEAR_RANGE);
                    put_sortable(range.start.millis(), data);
                    put_sortable(range.end.millis(), data);
                }
            }
        }
        self.append(pending)?;
        self.compact()
    }

    fn append(&self, data: Option<(&'static str, Vec<u8>)>) -> Result<()> {
        let Some((cell, data)) = data else { return Ok(()) };
        self.current.write(self.bag(cell), Request::Append(pb::StateAppendRequest { data: data.into() }))
    }

    fn forget(&self, cell: &str) {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).remove(cell);
    }

    /// Writes logs anew that are mostly history.
    fn compact(&self) -> Result<()> {
        let logs = std::mem::take(&mut *self.logs.lock().unwrap_or_else(PoisonError::into_inner));
        for (cell, before) in logs {
            if before.length < SHORT || before.length < HISTORY * before.live() {
                continue;
            }
            // With the changes of this visit, which the engine has by now.
            let entries = self.entries(&cell)?;
            self.current.write(self.bag(&cell), Request::Clear(pb::StateClearRequest {}))?;
            let data = entries.write().into();
            self.current.write(self.bag(&cell), Request::Append(pb::StateAppendRequest { data }))?;
        }
        Ok(())
    }
}

impl StateReader for Place {
    fn values(&self, cell: &str, key: &[u8]) -> Result<Vec<Bytes>> {
        if self.is_bag(cell) {
            return Ok(vec![self.current.read(&self.bag(cell))?]);
        }
        Ok(self.entries(cell)?.by_key.get(key).cloned().unwrap_or_default())
    }

    fn keys(&self, cell: &str) -> Result<Vec<Bytes>> {
        Ok(self.entries(cell)?.by_key.keys().cloned().collect())
    }

    fn range(&self, cell: &str, range: Range<Timestamp>) -> Result<Vec<(Timestamp, Bytes)>> {
        let entries = self.entries(cell)?;
        let span = (range.start, 0)..(range.end, 0);
        if span.start >= span.end {
            return Ok(Vec::new());
        }
        Ok(entries.by_time.range(span).map(|((at, _), value)| (*at, value.clone())).collect())
    }
}
