//! A collection that is some step's side input: what fires of it.

use crate::rows::Row;
use bytes::Bytes;
use ferrobeam_core::graph::{EdgeCoder, Graph};
use ferrobeam_core::grouping::{Cell, Command, Contents};
use ferrobeam_core::windowing::WindowingStrategy;
use ferrobeam_core::{Error, Result, Timestamp};
use ferrobeam_runner_core::engine::{Grouping, NodeId, Now, Row as Keyed, Side, Watermarks};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A side input while it fires.
pub(crate) struct View {
    /// The collection.
    pub(crate) collection: String,
    /// The stages that look at it, with the allowed lateness of what they process; none if one of them maps windows in a
    /// way of its own, so that nobody knows what it will ask for.
    pub(crate) readers: Option<Vec<(NodeId, Duration)>>,
    /// What has fired.
    pub(crate) side: Side,
    coder: Arc<dyn EdgeCoder>,
    panes: Grouping,
    /// What each window holds until it fires.
    cells: BTreeMap<Cell, Vec<Bytes>>,
}

impl View {
    pub(crate) fn new(graph: &Graph, collection: &str) -> Result<Self> {
        let (coder, windowing) = (graph.coder(collection)?.clone(), graph.windowing(collection)?.clone());
        let panes = Grouping::new(WindowingStrategy::clone(&windowing));
        let side = Side::new(windowing, coder.side_rows().none(), "direct");
        let collection = collection.to_owned();
        Ok(View { collection, readers: Some(Vec::new()), side, coder, panes, cells: BTreeMap::new() })
    }

    /// Takes elements that come at `now`. Whether a pane has fired.
    pub(crate) fn add(&mut self, rows: &[Row], now: Now) -> Result<bool> {
        let mut commands = Vec::new();
        let keyed = rows.iter().map(|row| Keyed { key: 0, timestamp: row.time, windows: row.windows.as_slice() });
        // Windows of side inputs do not merge, so no user code is called.
        let added = self.panes.add(keyed, now, &mut commands);
        added.map_err(|e| Error::Runner { runner: "direct", message: format!("a side input: {e}") })?;
        self.apply(&commands, rows)
    }

    /// Does what is due at `now`. Whether a pane has fired.
    pub(crate) fn advance(&mut self, now: Now) -> Result<bool> {
        let mut commands = Vec::new();
        self.panes.advance(now, &mut commands);
        self.apply(&commands, &[])
    }

    fn apply(&mut self, commands: &[Command], rows: &[Row]) -> Result<bool> {
        let mut has_fired = false;
        for command in commands {
            match command {
                Command::Add { row, cell, .. } => {
                    let row = rows.get(*row as usize).map(|row| row.bytes.clone());
                    self.cells.entry(*cell).or_default().extend(row);
                }
                Command::Merge { from, into } => {
                    let from = self.cells.remove(from).unwrap_or_default();
                    self.cells.entry(*into).or_default().extend(from);
                }
                Command::Fire { cell, contents, pane, .. } => {
                    let rows = match contents {
                        Contents::Keep => self.cells.get(cell).cloned(),
                        _ => self.cells.remove(cell),
                    };
                    let broken = |e| format!("a side input cannot be decoded: {e}");
                    let rows = self.coder.rows(&rows.unwrap_or_default());
                    let rows = rows.map_err(|e| Error::Runner { runner: "direct", message: broken(e) })?;
                    self.side.put(pane.window, Arc::new(rows));
                    has_fired = true;
                }
                Command::Clear { cell } => drop(self.cells.remove(cell)),
                Command::Forget { .. } => {}
            }
        }
        Ok(has_fired)
    }

    /// The trigger driver, for its times.
    pub(crate) fn driver(&self) -> &Grouping {
        &self.panes
    }

    /// Forgets the panes of windows that nobody will ask for: the main inputs are beyond all of theirs, and so is the work
    /// that a reader still has, which `expires` tells.
    pub(crate) fn forget(&self, watermarks: &Watermarks, expires: impl Fn(NodeId) -> Option<Timestamp>) {
        let behind = |(reader, lateness): &(NodeId, Duration)| {
            let input = watermarks.input(*reader);
            expires(*reader).map_or(input, |expires| expires.min(input)).saturating_sub(*lateness)
        };
        if let Some(main) = self.readers.as_ref().and_then(|readers| readers.iter().map(behind).min()) {
            self.side.forget_before(main);
        }
    }
}
