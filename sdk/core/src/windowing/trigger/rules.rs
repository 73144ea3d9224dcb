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
                let empty = |t: &&TimestampTransform| matches!(t, TimestampTransform::AlignTo { period, .. } if period.as_millis() == 0);
                if transforms.iter().any(|t| empty(&t)) {
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
            // Panes may arrive out of order, so whose turn it is upstream says nothing here.
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
