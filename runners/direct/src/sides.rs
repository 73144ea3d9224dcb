//! Side inputs: all of a collection, by window, once it is whole.

use crate::rows::Row;
use bytes::Bytes;
use ferrobeam_core::dofn::erased::SharedRows;
use ferrobeam_core::dofn::side::SideReader;
use ferrobeam_core::graph::EdgeCoder;
use ferrobeam_core::windowing::{Window, WindowingStrategy};
use ferrobeam_core::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// A collection that is some step's side input.
#[derive(Clone)]
pub(crate) struct Side {
    coder: Arc<dyn EdgeCoder>,
    windowing: Arc<WindowingStrategy>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    encoded: HashMap<Window, Vec<Bytes>>,
    decoded: HashMap<Window, SharedRows>,
}

impl Side {
    pub(crate) fn new(coder: Arc<dyn EdgeCoder>, windowing: Arc<WindowingStrategy>) -> Self {
        Side { coder, windowing, state: Arc::default() }
    }

    pub(crate) fn add(&self, row: &Row) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for window in row.windows.as_slice() {
            state.encoded.entry(*window).or_default().push(row.bytes.clone());
        }
    }

    /// The rows of the window that belongs to one of the main input.
    fn rows(&self, main: Window) -> Result<SharedRows> {
        let failed = |e| Error::Runner { runner: "direct", message: format!("the window of a side input: {e}") };
        match self.windowing.windows.side_window(main).map_err(failed)? {
            Some(window) => self.rows_in(window),
            None => self.decode(&[]),
        }
    }

    fn rows_in(&self, window: Window) -> Result<SharedRows> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rows) = state.decoded.get(&window) {
            return Ok(rows.clone());
        }
        let encoded = state.encoded.get(&window).map_or(&[][..], Vec::as_slice);
        let rows = self.decode(encoded)?;
        state.decoded.insert(window, rows.clone());
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
