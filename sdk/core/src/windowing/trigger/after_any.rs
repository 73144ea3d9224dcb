//! `AfterAny`: when one wants to.

use super::machine::{clear, parts, parts_mut};
use super::state::Slot;
use super::{Trigger, TriggerContext};

/// Fires when any of `triggers` wants to, and finishes when one of those that fired has finished.
///
/// ```
/// use ferrobeam_core::time::seconds;
/// use ferrobeam_core::windowing::trigger::*;
/// // Every hundred elements, but none waits longer than ten seconds.
/// let trigger = repeatedly(after_any([after_count(100), after_delay(seconds(10))]));
/// ```
pub fn after_any<T: Into<Trigger>>(triggers: impl IntoIterator<Item = T>) -> Trigger {
    Trigger::AfterAny(triggers.into_iter().map(Into::into).collect())
}

pub(super) fn wants(trigger: &Trigger, slots: &[Slot], now: &TriggerContext) -> bool {
    parts(trigger, slots).any(|(part, slots)| part.wants(slots, now))
}

/// The parts that did not want to fire have lost their pane all the same.
pub(super) fn fire(trigger: &Trigger, slots: &mut [Slot], now: &TriggerContext) {
    let mut finished = false;
    for (part, slots) in parts_mut(trigger, slots) {
        if part.wants(slots, now) {
            part.fire(slots, now);
        } else {
            clear(slots);
        }
        finished |= slots[0].finished;
    }
    slots[0].finished = finished;
}

#[cfg(test)]
mod tests {
    use crate::time::millis;
    use crate::windowing::trigger::script::{Event::*, finishes, firings};
    use crate::windowing::trigger::{after_any, after_count, after_delay, repeatedly};

    #[test]
    fn the_others_start_anew() {
        let trigger = repeatedly(after_any([after_count(2), after_delay(millis(5))]));
        let script = [Element, Time(3), Element, Time(4), Element, Time(5), Time(8), Time(9)];
        assert_eq!(firings(&trigger, &script), [2, 7]);
    }

    #[test]
    fn finishes_only_with_a_part() {
        let trigger = after_any([repeatedly(after_count(2)), after_count(3)]);
        assert_eq!(finishes(&trigger, &[Element; 9]), None);
        let once = after_any([after_count(2), after_count(3)]);
        assert_eq!((firings(&once, &[Element; 9]), finishes(&once, &[Element; 9])), (vec![1], Some(1)));
    }
}
