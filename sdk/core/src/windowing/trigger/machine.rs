//! What all triggers have in common while they run.
//!
//! A node of a trigger owns a run of slots: its own, then those of its parts in order. Five things happen to it. An
//! *element* comes. It is asked whether it *wants* to fire. The pane *fires* and it was among those that wanted to. Or
//! the pane fired without it: then what it knew of the pane is *cleared*, though not how far it has come. Or it starts
//! anew: it is *reset*. After a merge it *settles*.
//!
//! Parts that have finished or whose turn has not come see elements, too: after a merge they may be asked again.

use super::state::{Deadlines, Pane, Slot};
use super::{
    Trigger, TriggerContext, after_all, after_any, after_count, after_each, after_processing_time,
    after_synchronized_processing_time, after_watermark, always, default, never, or_finally, repeatedly,
};

impl Trigger {
    /// The number of nodes: itself and all inside.
    pub(super) fn nodes(&self) -> usize {
        1 + self.parts().map(Trigger::nodes).sum::<usize>()
    }

    pub(super) fn element(&self, slots: &mut [Slot], now: &TriggerContext) {
        match self {
            Trigger::AfterCount(_) => after_count::element(slots),
            Trigger::AfterProcessingTime(transforms) => after_processing_time::element(transforms, slots, now),
            Trigger::AfterSynchronizedProcessingTime => after_synchronized_processing_time::element(slots, now),
            _ => parts_mut(self, slots).for_each(|(part, slots)| part.element(slots, now)),
        }
    }

    pub(super) fn wants(&self, slots: &[Slot], now: &TriggerContext) -> bool {
        match self {
            Trigger::Always => always::wants(),
            Trigger::Never => never::wants(),
            Trigger::Default => default::wants(now),
            Trigger::AfterWatermark { early, late } => {
                after_watermark::wants(early.as_deref(), late.as_deref(), slots, now)
            }
            Trigger::AfterProcessingTime(_) => after_processing_time::wants(slots, now),
            Trigger::AfterSynchronizedProcessingTime => after_synchronized_processing_time::wants(slots, now),
            Trigger::AfterCount(n) => after_count::wants(*n, slots),
            Trigger::AfterEach(_) => after_each::wants(self, slots, now),
            Trigger::AfterAll(_) => after_all::wants(self, slots, now),
            Trigger::AfterAny(_) => after_any::wants(self, slots, now),
            Trigger::Repeatedly(part) => part.wants(&slots[1..], now),
            Trigger::OrFinally(..) => or_finally::wants(self, slots, now),
        }
    }

    pub(super) fn fire(&self, slots: &mut [Slot], now: &TriggerContext) {
        match self {
            Trigger::Always | Trigger::Never | Trigger::Default => {}
            Trigger::AfterWatermark { early, late } => {
                after_watermark::fire(early.as_deref(), late.as_deref(), slots, now);
            }
            Trigger::AfterProcessingTime(_) | Trigger::AfterSynchronizedProcessingTime | Trigger::AfterCount(_) => {
                slots[0] = Slot { finished: true, ..Slot::default() };
            }
            Trigger::AfterEach(_) => after_each::fire(self, slots, now),
            Trigger::AfterAll(_) => after_all::fire(self, slots, now),
            Trigger::AfterAny(_) => after_any::fire(self, slots, now),
            Trigger::Repeatedly(part) => repeatedly::fire(part, &mut slots[1..], now),
            Trigger::OrFinally(..) => or_finally::fire(self, slots, now),
        }
    }

    /// Makes merged slots consistent: parts first, then what follows from them.
    pub(super) fn settle(&self, slots: &mut [Slot], now: &TriggerContext) {
        parts_mut(self, slots).for_each(|(part, slots)| part.settle(slots, now));
        match self {
            Trigger::AfterWatermark { early, late } => {
                after_watermark::settle(early.as_deref(), late.as_deref(), slots, now);
            }
            Trigger::AfterEach(_) => after_each::settle(self, slots),
            Trigger::AfterAll(_) => {
                let finished = parts(self, slots).all(|(_, part)| part[0].finished);
                slots[0].finished &= finished;
            }
            Trigger::AfterAny(_) | Trigger::OrFinally(..) => {
                let finished = parts(self, slots).any(|(_, part)| part[0].finished);
                slots[0].finished &= finished;
            }
            _ => {}
        }
    }

    pub(super) fn deadlines(&self, slots: &[Slot], now: &TriggerContext) -> Deadlines {
        match self {
            _ if slots[0].finished => Deadlines::default(),
            Trigger::Default => default::deadlines(now),
            Trigger::AfterProcessingTime(_) => after_processing_time::deadlines(slots, now),
            Trigger::AfterSynchronizedProcessingTime => after_synchronized_processing_time::deadlines(slots, now),
            Trigger::AfterWatermark { early, late } => {
                after_watermark::deadlines(early.as_deref(), late.as_deref(), slots, now)
            }
            Trigger::AfterEach(_) => after_each::deadlines(self, slots, now),
            _ => parts(self, slots)
                .map(|(part, slots)| part.deadlines(slots, now))
                .fold(Deadlines::default(), Deadlines::or),
        }
    }
}

/// The end of the window while the watermark has not passed it.
pub(super) fn waits_for_end(now: &TriggerContext) -> Option<crate::Timestamp> {
    (!now.end_of_window_passed()).then_some(now.max_timestamp)
}

/// The pane fired without this node: forgets what it knew of the pane.
pub(super) fn clear(slots: &mut [Slot]) {
    slots.iter_mut().for_each(|slot| slot.pane = Pane::Nothing);
}

/// Starts a node anew.
pub(super) fn reset(slots: &mut [Slot]) {
    slots.fill(Slot::default());
}

/// The parts of a node, each with its slots.
pub(super) fn parts<'a>(trigger: &'a Trigger, slots: &'a [Slot]) -> impl Iterator<Item = (&'a Trigger, &'a [Slot])> {
    let mut rest = &slots[1..];
    trigger.parts().map(move |part| {
        let (of_part, behind) = rest.split_at(part.nodes());
        rest = behind;
        (part, of_part)
    })
}

/// The parts of a node, each with its slots, to be changed.
pub(super) fn parts_mut<'a>(
    trigger: &'a Trigger,
    slots: &'a mut [Slot],
) -> impl Iterator<Item = (&'a Trigger, &'a mut [Slot])> {
    let mut rest = &mut slots[1..];
    trigger.parts().map(move |part| {
        let (of_part, behind) = std::mem::take(&mut rest).split_at_mut(part.nodes());
        rest = behind;
        (part, of_part)
    })
}
