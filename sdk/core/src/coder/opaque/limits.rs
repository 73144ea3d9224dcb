//! How deep serde may go, and how far it may count.

use std::cell::Cell;

/// Levels of nesting: as many as fit on the stack of any thread.
const DEPTH: u32 = 128;
/// Items of lists that take no bytes.
const ITEMS_WITHOUT_BYTES: usize = 1 << 16;

/// How many items `bytes` justify.
pub(super) fn items(bytes: usize) -> usize {
    bytes.saturating_add(ITEMS_WITHOUT_BYTES)
}

/// What is left of both.
#[derive(Clone, Copy)]
pub(super) struct Limits<'l> {
    depth: u32,
    items: &'l Cell<usize>,
}

impl<'l> Limits<'l> {
    pub(super) fn new(items: &'l Cell<usize>) -> Self {
        Limits { depth: DEPTH, items }
    }

    /// Goes a level down.
    pub(super) fn deeper<E>(self, error: impl FnOnce(&'static str) -> E) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Limits { depth, ..self }),
            None => Err(error("nested deeper than 128 levels")),
        }
    }

    /// Counts an item of a list or map.
    pub(super) fn item<E>(self, error: impl FnOnce(&'static str) -> E) -> Result<(), E> {
        match self.items.get().checked_sub(1) {
            Some(items) => {
                self.items.set(items);
                Ok(())
            }
            None => Err(error("more items than bytes")),
        }
    }
}

/// One of serde's parties, within limits that it hands on to all it meets.
pub(super) struct Limited<'l, X> {
    pub(super) inner: X,
    pub(super) limits: Limits<'l>,
}
