//! What a trigger remembers of one key and window.

use super::Trigger;
use crate::Timestamp;
use crate::coder::wire::{put_sortable, put_varint, take_array, take_sortable, take_varint};
use crate::coder::{CoderError, Decoded};

/// What a trigger sees of the world: the end of the window it watches, and how far time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TriggerContext {
    /// The last timestamp of the window.
    pub max_timestamp: Timestamp,
    /// The input watermark of the grouping: nothing with an earlier timestamp is expected.
    pub watermark: Timestamp,
    /// The processing time.
    pub processing_time: Timestamp,
    /// The processing time that all work upstream has reached; never ahead of `processing_time`.
    pub synchronized_processing_time: Timestamp,
}

impl TriggerContext {
    /// Tells whether the watermark has passed the window's end. At the last timestamp itself it has not: an element with
    /// that timestamp may still come.
    #[inline]
    #[must_use]
    pub fn end_of_window_passed(&self) -> bool {
        self.watermark > self.max_timestamp
    }
}

/// What a trigger waits for besides elements: the next time in each domain at which it may want to fire, if one is ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deadlines {
    /// When the watermark has passed this.
    pub watermark: Option<Timestamp>,
    /// When processing time has reached this.
    pub processing_time: Option<Timestamp>,
    /// When synchronized processing time has passed this.
    pub synchronized_processing_time: Option<Timestamp>,
}

impl Deadlines {
    /// The earlier one of each.
    pub(super) fn or(self, other: Deadlines) -> Deadlines {
        let earlier = |a: Option<Timestamp>, b: Option<Timestamp>| a.into_iter().chain(b).min();
        Deadlines {
            watermark: earlier(self.watermark, other.watermark),
            processing_time: earlier(self.processing_time, other.processing_time),
            synchronized_processing_time: earlier(
                self.synchronized_processing_time,
                other.synchronized_processing_time,
            ),
        }
    }
}

/// What one node of a trigger remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slot {
    /// It will not fire again, unless it is reset or windows merge.
    pub(super) finished: bool,
    /// It has fired for the passing of the window's end ([`Trigger::AfterWatermark`] only).
    pub(super) passed: bool,
    /// About the elements since the last firing.
    pub(super) pane: Pane,
}

/// What one node remembers of the elements since the last firing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Pane {
    /// Nothing.
    #[default]
    Nothing,
    /// How many there were.
    Count(u64),
    /// A processing time that the first of them set.
    Time(Timestamp),
}

impl Pane {
    /// What two panes come to: counts add, the earlier time wins.
    fn and(self, other: Pane) -> Pane {
        match (self, other) {
            (Pane::Count(a), Pane::Count(b)) => Pane::Count(a.saturating_add(b)),
            (Pane::Time(a), Pane::Time(b)) => Pane::Time(a.min(b)),
            (Pane::Nothing, some) | (some, _) => some,
        }
    }
}

/// The state of a trigger for one key and window: a few numbers, one for each node of the trigger in pre-order.
///
/// A state belongs to the trigger it was made for; every method must be given that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerState(Box<[Slot]>);

impl TriggerState {
    /// The state before the first element.
    #[must_use]
    pub fn new(trigger: &Trigger) -> Self {
        TriggerState(vec![Slot::default(); trigger.nodes()].into())
    }

    /// The state of a trigger that has finished, whatever it was before.
    #[must_use]
    pub fn finished(trigger: &Trigger) -> Self {
        let mut state = TriggerState::new(trigger);
        state.0[0].finished = true;
        state
    }

    /// Tells whether the trigger will never fire again: what comes now is to be discarded.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.0.first().is_some_and(|root| root.finished)
    }

    /// Counts an element. The trigger must not have finished.
    pub fn on_element(&mut self, trigger: &Trigger, now: &TriggerContext) {
        trigger.element(&mut self.0, now);
    }

    /// Tells whether the trigger wants to fire. Between two firings it does not change its mind.
    #[must_use]
    pub fn should_fire(&self, trigger: &Trigger, now: &TriggerContext) -> bool {
        !self.is_finished() && trigger.wants(&self.0, now)
    }

    /// Notes that the pane fires because [`should_fire`](Self::should_fire) said so.
    pub fn on_fire(&mut self, trigger: &Trigger, now: &TriggerContext) {
        trigger.fire(&mut self.0, now);
    }

    /// The state of a window that several became, `now` being about the new window: counts add, the earliest deadline
    /// wins, and what has not finished in all of them has not finished. If the new end is ahead of the watermark,
    /// [`AfterWatermark`](Trigger::AfterWatermark) waits for it again.
    #[must_use]
    pub fn merge<'a>(
        trigger: &Trigger,
        sources: impl IntoIterator<Item = &'a TriggerState>,
        now: &TriggerContext,
    ) -> TriggerState {
        let mut sources = sources.into_iter();
        let Some(mut merged) = sources.next().cloned() else { return TriggerState::new(trigger) };
        for source in sources {
            for (into, from) in merged.0.iter_mut().zip(&source.0) {
                into.finished &= from.finished;
                into.passed &= from.passed;
                into.pane = into.pane.and(from.pane);
            }
        }
        trigger.settle(&mut merged.0, now);
        merged
    }

    /// What the trigger waits for besides elements.
    #[must_use]
    pub fn deadlines(&self, trigger: &Trigger, now: &TriggerContext) -> Deadlines {
        trigger.deadlines(&self.0, now)
    }

    /// Appends the state: a byte of flags for each node, and its number if it has one.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for slot in &self.0 {
            let flags = u8::from(slot.finished) | u8::from(slot.passed) << 1;
            match slot.pane {
                Pane::Nothing => out.push(flags),
                Pane::Count(n) => {
                    out.push(flags | 1 << 2);
                    put_varint(n, out);
                }
                Pane::Time(at) => {
                    out.push(flags | 2 << 2);
                    put_sortable(at.millis(), out);
                }
            }
        }
    }

    /// Reads the state of `trigger`.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn decode(trigger: &Trigger, input: &mut &[u8]) -> Decoded<Self> {
        const WHAT: &str = "the state of a trigger";
        let slot = |input: &mut &[u8]| {
            let [flags] = take_array(input, WHAT)?;
            let pane = match flags >> 2 {
                0 => Pane::Nothing,
                1 => Pane::Count(take_varint(input)?),
                2 => Pane::Time(Timestamp::from_millis(take_sortable(input, WHAT)?)),
                _ => return Err(CoderError::invalid(WHAT, format!("flags {flags:#04x}"))),
            };
            Ok(Slot { finished: flags & 1 != 0, passed: flags & 2 != 0, pane })
        };
        (0..trigger.nodes()).map(|_| slot(input)).collect::<Decoded<_>>().map(TriggerState)
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::{Event, follow, now, scripts, triggers};
    use super::super::{AfterWatermark, after_count, after_delay, after_each};
    use super::*;
    use crate::time::millis;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn states_survive_their_encoding(trigger in triggers(), script in scripts(), tail: Vec<u8>) {
            follow(&trigger, &script, |_, state, _, _| {
                let mut bytes = Vec::new();
                state.encode(&mut bytes);
                bytes.extend_from_slice(&tail);
                let mut input = bytes.as_slice();
                assert_eq!(&TriggerState::decode(&trigger, &mut input).unwrap(), state);
                assert_eq!(input, tail);
            });
        }

        #[test]
        fn foreign_bytes_are_refused_or_read(trigger in triggers(), bytes: Vec<u8>) {
            if let Ok(state) = TriggerState::decode(&trigger, &mut bytes.as_slice()) {
                let _ = state.should_fire(&trigger, &now(0, 0));
            }
        }

        /// Whoever asks at the deadlines alone misses no firing.
        #[test]
        fn nothing_changes_between_deadlines(
            trigger in triggers(), script in scripts(), watermark in 0i64..30, time in 0i64..30,
        ) {
            follow(&trigger, &script, |_, state, at, _| {
                let later = now(
                    at.watermark.millis().max(watermark),
                    at.processing_time.millis().max(time),
                );
                let deadlines = state.deadlines(&trigger, at);
                assert!(deadlines.processing_time.is_none_or(|t| t > at.processing_time));
                let due = deadlines.watermark.is_some_and(|t| t < later.watermark)
                    || deadlines.processing_time.is_some_and(|t| t <= later.processing_time)
                    || deadlines.synchronized_processing_time.is_some_and(|t| t < later.processing_time);
                if state.should_fire(&trigger, &later) != state.should_fire(&trigger, at) {
                    assert!(due, "{trigger} changes its mind without a deadline: {state:?}");
                }
            });
        }

        /// Time and elements never take back the wish to fire.
        #[test]
        fn a_wish_to_fire_stays(trigger in triggers(), script in scripts(), watermark in 0i64..30, time in 0i64..30) {
            follow(&trigger, &script, |_, state, at, _| {
                if state.should_fire(&trigger, at) {
                    let later = now(at.watermark.millis().max(watermark), at.processing_time.millis().max(time));
                    assert!(state.should_fire(&trigger, &later));
                    let mut state = state.clone();
                    state.on_element(&trigger, &later);
                    assert!(state.should_fire(&trigger, &later));
                }
            });
        }

        #[test]
        fn merging_alone_or_with_an_equal_is_harmless(trigger in triggers(), script in scripts()) {
            follow(&trigger, &script, |_, state, at, _| {
                let same = TriggerState::merge(&trigger, [state], at);
                assert_eq!(same.should_fire(&trigger, at), state.should_fire(&trigger, at));
                let twice = TriggerState::merge(&trigger, [state, state], at);
                assert_eq!(twice.is_finished(), same.is_finished());
            });
        }
    }

    fn after(trigger: &Trigger, elements: usize, fires: bool) -> TriggerState {
        let mut last = TriggerState::new(trigger);
        follow(trigger, &vec![Event::Element; elements], |_, state, _, fired| {
            last = state.clone();
            assert!(fires || !fired);
        });
        last
    }

    #[test]
    fn r7_counts_add_and_the_earliest_deadline_wins() {
        let trigger = after_count(5);
        let merged =
            TriggerState::merge(&trigger, [&after(&trigger, 2, false), &after(&trigger, 3, false)], &now(0, 0));
        assert!(merged.should_fire(&trigger, &now(0, 0)));

        let trigger = after_delay(millis(10));
        let (mut a, mut b) = (TriggerState::new(&trigger), TriggerState::new(&trigger));
        a.on_element(&trigger, &now(0, 7));
        b.on_element(&trigger, &now(0, 3));
        let merged = TriggerState::merge(&trigger, [&a, &b], &now(0, 8));
        assert!(!merged.should_fire(&trigger, &now(0, 12)) && merged.should_fire(&trigger, &now(0, 13)));
    }

    #[test]
    fn r7_a_part_is_finished_only_if_it_is_in_all_sources() {
        let trigger = after_each([after_count(2), after_count(9)]);
        let (first, second) = (after(&trigger, 1, false), after(&trigger, 3, true));
        // One is in its second step with one element, the other in the first: both elements count there.
        let merged = TriggerState::merge(&trigger, [&second, &first], &now(0, 0));
        assert!(merged.should_fire(&trigger, &now(0, 0)));
        let both = TriggerState::merge(&trigger, [&second, &second], &now(0, 0));
        assert!(!both.should_fire(&trigger, &now(0, 0)), "all have finished the first step");
    }

    #[test]
    fn r7_after_watermark_waits_again_if_the_new_end_is_ahead() {
        let trigger = AfterWatermark::new().late(after_count(3)).into();
        let mut late = TriggerState::new(&trigger);
        late.on_element(&trigger, &now(12, 0));
        late.on_fire(&trigger, &now(12, 0));
        late.on_element(&trigger, &now(12, 0));
        let longer = TriggerContext { max_timestamp: Timestamp::from_millis(14), ..now(12, 0) };
        let again = TriggerState::merge(&trigger, [&late], &longer);
        assert_eq!(again.deadlines(&trigger, &longer).watermark, Some(longer.max_timestamp));
        assert!(!again.should_fire(&trigger, &longer));
        let passed = TriggerContext { watermark: Timestamp::from_millis(15), ..longer };
        assert!(again.should_fire(&trigger, &passed));
        assert!(!TriggerState::merge(&trigger, [&late], &passed).should_fire(&trigger, &passed), "it is late already");
    }
}
