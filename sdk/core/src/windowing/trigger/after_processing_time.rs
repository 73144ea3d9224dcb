//! `AfterProcessingTime`: once, at a processing time counted from the pane's first element.

use super::state::{Deadlines, Pane, Slot};
use super::{Trigger, TriggerContext};
use crate::Timestamp;
use std::time::Duration;

/// Fires once, at a processing time that is counted from the pane's first element.
///
/// ```
/// use ferrobeam_core::time::{minutes, seconds};
/// use ferrobeam_core::windowing::trigger::*;
/// // All keys together, ten seconds after the full minute.
/// let trigger = repeatedly(AfterProcessingTime::new().align_to(minutes(1)).delay(seconds(10)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a trigger does nothing until a windowing has it"]
pub struct AfterProcessingTime {
    transforms: Vec<TimestampTransform>,
}

impl AfterProcessingTime {
    /// With the pane's first element.
    pub fn new() -> Self {
        AfterProcessingTime::default()
    }

    /// So much later.
    pub fn delay(self, length: Duration) -> Self {
        self.then(TimestampTransform::Delay(length))
    }

    /// At the next boundary of periods that start at the epoch.
    pub fn align_to(self, period: Duration) -> Self {
        self.align_to_offset(period, Duration::ZERO)
    }

    /// At the next boundary of periods that start at the epoch plus `offset`.
    pub fn align_to_offset(self, period: Duration, offset: Duration) -> Self {
        self.then(TimestampTransform::AlignTo { period, offset })
    }

    fn then(mut self, transform: TimestampTransform) -> Self {
        self.transforms.push(transform);
        self
    }
}

impl From<AfterProcessingTime> for Trigger {
    fn from(AfterProcessingTime { transforms }: AfterProcessingTime) -> Trigger {
        Trigger::AfterProcessingTime(transforms)
    }
}

/// Fires once, `length` of processing time after the pane's first element.
pub fn after_delay(length: Duration) -> Trigger {
    AfterProcessingTime::new().delay(length).into()
}

/// A step from the processing time of an element to that of a firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimestampTransform {
    /// So much later.
    Delay(Duration),
    /// At the next boundary of periods that start at the epoch plus an offset; a time on a boundary stays.
    AlignTo {
        /// The length between boundaries, in whole milliseconds.
        period: Duration,
        /// Where the boundaries lie, in whole milliseconds.
        offset: Duration,
    },
}

impl TimestampTransform {
    /// Moves a time on. Never back.
    #[must_use]
    pub fn apply(self, at: Timestamp) -> Timestamp {
        match self {
            TimestampTransform::Delay(length) => at + length,
            TimestampTransform::AlignTo { period, offset } => {
                // In 128 bits, which hold every difference.
                let (period, offset) = (period.as_millis().max(1).cast_signed(), offset.as_millis().cast_signed());
                let beyond = (i128::from(at.millis()) - offset).rem_euclid(period);
                let wait = if beyond == 0 { 0 } else { period - beyond };
                at + Duration::from_millis(u64::try_from(wait).unwrap_or(u64::MAX))
            }
        }
    }
}

/// Only the first element counts; later ones could only set a later time.
pub(super) fn element(transforms: &[TimestampTransform], slots: &mut [Slot], now: &TriggerContext) {
    if slots[0].pane == Pane::Nothing {
        let at = transforms.iter().fold(now.processing_time, |at, transform| transform.apply(at));
        slots[0].pane = Pane::Time(at);
    }
}

pub(super) fn wants(slots: &[Slot], now: &TriggerContext) -> bool {
    matches!(slots[0].pane, Pane::Time(at) if at <= now.processing_time)
}

/// Only ahead: once the time is reached, waiting longer changes nothing.
pub(super) fn deadlines(slots: &[Slot], now: &TriggerContext) -> Deadlines {
    match slots[0].pane {
        Pane::Time(at) if at > now.processing_time => Deadlines { processing_time: Some(at), ..Deadlines::default() },
        _ => Deadlines::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{millis, seconds};
    use crate::windowing::trigger::repeatedly;
    use crate::windowing::trigger::script::{Event::*, firings};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn alignment_finds_the_next_boundary(at in -100_000i64..100_000, period in 1u64..5000, offset in 0u64..20_000) {
            let aligned = TimestampTransform::AlignTo { period: millis(period), offset: millis(offset) }
                .apply(Timestamp::from_millis(at))
                .millis();
            let (period, offset) = (period as i64, offset as i64);
            prop_assert_eq!((aligned - offset).rem_euclid(period), 0);
            prop_assert!((at..at + period).contains(&aligned));
        }
    }

    #[test]
    fn fires_when_the_time_is_reached_and_counts_anew_when_repeated() {
        let script = [Time(2), Element, Time(4), Element, Time(6), Time(7), Time(20), Element, Time(25)];
        assert_eq!(firings(&repeatedly(after_delay(millis(5))), &script), [5, 8]);
        assert_eq!(firings(&after_delay(millis(0)), &script), [1]);
    }

    #[test]
    fn transforms_are_applied_in_order() {
        let minute = TimestampTransform::AlignTo { period: seconds(60), offset: seconds(5) };
        let delay = TimestampTransform::Delay(seconds(10));
        let at = Timestamp::from_millis(66_000);
        assert_eq!(delay.apply(minute.apply(at)).millis(), 135_000);
        assert_eq!(minute.apply(delay.apply(at)).millis(), 125_000);
        assert_eq!(minute.apply(Timestamp::MAX), Timestamp::MAX, "the end of time has no next minute");
    }
}
