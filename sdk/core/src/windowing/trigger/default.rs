//! `Default`: once the watermark passes the window's end, then with every late element.

use super::machine::waits_for_end;
use super::{Deadlines, TriggerContext};

pub(super) fn wants(now: &TriggerContext) -> bool {
    now.end_of_window_passed()
}

pub(super) fn deadlines(now: &TriggerContext) -> Deadlines {
    Deadlines { watermark: waits_for_end(now), ..Deadlines::default() }
}

#[cfg(test)]
mod tests {
    use crate::windowing::trigger::Trigger;
    use crate::windowing::trigger::script::{Event::*, firings};

    #[test]
    fn fires_on_time_and_with_every_late_element() {
        let script = [Element, Element, Watermark(9), Watermark(10), Element, Time(10), Element];
        assert_eq!(firings(&Trigger::Default, &script), [3, 4, 6]);
    }
}
