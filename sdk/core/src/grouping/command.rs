//! What a runner tells a [`Cells`](super::Cells) to do.

use super::{Cell, KeyId};
use crate::time::Timestamp;
use crate::windowing::{PaneInfo, Window};

/// What the runner tells a [`Cells`](super::Cells) to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Adds a row's value to a cell.
    Add {
        /// The row, as counted by [`Cells::intern`](super::Cells::intern).
        row: u32,
        /// The cell; a new one if it holds nothing.
        cell: Cell,
        /// Whether no other command adds this row, so that its value need not be cloned.
        last: bool,
    },
    /// Moves the contents of one cell into another.
    Merge {
        /// It holds nothing afterwards.
        from: Cell,
        /// It holds both afterwards.
        into: Cell,
    },
    /// Emits the contents of a cell, or nothing combined if it holds nothing.
    Fire {
        /// The key of the output.
        key: KeyId,
        /// The contents.
        cell: Cell,
        /// What becomes of them.
        contents: Contents,
        /// The metadata of the output; boxed, for most commands are small.
        pane: Box<Firing>,
    },
    /// Empties a cell.
    Clear {
        /// It holds nothing afterwards.
        cell: Cell,
    },
    /// Gives a key's number back.
    Forget {
        /// A key that no later command names.
        key: KeyId,
    },
}

/// What becomes of a cell that fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive] // Retracting panes will fire once more what was emitted before, with a sign.
pub enum Contents {
    /// The next pane begins with nothing.
    Take,
    /// The next pane begins with them.
    Keep,
}

/// The metadata of a pane.
#[derive(Clone, Debug, PartialEq)]
pub struct Firing {
    /// The window that fires.
    pub window: Window,
    /// The timestamp of the output.
    pub timestamp: Timestamp,
    /// Which pane of its key and window it is.
    pub pane: PaneInfo,
}
