//! Side inputs: what a collection holds in each of its windows, as of the newest pane.
//!
//! A collection that is looked at from the side is grouped by window, by its own trigger; a pane takes the place of the one
//! before. A window is ready when a pane of it has fired, or when the watermark has passed its end: then it is empty.

use crate::rows::Row;
use bytes::Bytes;
use ferrobeam_core::dofn::erased::SharedRows;
use ferrobeam_core::dofn::side::{SideReader, WindowMapping};
use ferrobeam_core::graph::{EdgeCoder, Graph, StepName};
use ferrobeam_core::grouping::{Cell, Command, Contents};
use ferrobeam_core::windowing::{Window, WindowingStrategy, Windows};
use ferrobeam_core::{Error, Result, Timestamp};
use ferrobeam_runner_core::engine::{Grouping, NodeId, Now, Row as Keyed, Watermarks};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A collection that is some step's side input: what fires, and what has fired.
pub(crate) struct View {
    /// The collection.
    pub(crate) collection: String,
    /// The stages that look at it, with the allowed lateness of what they process; none if one of them maps windows in a
    /// way of its own, so that nobody knows what it will ask for.
    pub(crate) readers: Option<Vec<(NodeId, Duration)>>,
    side: Side,
    panes: Grouping,
    /// What each window holds until it fires.
    cells: BTreeMap<Cell, Vec<Bytes>>,
}

/// What has fired, for those who read it.
#[derive(Clone)]
pub(crate) struct Side {
    coder: Arc<dyn EdgeCoder>,
    windowing: Arc<WindowingStrategy>,
    /// Which window belongs to one of the main input, if the reader says so.
    mapping: Option<(StepName, WindowMapping)>,
    fired: Arc<Mutex<Fired>>,
}

struct Fired {
    panes: BTreeMap<Window, Pane>,
    /// All that may still be asked for and has not fired is empty up to here.
    reached: Timestamp,
}

enum Pane {
    Encoded(Vec<Bytes>),
    Decoded(SharedRows),
}

impl View {
    pub(crate) fn new(graph: &Graph, collection: &str) -> Result<Self> {
        let (coder, windowing) = (graph.coder(collection)?.clone(), graph.windowing(collection)?.clone());
        let fired = Fired { panes: BTreeMap::new(), reached: Timestamp::MIN };
        Ok(View {
            collection: collection.to_owned(),
            readers: Some(Vec::new()),
            panes: Grouping::new(WindowingStrategy::clone(&windowing)),
            side: Side { coder, windowing, mapping: None, fired: Arc::new(Mutex::new(fired)) },
            cells: BTreeMap::new(),
        })
    }

    /// What a reader holds.
    pub(crate) fn side(&self, mapping: Option<(StepName, WindowMapping)>) -> Side {
        Side { mapping, ..self.side.clone() }
    }

    /// Takes elements that come at `now`. Whether a pane has fired.
    pub(crate) fn add(&mut self, rows: &[Row], now: Now) -> Result<bool> {
        let mut commands = Vec::new();
        let keyed = rows.iter().map(|row| Keyed { key: 0, timestamp: row.time, windows: row.windows.as_slice() });
        // Windows of side inputs do not merge, so no user code is called.
        let added = self.panes.add(keyed, now, &mut commands);
        added.map_err(|e| Error::Runner { runner: "direct", message: format!("a side input: {e}") })?;
        Ok(self.apply(&commands, rows))
    }

    /// Does what is due at `now`. Whether a pane has fired.
    pub(crate) fn advance(&mut self, now: Now) -> bool {
        let mut commands = Vec::new();
        self.panes.advance(now, &mut commands);
        self.apply(&commands, &[])
    }

    fn apply(&mut self, commands: &[Command], rows: &[Row]) -> bool {
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
                    self.side.lock().panes.insert(pane.window, Pane::Encoded(rows.unwrap_or_default()));
                    has_fired = true;
                }
                Command::Clear { cell } => drop(self.cells.remove(cell)),
                Command::Forget { .. } => {}
            }
        }
        has_fired
    }

    /// The trigger driver, for its times.
    pub(crate) fn driver(&self) -> &Grouping {
        &self.panes
    }

    /// Says how far the side input has come: windows that ended before and have not fired are empty. Whether that is news.
    pub(crate) fn reached(&self, watermark: Timestamp) -> bool {
        let reached = &mut self.side.lock().reached;
        std::mem::replace(reached, watermark) < watermark
    }

    /// Forgets the panes of windows that nobody will ask for: the main inputs are beyond all of theirs, and so is the work
    /// that a reader still has, which `expires` tells.
    pub(crate) fn forget(&self, watermarks: &Watermarks, expires: impl Fn(NodeId) -> Option<Timestamp>) {
        let behind = |(reader, lateness): &(NodeId, Duration)| {
            let input = watermarks.input(*reader);
            expires(*reader).map_or(input, |expires| expires.min(input)).saturating_sub(*lateness)
        };
        let Some(main) = self.readers.as_ref().and_then(|readers| readers.iter().map(behind).min()) else { return };
        let mut fired = self.side.lock();
        if fired.panes.first_key_value().is_some_and(|(window, _)| window.max_timestamp() < main) {
            fired.panes.retain(|window, _| window.max_timestamp() >= main);
        }
    }
}

impl Side {
    fn lock(&self) -> std::sync::MutexGuard<'_, Fired> {
        self.fired.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The window that belongs to one of the main input; none if there is none.
    fn window(&self, main: Window) -> Result<Option<Window>> {
        let windows = &self.windowing.windows;
        let failed = |e| Error::Runner { runner: "direct", message: format!("the window of a side input: {e}") };
        let Some((step, mapping)) = &self.mapping else { return windows.side_window(main).map_err(failed) };
        let window = mapping.side_window(step, main)?;
        // One that nothing is ever put into would only look empty. What a function of the user's own may return, nobody knows.
        let is_theirs = matches!(windows, Windows::Custom(_))
            || windows.assign(window.max_timestamp(), window).map_err(failed)?.as_slice().contains(&window);
        if is_theirs {
            return Ok(Some(window));
        }
        let source = format!("it looks at {window} of a side input that has other windows: {windows}").into();
        Err(Error::User { step: step.clone(), element: None, source })
    }

    /// Whether an element in this window of the main input can be processed.
    pub(crate) fn is_ready(&self, main: Window) -> Result<bool> {
        let Some(window) = self.window(main)? else { return Ok(true) };
        let fired = self.lock();
        Ok(fired.panes.contains_key(&window) || fired.reached > window.max_timestamp())
    }

    /// The rows of the window that belongs to one of the main input.
    fn rows(&self, main: Window) -> Result<SharedRows> {
        let Some(window) = self.window(main)? else { return self.decode(&[]) };
        let mut fired = self.lock();
        let empty = Pane::Encoded(Vec::new());
        let rows = match fired.panes.get(&window).unwrap_or(&empty) {
            Pane::Decoded(rows) => return Ok(rows.clone()),
            Pane::Encoded(encoded) => self.decode(encoded)?,
        };
        fired.panes.insert(window, Pane::Decoded(rows.clone()));
        Ok(rows)
    }

    fn decode(&self, encoded: &[Bytes]) -> Result<SharedRows> {
        let broken = |e| Error::Runner { runner: "direct", message: format!("a side input cannot be decoded: {e}") };
        self.coder.rows(encoded).map_err(broken)
    }
}

/// The side inputs of one step, by local name.
pub(crate) struct Sides(pub(crate) BTreeMap<String, Side>);

impl SideReader for Sides {
    fn rows(&self, name: &str, window: Window) -> Result<SharedRows> {
        match self.0.get(name) {
            Some(side) => side.rows(window),
            None => ferrobeam_core::dofn::side::NoSides.rows(name, window),
        }
    }
}
