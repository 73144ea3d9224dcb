//! `AfterWatermark`: when the watermark passes the end of the window, with early and late panes around it.

use super::machine::{clear, reset, waits_for_end};
use super::state::{Deadlines, Slot};
use super::{Trigger, TriggerContext, repeatedly};

/// Fires once the watermark passes the end of the window; [`early`](Self::early) and [`late`](Self::late) add panes.
///
/// ```
/// use ferrobeam_core::time::minutes;
/// use ferrobeam_core::windowing::trigger::*;
/// let trigger = AfterWatermark::new().early(after_delay(minutes(1))).late(after_count(1));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a trigger does nothing until a windowing has it"]
pub struct AfterWatermark {
    early: Option<Trigger>,
    late: Option<Trigger>,
}

impl AfterWatermark {
    /// One pane, on time.
    pub fn new() -> Self {
        AfterWatermark::default()
    }

    /// Also before it, as often as `trigger` fires.
    pub fn early(self, trigger: impl Into<Trigger>) -> Self {
        AfterWatermark { early: Some(trigger.into()), ..self }
    }

    /// Also after it, as often as `trigger` fires for late elements.
    pub fn late(self, trigger: impl Into<Trigger>) -> Self {
        AfterWatermark { late: Some(trigger.into()), ..self }
    }
}

impl From<AfterWatermark> for Trigger {
    fn from(AfterWatermark { early, late }: AfterWatermark) -> Trigger {
        Trigger::AfterWatermark { early: early.map(Box::new), late: late.map(Box::new) }
    }
}

/// Its own slot, those of `early`, those of `late`.
fn split<'a>(early: Option<&Trigger>, slots: &'a mut [Slot]) -> (&'a mut Slot, &'a mut [Slot], &'a mut [Slot]) {
    let (own, parts) = slots.split_at_mut(1);
    let (early, late) = parts.split_at_mut(early.map_or(0, Trigger::nodes));
    (&mut own[0], early, late)
}

/// The part whose turn it is, with its slots: the early one until the trigger has fired for the end of the window.
fn phase<'a>(
    early: Option<&'a Trigger>,
    late: Option<&'a Trigger>,
    slots: &'a [Slot],
) -> Option<(&'a Trigger, &'a [Slot])> {
    if slots[0].passed {
        late.map(|late| (late, &slots[1 + early.map_or(0, Trigger::nodes)..]))
    } else {
        early.map(|early| (early, &slots[1..]))
    }
}

pub(super) fn wants(early: Option<&Trigger>, late: Option<&Trigger>, slots: &[Slot], now: &TriggerContext) -> bool {
    (!slots[0].passed && now.end_of_window_passed())
        || phase(early, late, slots).is_some_and(|(part, slots)| part.wants(slots, now))
}

pub(super) fn fire(early: Option<&Trigger>, late: Option<&Trigger>, slots: &mut [Slot], now: &TriggerContext) {
    let (own, early_slots, late_slots) = split(early, slots);
    if own.passed {
        clear(early_slots);
        if let Some(late) = late {
            repeatedly::fire(late, late_slots, now);
        }
    } else if now.end_of_window_passed() {
        *own = Slot { finished: late.is_none(), passed: true, ..*own };
        reset(early_slots);
        reset(late_slots);
    } else {
        clear(late_slots);
        if let Some(early) = early {
            repeatedly::fire(early, early_slots, now);
        }
    }
}

/// It has passed the end only if every source has and the new end is passed, too: even if a source was done with its
/// own window, elements of the others still wait.
pub(super) fn settle(early: Option<&Trigger>, late: Option<&Trigger>, slots: &mut [Slot], now: &TriggerContext) {
    let (own, _, late_slots) = split(early, slots);
    own.passed &= now.end_of_window_passed();
    own.finished = own.passed && late.is_none();
    if !own.passed {
        reset(late_slots);
    }
}

pub(super) fn deadlines(
    early: Option<&Trigger>,
    late: Option<&Trigger>,
    slots: &[Slot],
    now: &TriggerContext,
) -> Deadlines {
    let watermark = if slots[0].passed { None } else { waits_for_end(now) };
    let of_part = phase(early, late, slots).map(|(part, slots)| part.deadlines(slots, now)).unwrap_or_default();
    of_part.or(Deadlines { watermark, ..Deadlines::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windowing::trigger::script::{Event::*, finishes, firings, now};
    use crate::windowing::trigger::{TriggerState, after_count, after_delay, after_each};
    use crate::{Timestamp, time::millis};

    #[test]
    fn fires_once_and_finishes_without_a_late_trigger() {
        let trigger = AfterWatermark::new().into();
        let script = [Element, Watermark(9), Watermark(10), Element];
        assert_eq!((firings(&trigger, &script), finishes(&trigger, &script)), (vec![2], Some(2)));
    }

    #[test]
    fn early_and_late_triggers_are_repeated_and_start_with_their_phase() {
        let trigger = AfterWatermark::new().early(after_count(2)).late(after_count(3)).into();
        // Two early panes, one element of a third; then the one on time, and the late ones count from there.
        let script = [Element, Element, Element, Element, Element, Watermark(10), Element, Element, Element, Element];
        assert_eq!((firings(&trigger, &script), finishes(&trigger, &script)), (vec![1, 3, 5, 8], None));
    }

    #[test]
    fn an_early_trigger_of_several_steps_goes_through_all_of_them() {
        let early = after_each([after_count(1), after_count(3)]);
        let trigger = AfterWatermark::new().early(early).into();
        assert_eq!(firings(&trigger, &[Element; 8]), [0, 3, 4, 7]);
    }

    #[test]
    fn deadlines_of_the_other_phase_do_not_count() {
        let trigger = AfterWatermark::new().early(after_delay(millis(5))).late(after_delay(millis(7))).into();
        let mut state = TriggerState::new(&trigger);
        state.on_element(&trigger, &now(0, 0));
        let at = |n| Some(Timestamp::from_millis(n));
        let deadlines = state.deadlines(&trigger, &now(0, 0));
        assert_eq!((deadlines.watermark, deadlines.processing_time), (at(9), at(5)));
        state.on_fire(&trigger, &now(20, 2));
        assert_eq!(state.deadlines(&trigger, &now(20, 2)), Deadlines::default());
        state.on_element(&trigger, &now(20, 3));
        assert_eq!(state.deadlines(&trigger, &now(20, 3)).processing_time, at(10));
    }
}
