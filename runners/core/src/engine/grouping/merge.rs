//! Windows of one key that become one.

use super::window::Pane;
use super::{Cause, Grouping, Merging};
use ferrobeam_core::BoxError;
use ferrobeam_core::grouping::{Cell, Command, KeyId};
use ferrobeam_core::windowing::trigger::TriggerState;
use ferrobeam_core::windowing::{Merge, Window};

impl Grouping {
    /// Merges the open windows of a key with a window that comes, and tells what has become of it.
    ///
    /// Windows whose trigger has finished stay as they are: what they were is emitted.
    pub(super) fn merge_into(
        &mut self,
        key: KeyId,
        window: Window,
        out: &mut Vec<Command>,
    ) -> Result<Window, BoxError> {
        let open = &self.keys[key as usize].open;
        if self.merging == Merging::Never || self.keys[key as usize].find_open(window).is_some() {
            return Ok(window);
        }
        let merges = match self.merging {
            Merging::Never => Vec::new(),
            Merging::Overlapping => overlapping(open, window).into_iter().collect(),
            Merging::ByFunction => self.strategy.windows.merge(open.iter().map(|(open, _)| *open).chain([window]))?,
        };
        let mut target = window;
        for merge in merges {
            let keyed = &self.keys[key as usize];
            let cells: Vec<Cell> = merge.sources.iter().filter_map(|source| keyed.find_open(*source)).collect();
            let becomes = self.merge(key, &cells, merge.result, out);
            if merge.sources.contains(&window) {
                target = merge.result;
            } else if let Some(cell) = becomes {
                self.ask(cell, Cause::Any, out);
            }
        }
        Ok(target)
    }

    /// Makes one window of open ones and tells its cell; none if there are none.
    fn merge(&mut self, key: KeyId, cells: &[Cell], result: Window, out: &mut Vec<Command>) -> Option<Cell> {
        let is_result = |cell: &&Cell| self.windows[**cell as usize].as_ref().is_some_and(|open| open.window == result);
        let same = cells.iter().find(is_result).copied();
        let into = same.or(cells.first().copied())?;
        if cells.len() == 1 && same.is_some() {
            return same;
        }
        let context = self.context(result);
        let sources = || cells.iter().filter_map(|cell| self.windows[*cell as usize].as_ref());
        let trigger = TriggerState::merge(&self.strategy.trigger, sources().map(|open| &open.trigger), &context);
        let panes: Vec<Pane> = sources().map(|open| open.pane).collect();
        for &cell in cells.iter().filter(|cell| **cell != into) {
            out.push(Command::Merge { from: cell, into });
            self.remove(cell);
        }
        let tombstone = self.keys[key as usize].find_finished(result).and_then(|cell| self.remove(cell));
        let mut open = self.windows[into as usize].take()?;
        self.keys[key as usize].rename(open.window, result, into);
        // A window that has emitted counts on; one that is new begins.
        (open.panes, open.nonspeculative_panes) = match &tombstone {
            _ if same.is_some() => (open.panes, open.nonspeculative_panes),
            Some(before) => (before.panes, before.nonspeculative_panes),
            None => (0, 0),
        };
        open.trigger = trigger;
        open.moved_to(result, &self.strategy, self.now.input_watermark);
        open.pane = self.merge_panes(result, &panes, open.ended);
        self.windows[into as usize] = Some(open);
        self.reschedule(into);
        Some(into)
    }

    fn merge_panes(&self, result: Window, panes: &[Pane], ended: bool) -> Pane {
        let timestamps = panes.iter().filter_map(|pane| pane.timestamp);
        let timestamp = self.strategy.timestamp_combiner.merge(result, timestamps);
        // Only a user's merge can move a timestamp back.
        let held = timestamp.filter(|at| *at >= self.now.output_watermark);
        Pane {
            some: panes.iter().any(|pane| pane.some),
            timestamp: held,
            timely: held.is_some() && (!ended || panes.iter().any(|pane| pane.timely)),
            behind: panes.iter().any(|pane| pane.behind) || held != timestamp,
        }
    }
}

/// What a window and those that it overlaps become. The others are sorted and do not overlap each other.
fn overlapping(open: &[(Window, Cell)], window: Window) -> Option<Merge> {
    let Window::Interval { start, .. } = window else { return None };
    let first = open.partition_point(|(open, _)| open.max_timestamp() < start);
    let touched = open[first..].iter().map(|(open, _)| *open).take_while(|open| open.intersects(&window));
    let sources: Vec<Window> = touched.chain([window]).collect();
    let result = sources.iter().fold(window, |all, source| all.span(source));
    (sources.len() > 1).then_some(Merge { result, sources })
}
