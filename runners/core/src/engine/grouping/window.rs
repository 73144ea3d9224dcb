//! What a grouping knows of one window of one key.

use super::Now;
use ferrobeam_core::Timestamp;
use ferrobeam_core::grouping::{Cell, KeyId};
use ferrobeam_core::windowing::trigger::TriggerState;
use ferrobeam_core::windowing::{Window, WindowingStrategy};

/// A window of a key, until its state goes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WindowState {
    pub(super) key: KeyId,
    pub(super) window: Window,
    /// When its state goes: once the watermark is beyond this.
    pub(super) closes: Timestamp,
    /// Whether the passing of its end has been seen to.
    pub(super) ended: bool,
    /// Whether the trigger has finished: then this is a tombstone, and what comes is discarded.
    pub(super) finished: bool,
    pub(super) trigger: TriggerState,
    /// How many panes were emitted, and how many of them were not early.
    pub(super) panes: u64,
    pub(super) nonspeculative_panes: u64,
    /// The elements since the last firing.
    pub(super) pane: Pane,

    // What follows is where the window is in the grouping's queues.
    pub(super) timer: Timestamp,
    pub(super) alarm: Option<Timestamp>,
    pub(super) synchronized_alarm: Option<Timestamp>,
    pub(super) held: Option<Timestamp>,
}

/// The elements since the last firing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pane {
    /// Whether there are any.
    pub(super) some: bool,
    /// The timestamp that those have come to which came before the output watermark did.
    pub(super) timestamp: Option<Timestamp>,
    /// Whether one of those came before the input watermark had passed the end of the window.
    pub(super) timely: bool,
    /// Whether there are others: too late to keep the output watermark at their own timestamp.
    pub(super) behind: bool,
}

impl WindowState {
    pub(super) fn new(key: KeyId, window: Window, strategy: &WindowingStrategy, watermark: Timestamp) -> Self {
        let mut open = WindowState {
            key,
            window,
            closes: Timestamp::MAX,
            ended: false,
            finished: false,
            trigger: TriggerState::new(&strategy.trigger),
            panes: 0,
            nonspeculative_panes: 0,
            pane: Pane::default(),
            timer: Timestamp::MAX,
            alarm: None,
            synchronized_alarm: None,
            held: None,
        };
        open.moved_to(window, strategy, watermark);
        open
    }

    /// It is another window now.
    pub(super) fn moved_to(&mut self, window: Window, strategy: &WindowingStrategy, watermark: Timestamp) {
        self.window = window;
        self.closes = strategy.garbage_collection_time(window);
        self.ended = watermark > window.max_timestamp();
    }

    /// The last timestamp inside.
    pub(super) fn end(&self) -> Timestamp {
        self.window.max_timestamp()
    }

    /// When something is to be done: once the watermark is beyond this.
    pub(super) fn due(&self) -> Timestamp {
        if self.ended { self.closes } else { self.end() }
    }

    /// Counts an element in.
    pub(super) fn take_element(&mut self, strategy: &WindowingStrategy, at: Timestamp, now: Now) {
        let combiner = strategy.timestamp_combiner;
        let at = combiner.assign(self.window, at);
        self.pane.some = true;
        if at < now.output_watermark {
            self.pane.behind = true;
        } else {
            self.pane.timely |= now.input_watermark <= self.end();
            self.pane.timestamp = Some(self.pane.timestamp.map_or(at, |so_far| combiner.combine(so_far, at)));
        }
    }

    /// What the output watermark may not pass because of this window. Elements that are too late to keep it at their own
    /// timestamp keep it at the end of the window, or at its closing, so that their pane is not dropped behind.
    pub(super) fn wanted_hold(&self) -> Option<Timestamp> {
        let behind = self.pane.behind.then(|| self.due());
        self.pane.timestamp.into_iter().chain(behind).min()
    }
}

/// The windows of one key, sorted.
#[derive(Clone, Debug, Default)]
pub(super) struct Keyed {
    /// Those that may fire. If they merge by overlap, no two of them overlap.
    pub(super) open: Vec<(Window, Cell)>,
    /// Those whose trigger has finished: they take no part in merges.
    pub(super) finished: Vec<(Window, Cell)>,
}

impl Keyed {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.finished.is_empty()
    }

    pub(super) fn find_open(&self, window: Window) -> Option<Cell> {
        find(&self.open, window).ok().map(|at| self.open[at].1)
    }

    pub(super) fn find_finished(&self, window: Window) -> Option<Cell> {
        find(&self.finished, window).ok().map(|at| self.finished[at].1)
    }

    pub(super) fn insert(&mut self, window: Window, cell: Cell, finished: bool) {
        let list = if finished { &mut self.finished } else { &mut self.open };
        if let Err(at) = find(list, window) {
            if list.is_empty() {
                // Most keys have one window, and there may be millions of keys: a list would begin with room for four.
                list.reserve_exact(1);
            }
            list.insert(at, (window, cell));
        }
    }

    /// An open window becomes another one.
    pub(super) fn rename(&mut self, from: Window, into: Window, cell: Cell) {
        self.remove(from, false);
        self.insert(into, cell, false);
    }

    pub(super) fn remove(&mut self, window: Window, finished: bool) {
        let list = if finished { &mut self.finished } else { &mut self.open };
        if let Ok(at) = find(list, window) {
            list.remove(at);
        }
    }
}

fn find(list: &[(Window, Cell)], window: Window) -> Result<usize, usize> {
    list.binary_search_by(|(known, _)| known.cmp(&window))
}
