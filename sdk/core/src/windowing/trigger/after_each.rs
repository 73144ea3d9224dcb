//! `AfterEach`: one trigger after the other.

use super::machine::{clear, parts, parts_mut, reset};
use super::state::{Deadlines, Slot};
use super::{Trigger, TriggerContext};

/// Fires as each of `triggers` in turn: when one has finished, the next begins.
///
/// ```
/// use ferrobeam_core::windowing::trigger::*;
/// // The first element at once, then every hundred.
/// let trigger = after_each([after_count(1), repeatedly(after_count(100))]);
/// ```
pub fn after_each<T: Into<Trigger>>(triggers: impl IntoIterator<Item = T>) -> Trigger {
    Trigger::AfterEach(triggers.into_iter().map(Into::into).collect())
}

/// The part whose turn it is: the first that has not finished.
fn current<'a>(trigger: &'a Trigger, slots: &'a [Slot]) -> Option<(&'a Trigger, &'a [Slot])> {
    parts(trigger, slots).find(|(_, part)| !part[0].finished)
}

pub(super) fn wants(trigger: &Trigger, slots: &[Slot], now: &TriggerContext) -> bool {
    current(trigger, slots).is_some_and(|(part, slots)| part.wants(slots, now))
}

pub(super) fn fire(trigger: &Trigger, slots: &mut [Slot], now: &TriggerContext) {
    let (mut fired, mut finished) = (false, true);
    for (part, slots) in parts_mut(trigger, slots) {
        if fired || slots[0].finished {
            clear(slots);
        } else {
            part.fire(slots, now);
            fired = true;
        }
        finished &= slots[0].finished;
    }
    slots[0].finished = finished;
}

/// Behind a part that is not finished any more nothing has begun.
pub(super) fn settle(trigger: &Trigger, slots: &mut [Slot]) {
    let mut finished = true;
    for (_, slots) in parts_mut(trigger, slots) {
        if !finished {
            reset(slots);
        }
        finished &= slots[0].finished;
    }
    slots[0].finished &= finished;
}

pub(super) fn deadlines(trigger: &Trigger, slots: &[Slot], now: &TriggerContext) -> Deadlines {
    current(trigger, slots).map(|(part, slots)| part.deadlines(slots, now)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::windowing::trigger::script::{Event::*, finishes, firings};
    use crate::windowing::trigger::{AfterWatermark, Trigger, after_count, after_each, repeatedly};

    #[test]
    fn each_counts_from_the_firing_before() {
        let trigger = after_each([after_count(1), after_count(3), after_count(2)]);
        let script = [Element; 9];
        assert_eq!((firings(&trigger, &script), finishes(&trigger, &script)), (vec![0, 3, 5], Some(5)));
    }

    #[test]
    fn a_part_that_never_finishes_keeps_its_turn() {
        let trigger = after_each([repeatedly(after_count(2)), after_count(1)]);
        assert_eq!(firings(&trigger, &[Element; 6]), [1, 3, 5]);
    }

    #[test]
    fn the_end_of_the_window_is_not_noticed_before_its_turn() {
        let trigger = after_each([after_count(2), Trigger::from(AfterWatermark::new())]);
        let script = [Element, Watermark(20), Element, Element, Element];
        assert_eq!((firings(&trigger, &script), finishes(&trigger, &script)), (vec![2, 3], Some(3)));
    }
}
