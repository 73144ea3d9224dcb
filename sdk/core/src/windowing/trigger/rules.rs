//! What can be said of a trigger before anything runs.

use super::{TimestampTransform, Trigger, TriggerError};
use std::fmt;
use std::time::Duration;

impl Trigger {
    /// Checks what the types leave open.
    ///
    /// # Errors
    /// A composite of nothing, a count of 0 or beyond Beam's 32 bits, a period of 0.
    pub fn validate(&self) -> Result<(), TriggerError> {
        let refuse = |why: &str| Err(TriggerError(format!("{self}: {why}")));
        match self {
            Trigger::AfterCount(0) => return refuse("a pane of no elements needs no trigger; count from 1"),
            Trigger::AfterCount(n) if i32::try_from(*n).is_err() => return refuse("the count has more than 31 bits"),
            Trigger::AfterEach(parts) | Trigger::AfterAll(parts) | Trigger::AfterAny(parts) if parts.is_empty() => {
                return refuse("it is made of no triggers");
            }
            Trigger::AfterProcessingTime(transforms) => {
                let empty = |t: &TimestampTransform| matches!(t, TimestampTransform::AlignTo { period, .. } if period.as_millis() == 0);
                if transforms.iter().any(empty) {
                    return refuse("a period is shorter than a millisecond");
                }
            }
            _ => {}
        }
        self.parts().try_for_each(Trigger::validate)
    }

    /// The triggers directly inside, in order.
    pub fn parts(&self) -> impl Iterator<Item = &Trigger> {
        let (several, one, two): (&[Trigger], Option<&Trigger>, Option<&Trigger>) = match self {
            Trigger::AfterEach(parts) | Trigger::AfterAll(parts) | Trigger::AfterAny(parts) => (parts, None, None),
            Trigger::AfterWatermark { early, late } => (&[], early.as_deref(), late.as_deref()),
            Trigger::Repeatedly(part) => (&[], Some(part), None),
            Trigger::OrFinally(main, until) => (&[], Some(main), Some(until)),
            Trigger::Default
            | Trigger::AfterProcessingTime(_)
            | Trigger::AfterSynchronizedProcessingTime
            | Trigger::AfterCount(_)
            | Trigger::Always
            | Trigger::Never => (&[], None, None),
        };
        several.iter().chain(one).chain(two)
    }

    /// Tells whether the end of a window is by itself a reason to fire, so that there is a pane on time even if it is empty.
    #[must_use]
    pub fn has_on_time_pane(&self) -> bool {
        match self {
            Trigger::Default | Trigger::AfterWatermark { .. } => true,
            _ => self.parts().any(Trigger::has_on_time_pane),
        }
    }

    /// Tells whether processing time is a reason to fire.
    #[must_use]
    pub fn looks_at_processing_time(&self) -> bool {
        match self {
            Trigger::AfterProcessingTime(_) | Trigger::AfterSynchronizedProcessingTime => true,
            _ => self.parts().any(Trigger::looks_at_processing_time),
        }
    }

    /// Tells whether elements may be lost because the trigger has finished before their window closes.
    ///
    /// Decided as Beam does: the watermark's passing of a window's end loses nothing if no late element is allowed.
    #[must_use]
    pub fn may_lose_data(&self, allowed_lateness: Duration) -> bool {
        match self {
            Trigger::Default | Trigger::Repeatedly(_) | Trigger::Always | Trigger::Never => false,
            Trigger::AfterProcessingTime(_) | Trigger::AfterSynchronizedProcessingTime | Trigger::AfterCount(_) => true,
            Trigger::AfterWatermark { late, .. } => late.is_none() && allowed_lateness > Duration::ZERO,
            Trigger::AfterEach(_) | Trigger::AfterAll(_) => {
                self.parts().all(|part| part.may_lose_data(allowed_lateness))
            }
            Trigger::AfterAny(_) | Trigger::OrFinally(..) => {
                self.parts().any(|part| part.may_lose_data(allowed_lateness))
            }
        }
    }

    /// The trigger of a collection that a grouping with this trigger has made: what fired upstream goes on at once.
    #[must_use]
    pub fn continuation(&self) -> Trigger {
        let boxed = |part: &Trigger| Box::new(part.continuation());
        let all = |parts: &[Trigger]| parts.iter().map(Trigger::continuation).collect();
        match self {
            Trigger::AfterCount(_) => Trigger::AfterCount(1),
            Trigger::AfterProcessingTime(_) | Trigger::AfterSynchronizedProcessingTime => {
                Trigger::AfterSynchronizedProcessingTime
            }
            Trigger::AfterWatermark { early, late } => {
                Trigger::AfterWatermark { early: early.as_deref().map(boxed), late: late.as_deref().map(boxed) }
            }
            // Panes may come in any order, so whose turn it was upstream says nothing here.
            Trigger::AfterEach(parts) => Trigger::Repeatedly(Box::new(Trigger::AfterAny(all(parts)))),
            Trigger::AfterAll(parts) => Trigger::AfterAll(all(parts)),
            Trigger::AfterAny(parts) => Trigger::AfterAny(all(parts)),
            Trigger::Repeatedly(part) => Trigger::Repeatedly(boxed(part)),
            Trigger::OrFinally(main, until) => {
                Trigger::Repeatedly(Box::new(Trigger::OrFinally(boxed(main), boxed(until))))
            }
            Trigger::Default | Trigger::Always | Trigger::Never => self.clone(),
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, name: &str, parts: &[Trigger]| {
            write!(f, "{name}(")?;
            for (i, part) in parts.iter().enumerate() {
                write!(f, "{}{part}", if i == 0 { "" } else { ", " })?;
            }
            f.write_str(")")
        };
        match self {
            Trigger::Default => f.write_str("Default"),
            Trigger::Always => f.write_str("Always"),
            Trigger::Never => f.write_str("Never"),
            Trigger::AfterSynchronizedProcessingTime => f.write_str("AfterSynchronizedProcessingTime"),
            Trigger::AfterCount(n) => write!(f, "AfterCount({n})"),
            Trigger::AfterEach(parts) => list(f, "AfterEach", parts),
            Trigger::AfterAll(parts) => list(f, "AfterAll", parts),
            Trigger::AfterAny(parts) => list(f, "AfterAny", parts),
            Trigger::Repeatedly(part) => write!(f, "Repeatedly({part})"),
            Trigger::OrFinally(main, until) => write!(f, "OrFinally({main}, {until})"),
            Trigger::AfterWatermark { early, late } => match (early, late) {
                (None, None) => f.write_str("AfterWatermark"),
                (Some(early), None) => write!(f, "AfterWatermark(early = {early})"),
                (None, Some(late)) => write!(f, "AfterWatermark(late = {late})"),
                (Some(early), Some(late)) => write!(f, "AfterWatermark(early = {early}, late = {late})"),
            },
            Trigger::AfterProcessingTime(transforms) => {
                f.write_str("AfterProcessingTime")?;
                for (i, transform) in transforms.iter().enumerate() {
                    write!(f, "{}{transform}", if i == 0 { "(" } else { ", " })?;
                }
                f.write_str(if transforms.is_empty() { "" } else { ")" })
            }
        }
    }
}

impl fmt::Display for TimestampTransform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimestampTransform::Delay(length) => write!(f, "delay {length:?}"),
            TimestampTransform::AlignTo { period, offset: Duration::ZERO } => write!(f, "align to {period:?}"),
            TimestampTransform::AlignTo { period, offset } => write!(f, "align to {period:?} + {offset:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::{follow, scripts, triggers};
    use super::super::{
        AfterWatermark, after_all, after_any, after_count, after_delay, after_each, after_synchronized_processing_time,
        repeatedly,
    };
    use super::*;
    use crate::time::{millis, minutes};
    use proptest::prelude::*;

    const SOME: Duration = Duration::from_secs(1);

    proptest! {
        /// What is said to lose nothing does not finish, but for the end of a window after which nothing is accepted.
        #[test]
        fn safe_triggers_do_not_finish(trigger in triggers(), script in scripts()) {
            follow(&trigger, &script, |_, state, at, _| {
                if state.is_finished() {
                    assert!(trigger.may_lose_data(SOME), "{trigger} has finished");
                    assert!(trigger.may_lose_data(Duration::ZERO) || at.end_of_window_passed());
                }
            });
        }

        #[test]
        fn what_continues_continues_alike(trigger in triggers()) {
            let once = trigger.continuation();
            once.validate()?;
            // `AfterEach` and `OrFinally` are wrapped once more by each grouping, as in Beam.
            if !trigger.to_string().contains("AfterEach") && !trigger.to_string().contains("OrFinally") {
                prop_assert_eq!(once.continuation(), once);
            }
        }
    }

    fn end() -> Trigger {
        AfterWatermark::new().into()
    }

    #[test]
    fn data_may_be_lost_as_in_beam() {
        let early_and_late = AfterWatermark::new().early(after_count(1)).late(after_count(1));
        let cases: [(Trigger, [bool; 2]); 18] = [
            (Trigger::Default, [false, false]),
            (Trigger::Always, [false, false]),
            (Trigger::Never, [false, false]),
            (after_count(1), [true, true]),
            (after_delay(SOME), [true, true]),
            (after_synchronized_processing_time(), [true, true]),
            (end(), [false, true]),
            (AfterWatermark::new().early(after_count(1)).into(), [false, true]),
            (early_and_late.into(), [false, false]),
            (repeatedly(after_count(1)), [false, false]),
            (after_each([after_count(1), after_count(2)]), [true, true]),
            (after_each([after_count(1), repeatedly(after_count(2))]), [false, false]),
            (after_each([after_count(1), end()]), [false, true]),
            (after_all([after_count(1), end()]), [false, true]),
            (after_all([after_count(1), after_delay(SOME)]), [true, true]),
            (after_any([repeatedly(after_count(1)), after_count(9)]), [true, true]),
            (repeatedly(after_count(1)).or_finally(end()), [false, true]),
            (repeatedly(after_count(1)).or_finally(after_count(9)), [true, true]),
        ];
        for (trigger, expected) in cases {
            let found = [Duration::ZERO, SOME].map(|lateness| trigger.may_lose_data(lateness));
            assert_eq!(found, expected, "{trigger}, without and with allowed lateness");
        }
    }

    #[test]
    fn r10_behind_a_grouping_the_trigger_continues() {
        let text = |trigger: Trigger| trigger.continuation().to_string();
        assert_eq!(text(repeatedly(after_count(100))), "Repeatedly(AfterCount(1))");
        assert_eq!(text(after_delay(minutes(1))), "AfterSynchronizedProcessingTime");
        assert_eq!(
            text(AfterWatermark::new().early(after_delay(minutes(1))).late(after_count(5)).into()),
            "AfterWatermark(early = AfterSynchronizedProcessingTime, late = AfterCount(1))"
        );
        assert_eq!(text(after_all([after_count(2), end()])), "AfterAll(AfterCount(1), AfterWatermark)");
        assert_eq!(text(after_any([after_count(2), end()])), "AfterAny(AfterCount(1), AfterWatermark)");
        assert_eq!(text(after_each([after_count(2), end()])), "Repeatedly(AfterAny(AfterCount(1), AfterWatermark))");
        assert_eq!(text(end().or_finally(after_count(2))), "Repeatedly(OrFinally(AfterWatermark, AfterCount(1)))");
        for same in [Trigger::Default, Trigger::Always, Trigger::Never] {
            assert_eq!(same.continuation(), same);
        }
    }

    #[test]
    fn nonsense_is_refused_wherever_it_is() {
        let refused = |trigger: Trigger| repeatedly(trigger).validate().unwrap_err().to_string();
        assert_eq!(refused(after_count(0)), "AfterCount(0): a pane of no elements needs no trigger; count from 1");
        assert!(refused(after_count(1 << 31)).contains("31 bits"));
        assert!(refused(after_all([end(), after_any::<Trigger>([])])).starts_with("AfterAny(): it is made of no"));
        let align = TimestampTransform::AlignTo { period: Duration::from_micros(999), offset: SOME };
        assert!(refused(Trigger::AfterProcessingTime(vec![align])).contains("a period is shorter"));
        let delay = TimestampTransform::Delay(millis(1));
        assert!(Trigger::AfterProcessingTime(vec![delay]).validate().is_ok());
    }
}
