//! The driver of one grouping: which windows a key has, when one fires, and what its pane is.
//!
//! It knows keys and accumulators by number only: rows go in, [`Command`]s for a [`Cells`](ferrobeam_core::grouping::Cells)
//! come out. So it is one piece of code for all pipelines, and a runner's threads, bundles and files stay the runner's.
//!
//! ```
//! use ferrobeam_core::{prelude::*, time::*};
//! use ferrobeam_core::grouping::Command;
//! use ferrobeam_core::windowing::{CompleteWindowing, PaneInfo, Timing, WindowingStrategy};
//! use ferrobeam_runner_core::engine::{Grouping, Now, Row};
//!
//! # fn main() -> Result<(), BoxError> {
//! let mut grouping = Grouping::new(WindowingStrategy::default());
//! let (mut commands, mut now) = (Vec::new(), Now::START);
//! let row = Row { key: 0, timestamp: Timestamp::EPOCH, windows: &[Window::Global] };
//! grouping.add([row], now, &mut commands)?;
//! assert_eq!(commands, [Command::Add { row: 0, cell: 0, last: true }]);
//!
//! now.input_watermark = Timestamp::MAX;
//! commands.clear();
//! grouping.advance(now, &mut commands);
//! let [Command::Fire { pane, .. }, Command::Forget { key: 0 }] = commands.as_slice() else { panic!("{commands:?}") };
//! assert_eq!((pane.pane.timing, pane.pane.is_last), (Timing::OnTime, true));
//! # Ok(())
//! # }
//! ```
//!
//! # Time
//!
//! A watermark `W` says that nothing with a timestamp before `W` will come, so the end of a window is due when `W` is
//! beyond the window's last timestamp, and its state goes when `W` is beyond that plus the allowed lateness. When time
//! moves on, what is due happens one after the other, and each thing sees the time at which it became due: so a long step
//! comes to the same as many short ones. The runner moves the output watermark only afterwards, and never beyond
//! [`hold`](Grouping::hold).
//!
//! # What the model leaves open
//!
//! - A trigger is asked after every single element, after a merge, when the end of the window has passed and when processing
//!   time reaches one of its deadlines. It fires at most once each time. So panes do not depend on how bundles were cut.
//! - A pane is early until the watermark has passed the end. The first one after that is on time if the passing itself made
//!   it fire, or if it has an element that came before the end and held the output watermark; all others are late.
//! - An empty pane on time comes only from triggers that look at the end of the window
//!   ([`has_on_time_pane`](ferrobeam_core::windowing::Trigger::has_on_time_pane)).
//! - What no trigger has fired comes out when the window closes. If no lateness is allowed, the pane on time is the closing
//!   one.
//! - A window that several became counts its panes anew, unless one of them had its name. A window whose trigger has
//!   finished takes no part in merges.

mod fire;
mod merge;
mod saved;
mod window;

pub use saved::Saved;

use ferrobeam_core::grouping::{Cell, Command, KeyId};
use ferrobeam_core::metrics::Counter;
use ferrobeam_core::time::millis;
use ferrobeam_core::windowing::trigger::TriggerContext;
use ferrobeam_core::windowing::{ClosingBehavior, TimestampCombiner, Trigger, Window, WindowingStrategy, Windows};
use ferrobeam_core::{BoxError, Timestamp};
use std::collections::BTreeSet;
use window::{Keyed, WindowState};

use super::Holds;

/// What is known of a window of a key takes about so much memory, with its places in all lines, its key and its cell.
pub const OF_WINDOW: usize = 640;

/// How far time has come at a grouping. None of these goes back; where one does, its furthest value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Nothing with an earlier timestamp will come in, but for late elements.
    pub input_watermark: Timestamp,
    /// Nothing with an earlier timestamp will go out, but for late elements: not beyond the input watermark and not beyond
    /// the hold.
    pub output_watermark: Timestamp,
    /// The processing time.
    pub processing_time: Timestamp,
    /// The processing time that all work upstream has reached: not beyond the processing time.
    pub synchronized_processing_time: Timestamp,
}

impl Now {
    /// Before anything.
    pub const START: Now = Now {
        input_watermark: Timestamp::MIN,
        output_watermark: Timestamp::MIN,
        processing_time: Timestamp::MIN,
        synchronized_processing_time: Timestamp::MIN,
    };
}

/// An element that comes to a grouping.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Its key.
    pub key: KeyId,
    /// Its timestamp.
    pub timestamp: Timestamp,
    /// Its windows, as assigned.
    pub windows: &'a [Window],
}

/// How many elements were dropped, each counted for each of its windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Their window was closed: Beam's `droppedDueToLateness`.
    pub late: u64,
    /// The trigger had finished: Beam's `droppedDueToClosedWindow`.
    pub finished: u64,
}

/// Elements that came too late for their window, each counted for each of its windows.
const DROPPED_LATE: Counter = Counter::new("ferrobeam", "dropped_due_to_lateness");
/// Elements that came when the trigger of their window had finished, likewise.
const DROPPED_CLOSED: Counter = Counter::new("ferrobeam", "dropped_due_to_closed_window");

impl Dropped {
    /// Adds what was dropped since `before` to the metrics of the step that runs.
    pub fn count_since(self, before: Dropped) {
        for (counter, n) in [(DROPPED_LATE, self.late - before.late), (DROPPED_CLOSED, self.finished - before.finished)]
        {
            if n > 0 {
                counter.add(n.cast_signed());
            }
        }
    }
}

/// Tells whether each key and window of a bounded collection emits one pane, at the end of its window: then a store by window
/// is enough. The same holds for an unbounded one if no lateness is allowed.
#[must_use]
pub fn fires_once(windowing: &WindowingStrategy) -> bool {
    !windowing.needs_merge()
        && windowing.trigger == Trigger::Default
        && windowing.timestamp_combiner == TimestampCombiner::EndOfWindow
        && (windowing.allowed_lateness.is_zero() || windowing.closing_behavior == ClosingBehavior::EmitIfNonempty)
}

/// The windows of one grouping's keys.
///
/// A fresh one has no time, no keys and no windows. Numbers of cells are given out here, of keys by the store.
#[derive(Clone, Debug)]
pub struct Grouping {
    strategy: WindowingStrategy,
    merging: Merging,
    /// By number.
    keys: Vec<Keyed>,
    /// By cell.
    windows: Vec<Option<Box<WindowState>>>,
    free: Vec<Cell>,
    /// The next thing in event time for each window; never later than it is due.
    timers: BTreeSet<(Timestamp, Cell)>,
    /// When triggers want to be asked again.
    alarms: BTreeSet<(Timestamp, Cell)>,
    synchronized_alarms: BTreeSet<(Timestamp, Cell)>,
    holds: Holds,
    now: Now,
    /// Keys that may have no windows any more.
    idle: Vec<KeyId>,
    dropped: Dropped,
}

/// How the windows of a key become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Merging {
    Never,
    /// Those that overlap, so that only neighbours need to be looked at.
    Overlapping,
    ByFunction,
}

/// Why a window may fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// An element, a merge, or processing time.
    Any,
    /// The watermark has just passed its end.
    End,
}

impl Grouping {
    /// A grouping with this windowing.
    #[must_use]
    pub fn new(strategy: WindowingStrategy) -> Self {
        let merging = match (&strategy.windows, strategy.needs_merge()) {
            (_, false) => Merging::Never,
            (Windows::Sessions(_), true) => Merging::Overlapping,
            (_, true) => Merging::ByFunction,
        };
        Grouping {
            strategy,
            merging,
            keys: Vec::new(),
            windows: Vec::new(),
            free: Vec::new(),
            timers: BTreeSet::new(),
            alarms: BTreeSet::new(),
            synchronized_alarms: BTreeSet::new(),
            holds: Holds::default(),
            now: Now::START,
            idle: Vec::new(),
            dropped: Dropped::default(),
        }
    }

    /// Takes rows that come at `now`, one after the other; each may make its windows fire. The commands count rows from 0.
    ///
    /// The rows' keys must have been interned, and no other command given to the store since.
    ///
    /// # Errors
    /// A user's function merges windows in a way that makes no sense. Then this grouping is of no more use.
    pub fn add<'a>(
        &mut self,
        rows: impl IntoIterator<Item = Row<'a>>,
        now: Now,
        out: &mut Vec<Command>,
    ) -> Result<(), BoxError> {
        self.run_to(now, usize::MAX, out);
        for (number, row) in rows.into_iter().enumerate() {
            self.add_row(number as u32, row, out)?;
        }
        // A user's merge may bring a window's end behind the watermark.
        self.run_to(now, usize::MAX, out);
        self.forget_idle(out);
        Ok(())
    }

    /// Moves time on and does what is due.
    pub fn advance(&mut self, now: Now, out: &mut Vec<Command>) {
        self.advance_some(now, usize::MAX, out);
    }

    /// Moves time on, but not further when there are `most` commands or a few more: then [`is_due`](Self::is_due) stays true.
    pub fn advance_some(&mut self, now: Now, most: usize, out: &mut Vec<Command>) {
        self.run_to(now, most, out);
        self.forget_idle(out);
    }

    /// What the output watermark may not pass: the earliest timestamp of what is still to fire.
    #[must_use]
    pub fn hold(&self) -> Option<Timestamp> {
        self.holds.earliest()
    }

    /// When the watermark is beyond this, [`advance`](Self::advance) has something to do.
    #[must_use]
    pub fn next_event_time(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// When processing time has reached this, [`advance`](Self::advance) has something to do.
    #[must_use]
    pub fn next_processing_time(&self) -> Option<Timestamp> {
        self.alarms.first().map(|(at, _)| *at)
    }

    /// When synchronized processing time is beyond this, [`advance`](Self::advance) has something to do.
    #[must_use]
    pub fn next_synchronized_processing_time(&self) -> Option<Timestamp> {
        self.synchronized_alarms.first().map(|(at, _)| *at)
    }

    /// Tells whether [`advance`](Self::advance) has something to do.
    #[must_use]
    pub fn is_due(&self, now: Now) -> bool {
        self.next_event_time().is_some_and(|at| at < now.input_watermark)
            || self.next_processing_time().is_some_and(|at| at <= now.processing_time)
            || self.next_synchronized_processing_time().is_some_and(|at| at < now.synchronized_processing_time)
    }

    /// When processing time, synchronized or not, makes something due.
    #[must_use]
    pub fn next_time(&self) -> Option<Timestamp> {
        let synchronized = self.next_synchronized_processing_time().map(|at| at + millis(1));
        self.next_processing_time().into_iter().chain(synchronized).min()
    }

    /// How many elements were dropped so far.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// How many windows of keys may still fire.
    #[must_use]
    pub fn len(&self) -> usize {
        self.windows.len() - self.free.len()
    }

    /// Whether nothing may still fire.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The windows of a key that may still fire, with their cells, in order.
    #[must_use]
    pub fn open_windows(&self, key: KeyId) -> &[(Window, Cell)] {
        self.keys.get(key as usize).map_or(&[], |key| key.open.as_slice())
    }

    /// The windows of a key whose trigger has finished, in order.
    pub fn finished_windows(&self, key: KeyId) -> impl Iterator<Item = Window> {
        self.keys.get(key as usize).into_iter().flat_map(|key| key.finished.iter().map(|(window, _)| *window))
    }

    fn add_row(&mut self, number: u32, row: Row<'_>, out: &mut Vec<Command>) -> Result<(), BoxError> {
        if self.keys.len() <= row.key as usize {
            self.keys.resize_with(row.key as usize + 1, Keyed::default);
        }
        if row.windows.is_empty() {
            self.idle.push(row.key);
        }
        let mut added = None;
        for &window in row.windows {
            if self.strategy.garbage_collection_time(window) < self.now.input_watermark {
                self.dropped.late += 1;
                self.idle.push(row.key);
                continue;
            }
            let window = self.merge_into(row.key, window, out)?;
            let Some(cell) = self.cell_of(row.key, window) else {
                self.dropped.finished += 1;
                continue;
            };
            added = Some(out.len());
            out.push(Command::Add { row: number, cell, last: false });
            let context = self.context(window);
            let Grouping { windows, strategy, now, .. } = self;
            if let Some(open) = &mut windows[cell as usize] {
                open.take_element(strategy, row.timestamp, *now);
                open.trigger.on_element(&strategy.trigger, &context);
            }
            self.ask(cell, Cause::Any, out);
        }
        if let Some(Command::Add { last, .. }) = added.and_then(|at| out.get_mut(at)) {
            *last = true;
        }
        Ok(())
    }

    /// The cell of an open window, a new one if there is none; none if its trigger has finished.
    fn cell_of(&mut self, key: KeyId, window: Window) -> Option<Cell> {
        let keyed = &self.keys[key as usize];
        if let Some(cell) = keyed.find_open(window) {
            return Some(cell);
        }
        if keyed.find_finished(window).is_some() {
            return None;
        }
        let open = Box::new(WindowState::new(key, window, &self.strategy, self.now.input_watermark));
        let cell = self.reserve_one();
        self.insert(cell, open);
        Some(cell)
    }

    fn reserve_one(&mut self) -> Cell {
        self.free.pop().unwrap_or_else(|| {
            self.windows.push(None);
            (self.windows.len() - 1) as Cell
        })
    }

    /// Puts a window into a cell that is reserved for it.
    fn insert(&mut self, cell: Cell, mut open: Box<WindowState>) {
        self.keys[open.key as usize].insert(open.window, cell, open.finished);
        open.timer = open.due();
        self.timers.insert((open.timer, cell));
        self.windows[cell as usize] = Some(open);
        self.reschedule(cell);
    }

    /// Forgets a window; its cell is free.
    fn remove(&mut self, cell: Cell) {
        let Some(open) = self.take_out(cell) else { return };
        if self.keys[open.key as usize].is_empty() {
            self.idle.push(open.key);
        }
    }

    /// Takes a window out of everything; its cell is free.
    fn take_out(&mut self, cell: Cell) -> Option<Box<WindowState>> {
        let open = self.windows[cell as usize].take()?;
        self.keys[open.key as usize].remove(open.window, open.finished);
        self.timers.remove(&(open.timer, cell));
        open.alarm.map(|at| self.alarms.remove(&(at, cell)));
        open.synchronized_alarm.map(|at| self.synchronized_alarms.remove(&(at, cell)));
        self.holds.replace(open.held, None);
        self.free.push(cell);
        Some(open)
    }

    /// Does what is due up to `now`, until there are `most` commands; processing time first: it saw the watermark as it was.
    fn run_to(&mut self, now: Now, most: usize, out: &mut Vec<Command>) {
        let furthest = Now {
            input_watermark: now.input_watermark.max(self.now.input_watermark),
            output_watermark: now.output_watermark.max(self.now.output_watermark),
            processing_time: now.processing_time.max(self.now.processing_time),
            synchronized_processing_time: now.synchronized_processing_time.max(self.now.synchronized_processing_time),
        };
        while let Some(&(at, cell)) = self.alarms.first().filter(|(at, _)| *at <= furthest.processing_time) {
            self.alarms.pop_first();
            self.now.processing_time = self.now.processing_time.max(at);
            self.with(cell, |open| open.alarm = None);
            self.ask(cell, Cause::Any, out);
            if out.len() >= most {
                return;
            }
        }
        self.now.processing_time = furthest.processing_time;
        let sync = furthest.synchronized_processing_time;
        while let Some(&(at, cell)) = self.synchronized_alarms.first().filter(|(at, _)| *at < sync) {
            self.synchronized_alarms.pop_first();
            self.now.synchronized_processing_time = self.now.synchronized_processing_time.max(at + millis(1));
            self.with(cell, |open| open.synchronized_alarm = None);
            self.ask(cell, Cause::Any, out);
            if out.len() >= most {
                return;
            }
        }
        self.now.synchronized_processing_time = sync;
        while let Some(&(at, cell)) = self.timers.first().filter(|(at, _)| *at < furthest.input_watermark) {
            self.now.input_watermark = self.now.input_watermark.max(at + millis(1));
            self.timer(cell, at, out);
            if out.len() >= most {
                return;
            }
        }
        self.now = furthest;
    }

    fn with(&mut self, cell: Cell, change: impl FnOnce(&mut WindowState)) {
        if let Some(open) = &mut self.windows[cell as usize] {
            change(open);
        }
    }

    /// A window's timer is due, and for the window that may be later than thought.
    fn timer(&mut self, cell: Cell, at: Timestamp, out: &mut Vec<Command>) {
        let is_due = |open: &WindowState| open.due() <= at;
        let mut ended = false;
        if self.windows[cell as usize].as_deref().is_some_and(is_due) {
            self.with(cell, |open| ended = std::mem::replace(&mut open.ended, true));
            if !ended {
                self.ask(cell, Cause::End, out);
            }
            // At once if no lateness is allowed.
            if self.windows[cell as usize].as_deref().is_some_and(is_due) {
                self.close(cell, out);
                return;
            }
        }
        self.timers.remove(&(at, cell));
        if let Some(open) = &mut self.windows[cell as usize] {
            open.timer = open.due();
            self.timers.insert((open.timer, cell));
        }
    }

    /// Brings hold, timer and alarms of a window in line with its state.
    fn reschedule(&mut self, cell: Cell) {
        let Some(open) = &mut self.windows[cell as usize] else { return };
        let held = open.wanted_hold();
        self.holds.replace(std::mem::replace(&mut open.held, held), held);
        // A timer that comes too early looks again; that is cheaper than moving it with every element of a session.
        let due = open.due();
        if due < open.timer {
            self.timers.remove(&(open.timer, cell));
            self.timers.insert((due, cell));
            open.timer = due;
        }
        if self.strategy.trigger.looks_at_processing_time() {
            let context = context(self.now, open.window);
            let deadlines = open.trigger.deadlines(&self.strategy.trigger, &context);
            replace(&mut self.alarms, &mut open.alarm, deadlines.processing_time, cell);
            let synchronized = deadlines.synchronized_processing_time;
            replace(&mut self.synchronized_alarms, &mut open.synchronized_alarm, synchronized, cell);
        }
    }

    fn forget_idle(&mut self, out: &mut Vec<Command>) {
        self.idle.sort_unstable();
        self.idle.dedup();
        for key in self.idle.drain(..).filter(|key| self.keys[*key as usize].is_empty()) {
            out.push(Command::Forget { key });
        }
    }

    fn context(&self, window: Window) -> TriggerContext {
        context(self.now, window)
    }
}

fn context(now: Now, window: Window) -> TriggerContext {
    TriggerContext {
        max_timestamp: window.max_timestamp(),
        watermark: now.input_watermark,
        processing_time: now.processing_time,
        synchronized_processing_time: now.synchronized_processing_time,
    }
}

fn replace(alarms: &mut BTreeSet<(Timestamp, Cell)>, at: &mut Option<Timestamp>, new: Option<Timestamp>, cell: Cell) {
    if *at != new {
        at.map(|old| alarms.remove(&(old, cell)));
        new.map(|new| alarms.insert((new, cell)));
        *at = new;
    }
}
