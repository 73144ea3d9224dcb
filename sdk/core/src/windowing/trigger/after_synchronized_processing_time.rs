//! `AfterSynchronizedProcessingTime`: what `AfterProcessingTime` becomes behind a grouping.

use super::state::{Deadlines, Pane, Slot};
use super::{Trigger, TriggerContext};

/// Fires once, when all work upstream has passed the processing time of the pane's first element.
///
/// So what several keys upstream fire at one time comes out as one pane.
pub fn after_synchronized_processing_time() -> Trigger {
    Trigger::AfterSynchronizedProcessingTime
}

pub(super) fn element(slots: &mut [Slot], now: &TriggerContext) {
    if slots[0].pane == Pane::Nothing {
        slots[0].pane = Pane::Time(now.processing_time);
    }
}

/// Passed, not reached: at the very time of the element more of it may be on the way.
pub(super) fn wants(slots: &[Slot], now: &TriggerContext) -> bool {
    matches!(slots[0].pane, Pane::Time(at) if at < now.synchronized_processing_time)
}

pub(super) fn deadlines(slots: &[Slot], now: &TriggerContext) -> Deadlines {
    match slots[0].pane {
        Pane::Time(at) if at >= now.synchronized_processing_time => {
            Deadlines { synchronized_processing_time: Some(at), ..Deadlines::default() }
        }
        _ => Deadlines::default(),
    }
}

#[cfg(test)]
mod tests {
    use crate::windowing::trigger::script::{Event::*, firings};
    use crate::windowing::trigger::{after_synchronized_processing_time, repeatedly};

    #[test]
    fn fires_when_the_time_of_the_first_element_is_over() {
        let script = [Time(5), Element, Element, Time(6), Element, Time(6), Time(7)];
        assert_eq!(firings(&repeatedly(after_synchronized_processing_time()), &script), [3, 6]);
    }
}
