//! `OrFinally`: one trigger, until another one fires.

use super::machine::{clear, parts, parts_mut};
use super::state::Slot;
use super::{Trigger, TriggerContext};

impl Trigger {
    /// Fires as this one until `until` has fired, then finishes. `until` counts all elements, whatever fires before.
    ///
    /// ```
    /// use ferrobeam_core::windowing::trigger::*;
    /// // Every ten elements, up to a thousand.
    /// let trigger = repeatedly(after_count(10)).or_finally(after_count(1000));
    /// ```
    #[must_use]
    pub fn or_finally(self, until: impl Into<Trigger>) -> Trigger {
        Trigger::OrFinally(Box::new(self), Box::new(until.into()))
    }
}

pub(super) fn wants(trigger: &Trigger, slots: &[Slot], now: &TriggerContext) -> bool {
    parts(trigger, slots).any(|(part, slots)| part.wants(slots, now))
}

pub(super) fn fire(trigger: &Trigger, slots: &mut [Slot], now: &TriggerContext) {
    let finally = parts(trigger, slots).nth(1).is_some_and(|(until, slots)| until.wants(slots, now));
    let mut finished = false;
    for (i, (part, slots)) in parts_mut(trigger, slots).enumerate() {
        match (i, finally) {
            (1, true) | (0, false) => part.fire(slots, now),
            (0, true) => clear(slots),
            // It counts across firings.
            _ => {}
        }
        finished |= slots[0].finished;
    }
    slots[0].finished = finished;
}

#[cfg(test)]
mod tests {
    use crate::windowing::trigger::script::{Event::*, finishes, firings};
    use crate::windowing::trigger::{AfterWatermark, after_count, after_each, repeatedly};

    #[test]
    fn the_second_one_counts_across_firings() {
        let trigger = repeatedly(after_count(2)).or_finally(after_count(5));
        let script = [Element; 9];
        assert_eq!((firings(&trigger, &script), finishes(&trigger, &script)), (vec![1, 3, 4], Some(4)));
    }

    #[test]
    fn finishes_with_the_first_one() {
        let trigger = after_count(2).or_finally(AfterWatermark::new());
        assert_eq!(finishes(&trigger, &[Element, Element, Watermark(10)]), Some(1));
        assert_eq!(finishes(&trigger, &[Element, Watermark(10), Element]), Some(1));
    }

    #[test]
    fn what_comes_later_starts_from_nothing() {
        let first = repeatedly(after_count(1)).or_finally(after_count(2));
        let trigger = after_each([first, repeatedly(after_count(3)).or_finally(after_count(4))]);
        assert_eq!(firings(&trigger, &[Element; 9]), [0, 1, 4, 5]);
    }
}
