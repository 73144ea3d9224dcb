//! Scripts for the tests of triggers: one window that ends at 10, that is, whose last timestamp is 9.

use super::{Trigger, TriggerContext, TriggerState};
use crate::Timestamp;
use Event::*;
use proptest::prelude::*;

/// Any trigger, nested up to three deep.
pub(super) fn triggers() -> impl Strategy<Value = Trigger> {
    use super::{TimestampTransform, after_all, after_any, after_each, repeatedly};
    use crate::time::millis;
    let delay = (0u64..8).prop_map(|n| TimestampTransform::Delay(millis(n)));
    let align =
        (1u64..8, 0u64..8).prop_map(|(n, m)| TimestampTransform::AlignTo { period: millis(n), offset: millis(m) });
    let transforms = prop::collection::vec(prop_oneof![delay, align], 0..3);
    let leaf = prop_oneof![
        Just(Trigger::Default),
        Just(Trigger::Always),
        Just(Trigger::Never),
        Just(Trigger::AfterSynchronizedProcessingTime),
        transforms.prop_map(Trigger::AfterProcessingTime),
        (1u32..5).prop_map(Trigger::AfterCount),
    ];
    leaf.prop_recursive(3, 12, 3, |part| {
        let parts = prop::collection::vec(part.clone(), 1..4);
        let optional = prop::option::of(part.clone().prop_map(Box::new));
        prop_oneof![
            (optional.clone(), optional).prop_map(|(early, late)| Trigger::AfterWatermark { early, late }),
            parts.clone().prop_map(after_each),
            parts.clone().prop_map(after_all),
            parts.prop_map(after_any),
            part.clone().prop_map(repeatedly),
            (part.clone(), part).prop_map(|(main, until)| main.or_finally(until)),
        ]
    })
}

/// Any script, time going forward.
pub(super) fn scripts() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec((0..6u8, 0i64..4), 0..40).prop_map(|steps| {
        let (mut watermark, mut time) = (0, 0);
        let event = |(kind, by): (u8, i64)| match kind {
            0 => {
                watermark += by;
                Watermark(watermark)
            }
            1 => {
                time += by;
                Time(time)
            }
            _ => Element,
        };
        steps.into_iter().map(event).collect()
    })
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Element,
    /// The input watermark, in milliseconds.
    Watermark(i64),
    /// The processing time, in milliseconds; what is upstream has reached it, too.
    Time(i64),
}

pub(super) fn now(watermark: i64, time: i64) -> TriggerContext {
    let time = Timestamp::from_millis(time);
    TriggerContext {
        max_timestamp: Timestamp::from_millis(9),
        watermark: Timestamp::from_millis(watermark),
        processing_time: time,
        synchronized_processing_time: time,
    }
}

/// After which events the trigger fired. It is asked when an element comes, and when a deadline is due.
pub(super) fn firings(trigger: &Trigger, script: &[Event]) -> Vec<usize> {
    run(trigger, script).0
}

/// After which event the trigger has finished.
pub(super) fn finishes(trigger: &Trigger, script: &[Event]) -> Option<usize> {
    run(trigger, script).1
}

fn run(trigger: &Trigger, script: &[Event]) -> (Vec<usize>, Option<usize>) {
    let (mut fired, mut finished) = (Vec::new(), None);
    follow(trigger, script, |i, state, _, fires| {
        if fires {
            fired.push(i);
        }
        if finished.is_none() && state.is_finished() {
            finished = Some(i);
        }
    });
    (fired, finished)
}

/// Runs a script and shows the state after every event.
pub(super) fn follow(
    trigger: &Trigger,
    script: &[Event],
    mut see: impl FnMut(usize, &TriggerState, &TriggerContext, bool),
) {
    trigger.validate().unwrap();
    let (mut state, mut at) = (TriggerState::new(trigger), now(0, 0));
    for (i, event) in script.iter().enumerate() {
        let deadlines = state.deadlines(trigger, &at);
        let asked = match *event {
            Element => {
                if !state.is_finished() {
                    state.on_element(trigger, &at);
                }
                true
            }
            Watermark(to) => {
                at = now(to, at.processing_time.millis());
                deadlines.watermark.is_some_and(|due| due < at.watermark)
            }
            Time(to) => {
                at = now(at.watermark.millis(), to);
                deadlines.processing_time.is_some_and(|due| due <= at.processing_time)
                    || deadlines.synchronized_processing_time.is_some_and(|due| due < at.processing_time)
            }
        };
        let fires = asked && state.should_fire(trigger, &at);
        if fires {
            state.on_fire(trigger, &at);
        }
        see(i, &state, &at, fires);
    }
}
