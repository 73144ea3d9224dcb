//! Firing, and closing.

use super::{Cause, Grouping};
use ferrobeam_core::grouping::{Cell, Command, Contents, Firing};
use ferrobeam_core::windowing::trigger::TriggerState;
use ferrobeam_core::windowing::{AccumulationMode, ClosingBehavior, OnTimeBehavior, PaneInfo, Timing};

impl Grouping {
    /// Fires the window if its trigger wants to: once, even if it would want to again.
    pub(super) fn ask(&mut self, cell: Cell, cause: Cause, out: &mut Vec<Command>) {
        let Some(open) = self.windows[cell as usize].as_mut().filter(|open| !open.finished) else { return };
        let context = super::context(self.now, open.window);
        let trigger = &self.strategy.trigger;
        if open.trigger.should_fire(trigger, &context) {
            open.trigger.on_fire(trigger, &context);
            let finished = open.trigger.is_finished();
            let last = finished || open.closes < self.now.input_watermark;
            let empty = cause == Cause::End
                && self.strategy.on_time_behavior == OnTimeBehavior::FireAlways
                && trigger.has_on_time_pane();
            self.emit(cell, last, empty, cause, out);
            if last {
                self.finish(cell);
            }
        }
        self.reschedule(cell);
    }

    /// The window's time is over: emits what is left, and forgets it.
    pub(super) fn close(&mut self, cell: Cell, out: &mut Vec<Command>) {
        if let Some(open) = self.windows[cell as usize].as_ref().filter(|open| !open.finished) {
            let cause = if open.closes == open.end() { Cause::End } else { Cause::Any };
            self.emit(cell, true, false, cause, out);
        }
        self.remove(cell);
    }

    /// Emits a pane unless it is empty and need not be; either way the next one begins. `empty` says that it is wanted even
    /// if it is empty.
    fn emit(&mut self, cell: Cell, last: bool, empty: bool, cause: Cause, out: &mut Vec<Command>) {
        let Grouping { strategy, windows, now, .. } = self;
        let Some(open) = &mut windows[cell as usize] else { return };
        let pane = std::mem::take(&mut open.pane);
        let timing = if now.input_watermark <= open.end() {
            Timing::Early
        } else if open.nonspeculative_panes == 0 && (cause == Cause::End || pane.timely) {
            Timing::OnTime
        } else {
            Timing::Late
        };
        let discards = last || strategy.accumulation_mode == AccumulationMode::Discarding;
        let always = last && strategy.closing_behavior == ClosingBehavior::EmitAlways;
        if !(pane.some || empty || always) {
            if last && strategy.accumulation_mode == AccumulationMode::Accumulating {
                out.push(Command::Clear { cell });
            }
            return;
        }
        let early = timing == Timing::Early;
        let info = PaneInfo {
            timing,
            index: open.panes,
            nonspeculative_index: if early { -1 } else { open.nonspeculative_panes.cast_signed() },
            is_first: open.panes == 0,
            is_last: last,
        };
        open.panes += 1;
        open.nonspeculative_panes += u64::from(!early);
        let timestamp = pane.timestamp.unwrap_or(open.end());
        out.push(Command::Fire {
            key: open.key,
            cell,
            contents: if discards { Contents::Take } else { Contents::Keep },
            pane: Box::new(Firing { window: open.window, timestamp, pane: info }),
        });
    }

    /// The trigger has finished: leaves a tombstone.
    fn finish(&mut self, cell: Cell) {
        let Some(open) = &mut self.windows[cell as usize] else { return };
        open.finished = true;
        open.trigger = TriggerState::finished(&self.strategy.trigger);
        let keyed = &mut self.keys[open.key as usize];
        keyed.remove(open.window, false);
        keyed.insert(open.window, cell, true);
    }
}
