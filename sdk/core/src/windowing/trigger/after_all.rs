//! `AfterAll`: when all want to.

use super::machine::{clear, parts, parts_mut};
use super::state::Slot;
use super::{Trigger, TriggerContext};

/// Fires when all of `triggers` want to, and finishes when all of them have finished; one that has no longer counts.
///
/// ```
/// use ferrobeam_core::time::seconds;
/// use ferrobeam_core::windowing::trigger::*;
/// // At least a hundred elements, but not more often than every ten seconds.
/// let trigger = repeatedly(after_all([after_count(100), after_delay(seconds(10))]));
/// ```
pub fn after_all<T: Into<Trigger>>(triggers: impl IntoIterator<Item = T>) -> Trigger {
    Trigger::AfterAll(triggers.into_iter().map(Into::into).collect())
}

pub(super) fn wants(trigger: &Trigger, slots: &[Slot], now: &TriggerContext) -> bool {
    parts(trigger, slots).all(|(part, slots)| slots[0].finished || part.wants(slots, now))
}

pub(super) fn fire(trigger: &Trigger, slots: &mut [Slot], now: &TriggerContext) {
    let mut finished = true;
    for (part, slots) in parts_mut(trigger, slots) {
        if slots[0].finished {
            clear(slots);
        } else {
            part.fire(slots, now);
        }
        finished &= slots[0].finished;
    }
    slots[0].finished = finished;
}

#[cfg(test)]
mod tests {
    use crate::time::millis;
    use crate::windowing::trigger::script::{Event::*, finishes, firings};
    use crate::windowing::trigger::{after_all, after_count, after_delay, repeatedly};

    #[test]
    fn waits_for_the_last_one() {
        let trigger = repeatedly(after_all([after_count(2), after_delay(millis(5))]));
        assert_eq!(firings(&trigger, &[Element, Element, Time(4), Time(5), Element, Time(20), Element]), [3, 6]);
    }

    #[test]
    fn goes_on_with_parts_that_do_not_finish() {
        let trigger = after_all([repeatedly(after_count(1)), after_count(3)]);
        let script = [Element; 5];
        assert_eq!((firings(&trigger, &script), finishes(&trigger, &script)), (vec![2, 3, 4], None));
    }
}
