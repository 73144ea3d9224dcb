//! Triggers in the graph: Beam's own message.

use super::{TimestampTransform, Trigger};
use ferrobeam_model::pipeline as pb;
use pb::timestamp_transform::TimestampTransform as TransformKind;
use pb::trigger::{self as kind, Trigger as Kind};
use std::time::Duration;

/// Why a trigger makes no sense, or a message is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TriggerError(pub(super) String);

impl Trigger {
    /// The trigger as Beam's message.
    #[must_use]
    pub fn to_proto(&self) -> pb::Trigger {
        let boxed = |trigger: &Trigger| Box::new(trigger.to_proto());
        let all = |triggers: &[Trigger]| triggers.iter().map(Trigger::to_proto).collect();
        let trigger = match self {
            Trigger::Default => Kind::Default(kind::Default {}),
            Trigger::AfterWatermark { early, late } => Kind::AfterEndOfWindow(Box::new(kind::AfterEndOfWindow {
                early_firings: early.as_deref().map(boxed),
                late_firings: late.as_deref().map(boxed),
            })),
            Trigger::AfterProcessingTime(transforms) => Kind::AfterProcessingTime(kind::AfterProcessingTime {
                timestamp_transforms: transforms.iter().map(|t| t.to_proto()).collect(),
            }),
            Trigger::AfterSynchronizedProcessingTime => {
                Kind::AfterSynchronizedProcessingTime(kind::AfterSynchronizedProcessingTime {})
            }
            Trigger::AfterCount(n) => {
                Kind::ElementCount(kind::ElementCount { element_count: i32::try_from(*n).unwrap_or(i32::MAX) })
            }
            Trigger::AfterEach(triggers) => Kind::AfterEach(kind::AfterEach { subtriggers: all(triggers) }),
            Trigger::AfterAll(triggers) => Kind::AfterAll(kind::AfterAll { subtriggers: all(triggers) }),
            Trigger::AfterAny(triggers) => Kind::AfterAny(kind::AfterAny { subtriggers: all(triggers) }),
            Trigger::Repeatedly(trigger) => Kind::Repeat(Box::new(kind::Repeat { subtrigger: Some(boxed(trigger)) })),
            Trigger::OrFinally(main, finally) => {
                Kind::OrFinally(Box::new(kind::OrFinally { main: Some(boxed(main)), finally: Some(boxed(finally)) }))
            }
            Trigger::Always => Kind::Always(kind::Always {}),
            Trigger::Never => Kind::Never(kind::Never {}),
        };
        pb::Trigger { trigger: Some(trigger) }
    }

    /// Reads Beam's message.
    ///
    /// # Errors
    /// A message without a kind, a part that is missing, or what [`validate`](Self::validate) refuses.
    pub fn from_proto(message: &pb::Trigger) -> Result<Trigger, TriggerError> {
        let trigger = read(message)?;
        trigger.validate()?;
        Ok(trigger)
    }
}

fn read(message: &pb::Trigger) -> Result<Trigger, TriggerError> {
    let optional = |part: &Option<Box<pb::Trigger>>| part.as_deref().map(|part| read(part).map(Box::new)).transpose();
    let part = |part: &Option<Box<pb::Trigger>>| {
        optional(part)?.ok_or_else(|| TriggerError("a trigger in the graph lacks one of its parts".into()))
    };
    let all = |parts: &[pb::Trigger]| parts.iter().map(read).collect::<Result<_, _>>();
    let kind = message.trigger.as_ref();
    Ok(match kind.ok_or_else(|| TriggerError("a trigger in the graph has no kind".into()))? {
        Kind::Default(_) => Trigger::Default,
        Kind::AfterEndOfWindow(parts) => {
            Trigger::AfterWatermark { early: optional(&parts.early_firings)?, late: optional(&parts.late_firings)? }
        }
        Kind::AfterProcessingTime(after) => Trigger::AfterProcessingTime(
            after.timestamp_transforms.iter().map(TimestampTransform::from_proto).collect::<Result<_, _>>()?,
        ),
        Kind::AfterSynchronizedProcessingTime(_) => Trigger::AfterSynchronizedProcessingTime,
        Kind::ElementCount(after) => Trigger::AfterCount(u32::try_from(after.element_count).unwrap_or(0)),
        Kind::AfterEach(parts) => Trigger::AfterEach(all(&parts.subtriggers)?),
        Kind::AfterAll(parts) => Trigger::AfterAll(all(&parts.subtriggers)?),
        Kind::AfterAny(parts) => Trigger::AfterAny(all(&parts.subtriggers)?),
        Kind::Repeat(parts) => Trigger::Repeatedly(part(&parts.subtrigger)?),
        Kind::OrFinally(parts) => Trigger::OrFinally(part(&parts.main)?, part(&parts.finally)?),
        Kind::Always(_) => Trigger::Always,
        Kind::Never(_) => Trigger::Never,
    })
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

impl TimestampTransform {
    fn to_proto(self) -> pb::TimestampTransform {
        use pb::timestamp_transform::{AlignTo, Delay};
        let transform = match self {
            TimestampTransform::Delay(length) => TransformKind::Delay(Delay { delay_millis: millis(length) }),
            TimestampTransform::AlignTo { period, offset } => {
                TransformKind::AlignTo(AlignTo { period: millis(period), offset: millis(offset) })
            }
        };
        pb::TimestampTransform { timestamp_transform: Some(transform) }
    }

    fn from_proto(message: &pb::TimestampTransform) -> Result<Self, TriggerError> {
        let length = |millis: i64| {
            let length = u64::try_from(millis).map(Duration::from_millis);
            length.map_err(|_| TriggerError(format!("a trigger in the graph counts {millis} ms of processing time")))
        };
        match &message.timestamp_transform {
            Some(TransformKind::Delay(delay)) => Ok(TimestampTransform::Delay(length(delay.delay_millis)?)),
            Some(TransformKind::AlignTo(align)) => {
                Ok(TimestampTransform::AlignTo { period: length(align.period)?, offset: length(align.offset)? })
            }
            None => Err(TriggerError("a trigger in the graph has a time without a kind".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::triggers;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(trigger in triggers()) {
            prop_assert_eq!(Trigger::from_proto(&trigger.to_proto())?, trigger);
        }
    }

    #[test]
    fn incomplete_messages_are_refused() {
        let refused = |kind| Trigger::from_proto(&pb::Trigger { trigger: kind }).unwrap_err().to_string();
        assert_eq!(refused(None), "a trigger in the graph has no kind");
        let repeat = Kind::Repeat(Box::new(kind::Repeat { subtrigger: None }));
        assert_eq!(refused(Some(repeat)), "a trigger in the graph lacks one of its parts");
        let negative = Kind::ElementCount(kind::ElementCount { element_count: -3 });
        assert!(refused(Some(negative)).starts_with("AfterCount(0):"));
        let delay = pb::TimestampTransform {
            timestamp_transform: Some(TransformKind::Delay(pb::timestamp_transform::Delay { delay_millis: -1 })),
        };
        let early = kind::AfterProcessingTime { timestamp_transforms: vec![delay, pb::TimestampTransform::default()] };
        assert!(refused(Some(Kind::AfterProcessingTime(early))).contains("-1 ms"));
    }
}
