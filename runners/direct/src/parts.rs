//! A stage that begins with a splittable step: elements that are not cut yet, and parts of their work.

use crate::rows::Row;
use crate::schedule::Schedule;
use ferrobeam_core::Timestamp;
use ferrobeam_core::dofn::splittable::operator::Element;
use ferrobeam_core::windowing::Window;
use ferrobeam_runner_core::bundle::splits::{EncodedElement, OpenPart};

/// What waits for a splittable step.
#[derive(Default)]
pub(crate) struct Parts {
    /// Elements that are not cut yet, each in one window.
    pub(crate) fresh: Vec<Row>,
    open: Vec<OpenPart>,
}

/// A row in one window.
pub(crate) fn encoded(row: &Row) -> EncodedElement {
    EncodedElement { bytes: row.bytes.clone(), time: row.time, window: row.window(), pane: row.pane }
}

/// The element as its operator sees it.
pub(crate) fn element(row: &Row) -> Element<'_> {
    Element { bytes: &row.bytes, time: row.time, window: row.window(), pane: row.pane }
}

impl Parts {
    pub(crate) fn has_work(&self, now: Timestamp) -> bool {
        !self.fresh.is_empty() || self.open.iter().any(|open| open.goes_on(now))
    }

    pub(crate) fn len(&self) -> usize {
        self.fresh.len() + self.open.len()
    }

    /// Of the windows in which there are parts the one that ends first.
    pub(crate) fn first_window(&self) -> Option<Window> {
        self.open.iter().map(|open| open.element.window).min_by_key(|window| window.max_timestamp())
    }

    /// When the next part goes on.
    pub(crate) fn next_processing_time(&self) -> Option<Timestamp> {
        self.open.iter().map(|open| open.not_before).filter(|at| *at < Timestamp::MAX).min()
    }

    /// Takes a part that can go on.
    pub(crate) fn take(&mut self, schedule: &mut Schedule, now: Timestamp) -> Option<OpenPart> {
        let ready: Vec<usize> = (0..self.open.len()).filter(|&i| self.open[i].goes_on(now)).collect();
        if ready.is_empty() {
            return None;
        }
        let picked = schedule.pick(ready.len());
        if picked > 0 {
            schedule.say(|| "another part first");
        }
        Some(self.open.swap_remove(ready[picked]))
    }

    /// Takes all parts.
    pub(crate) fn take_all(&mut self) -> Vec<OpenPart> {
        std::mem::take(&mut self.open)
    }

    pub(crate) fn put(&mut self, open: OpenPart) {
        self.open.push(open);
    }
}
