//! A runner for one key, and what cells and steps do on it.

mod cells;
mod steps;

use super::operator::*;
use crate::error::{Error, Result};
use crate::time::{Timestamp, millis};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The committed state of one key and window.
#[derive(Default)]
struct Store {
    cells: Mutex<BTreeMap<&'static str, Stored>>,
    reads: AtomicUsize,
    /// Whether values come in one piece, as over the Fn API.
    joins: AtomicBool,
    /// Whether reading fails.
    is_broken: AtomicBool,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Stored {
    by_key: BTreeMap<Bytes, Vec<Bytes>>,
    by_time: BTreeMap<Timestamp, Vec<Bytes>>,
}

impl Store {
    fn apply(&self, changes: Vec<StateChange>) {
        let mut cells = self.cells.lock().unwrap();
        for StateChange { cell, change } in changes {
            let stored = cells.entry(cell).or_default();
            match change {
                CellChange::Clear => *stored = Stored::default(),
                CellChange::Append { key, value } => stored.by_key.entry(key).or_default().push(value),
                CellChange::ClearKey { key } => drop(stored.by_key.remove(&key)),
                CellChange::Insert { at, value } => stored.by_time.entry(at).or_default().push(value),
                CellChange::ClearRange { range } => stored.by_time.retain(|at, _| !range.contains(at)),
            }
        }
    }

    fn read<R>(&self, cell: &str, read: impl FnOnce(&Stored) -> R) -> Result<R> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if self.is_broken.load(Ordering::Relaxed) {
            return Err(Error::Runner { runner: "test", message: "the disk is full".to_owned() });
        }
        Ok(read(self.cells.lock().unwrap().get(cell).unwrap_or(&Stored::default())))
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }
}

impl StateReader for Store {
    fn values(&self, cell: &str, key: &[u8]) -> Result<Vec<Bytes>> {
        let values = self.read(cell, |stored| stored.by_key.get(key).cloned().unwrap_or_default())?;
        let joins = self.joins.load(Ordering::Relaxed) && !values.is_empty();
        Ok(if joins { vec![values.concat().into()] } else { values })
    }

    fn keys(&self, cell: &str) -> Result<Vec<Bytes>> {
        self.read(cell, |stored| stored.by_key.keys().cloned().collect())
    }

    fn range(&self, cell: &str, range: Range<Timestamp>) -> Result<Vec<(Timestamp, Bytes)>> {
        assert!(range.start < range.end, "{range:?} is not worth a request");
        let values =
            |(at, values): (&Timestamp, &Vec<Bytes>)| values.iter().map(|v| (*at, v.clone())).collect::<Vec<_>>();
        self.read(cell, |stored| stored.by_time.range(range).flat_map(values).collect())
    }
}

fn at(time: i64) -> Timestamp {
    Timestamp::from_millis(time)
}
