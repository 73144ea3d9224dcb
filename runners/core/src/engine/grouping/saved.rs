//! A key's windows as bytes.

use super::Grouping;
use super::window::{Pane, WindowState};
use ferrobeam_core::Timestamp;
use ferrobeam_core::coder::{self, Coder, CoderError, Decoded, Encoded, put_varint, take_varint};
use ferrobeam_core::grouping::{Cell, KeyId};
use ferrobeam_core::time::millis;
use ferrobeam_core::windowing::Window;
use ferrobeam_core::windowing::trigger::TriggerState;

/// The windows of one key, read from bytes, before they have cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved(Vec<WindowState>);

impl Saved {
    /// How many cells they need: one for each window that may still fire.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.0.iter().filter(|open| !open.finished).count()
    }
}

impl Grouping {
    /// Appends the windows of a key. The contents of their cells are for the store to save, in the order of
    /// [`open_windows`](Self::open_windows).
    ///
    /// # Errors
    /// A window ends before it begins.
    pub fn save(&self, key: KeyId, out: &mut Vec<u8>) -> Encoded {
        let windows: Vec<&WindowState> = self.of_key(key).collect();
        put_varint(windows.len() as u64, out);
        windows.into_iter().try_for_each(|open| put(open, out))
    }

    /// Reads what [`save`](Self::save) wrote for a grouping with the same windowing.
    ///
    /// # Errors
    /// If the bytes are something else.
    pub fn read(&self, input: &mut &[u8]) -> Decoded<Saved> {
        let windows = take_varint(input)?;
        (0..windows).map(|_| self.take(input)).collect::<Decoded<_>>().map(Saved)
    }

    /// Gives out cells.
    pub fn reserve(&mut self, cells: usize) -> Vec<Cell> {
        (0..cells).map(|_| self.reserve_one()).collect()
    }

    /// Gives a key, which must have none, its windows. `cells` are as many as [`Saved::cells`] says, reserved and filled.
    ///
    /// A fresh grouping must have been told the time of the saving by [`advance`](Self::advance); what has become due since
    /// happens with the next call of it.
    pub fn restore(&mut self, key: KeyId, saved: Saved, cells: &[Cell]) {
        if self.keys.len() <= key as usize {
            self.keys.resize_with(key as usize + 1, Default::default);
        }
        let mut cells = cells.iter().copied();
        for mut open in saved.0 {
            open.key = key;
            let tombstone = open.finished;
            let cell = if tombstone { None } else { cells.next() };
            let cell = cell.unwrap_or_else(|| self.reserve_one());
            self.put_back(cell, Box::new(open));
        }
    }

    /// Whether a key has windows.
    #[must_use]
    pub fn has(&self, key: KeyId) -> bool {
        self.windows_of(key) > 0
    }

    /// How many windows a key has, also of those whose trigger has finished.
    pub(in crate::engine) fn windows_of(&self, key: KeyId) -> usize {
        self.keys.get(key as usize).map_or(0, |keyed| keyed.open.len() + keyed.finished.len())
    }

    /// The keys that have windows.
    pub(in crate::engine) fn keys(&self) -> impl Iterator<Item = KeyId> {
        (0..).zip(&self.keys).filter(|(_, keyed)| !keyed.is_empty()).map(|(key, _)| key)
    }

    fn of_key(&self, key: KeyId) -> impl Iterator<Item = &WindowState> {
        let cells = self.keys.get(key as usize).into_iter().flat_map(|keyed| keyed.open.iter().chain(&keyed.finished));
        cells.filter_map(|(_, cell)| self.windows[*cell as usize].as_deref())
    }

    /// Before these times nothing is due for a key: in processing time, synchronized or not, and in event time.
    pub(in crate::engine) fn times(&self, key: KeyId) -> [Option<Timestamp>; 2] {
        let alarms = |open: &WindowState| [open.alarm, open.synchronized_alarm.map(|at| at + millis(1))];
        let processing = self.of_key(key).flat_map(alarms).flatten().min();
        [processing, self.of_key(key).map(WindowState::due).min()]
    }

    /// What the output watermark may not pass because of a key.
    pub(in crate::engine) fn hold_of(&self, key: KeyId) -> Option<Timestamp> {
        self.of_key(key).filter_map(|open| open.held).min()
    }

    /// Takes all windows of a key out, which is about to be saved elsewhere. The store has to clear their cells and to forget it.
    pub(in crate::engine) fn take_key(&mut self, key: KeyId) {
        let Some(keyed) = self.keys.get(key as usize) else { return };
        for (_, cell) in [&keyed.open[..], &keyed.finished].concat() {
            self.take_out(cell);
        }
    }

    /// As [`insert`](Self::insert), with alarms as they were: they may have become due.
    fn put_back(&mut self, cell: Cell, mut open: Box<WindowState>) {
        let (alarm, synchronized) = (open.alarm.take(), open.synchronized_alarm.take());
        self.insert(cell, open);
        let Some(open) = &mut self.windows[cell as usize] else { return };
        super::replace(&mut self.alarms, &mut open.alarm, alarm, cell);
        super::replace(&mut self.synchronized_alarms, &mut open.synchronized_alarm, synchronized, cell);
    }

    fn take(&self, input: &mut &[u8]) -> Decoded<WindowState> {
        let window = coder::of::<Window>().decode(input)?;
        // The watermark does not matter: whether the end has been passed is among the flags.
        let mut open = WindowState::new(0, window, &self.strategy, Timestamp::MIN);
        let flags = take_varint(input)?;
        if flags >= 1 << FLAGS {
            return Err(CoderError::invalid("the state of a window", format!("flags {flags:#x}")));
        }
        let flag = |bit: u32| flags & 1 << bit != 0;
        (open.ended, open.finished) = (flag(0), flag(1));
        open.pane = Pane { some: flag(2), timely: flag(3), behind: flag(4), timestamp: None };
        (open.panes, open.nonspeculative_panes) = (take_varint(input)?, take_varint(input)?);
        let times = coder::of::<Timestamp>();
        for (bit, time) in [(5, &mut open.pane.timestamp), (6, &mut open.alarm), (7, &mut open.synchronized_alarm)] {
            *time = flag(bit).then(|| times.decode(input)).transpose()?;
        }
        open.trigger = TriggerState::decode(&self.strategy.trigger, input)?;
        Ok(open)
    }
}

const FLAGS: u32 = 8;

fn put(open: &WindowState, out: &mut Vec<u8>) -> Encoded {
    let Pane { some, timely, behind, timestamp } = open.pane;
    let times = [timestamp, open.alarm, open.synchronized_alarm];
    let flags =
        [open.ended, open.finished, some, timely, behind, times[0].is_some(), times[1].is_some(), times[2].is_some()];
    coder::of::<Window>().encode(&open.window, out)?;
    put_varint(flags.iter().enumerate().map(|(bit, flag)| u64::from(*flag) << bit).sum(), out);
    put_varint(open.panes, out);
    put_varint(open.nonspeculative_panes, out);
    times.iter().flatten().try_for_each(|at| coder::of::<Timestamp>().encode(at, out))?;
    open.trigger.encode(out);
    Ok(())
}
