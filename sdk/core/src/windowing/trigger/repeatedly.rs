//! `Repeatedly`: again and again.

use super::machine::reset;
use super::state::Slot;
use super::{Trigger, TriggerContext};

/// Fires as `trigger`, again and again: when it has finished it starts anew at once.
///
/// ```
/// use ferrobeam_core::windowing::trigger::*;
/// let every_hundred = repeatedly(after_count(100));
/// ```
pub fn repeatedly(trigger: impl Into<Trigger>) -> Trigger {
    Trigger::Repeatedly(Box::new(trigger.into()))
}

/// Also what `AfterWatermark` does with its early and late triggers.
pub(super) fn fire(part: &Trigger, slots: &mut [Slot], now: &TriggerContext) {
    part.fire(slots, now);
    if slots[0].finished {
        reset(slots);
    }
}

#[cfg(test)]
mod tests {
    use crate::windowing::trigger::script::{Event::*, finishes, firings};
    use crate::windowing::trigger::{AfterWatermark, after_count, after_each, repeatedly};

    #[test]
    fn starts_all_parts_anew() {
        let trigger = repeatedly(after_each([after_count(1), after_count(2)]));
        let script = [Element; 8];
        assert_eq!((firings(&trigger, &script), finishes(&trigger, &script)), (vec![0, 2, 3, 5, 6], None));
    }

    #[test]
    fn the_end_of_the_window_is_behind_for_good() {
        let trigger = repeatedly(AfterWatermark::new());
        assert_eq!(firings(&trigger, &[Element, Watermark(10), Element, Element]), [1, 2, 3]);
    }
}
