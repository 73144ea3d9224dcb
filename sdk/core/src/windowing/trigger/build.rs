//! Triggers as the author of a pipeline writes them.

use super::{TimestampTransform, Trigger};
use std::time::Duration;

/// Fires once the watermark passes the end of the window; [`early`](Self::early) and [`late`](Self::late) add panes.
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

/// Fires once, at a processing time that is counted from the pane's first element.
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

/// Fires once, when all workers upstream have passed the processing time of the pane's first element.
pub fn after_synchronized_processing_time() -> Trigger {
    Trigger::AfterSynchronizedProcessingTime
}

/// Fires once, when the pane has `n` elements or more.
pub fn after_count(n: u32) -> Trigger {
    Trigger::AfterCount(n)
}

/// Fires as each of `triggers` in turn: when one has finished, the next begins.
pub fn after_each<T: Into<Trigger>>(triggers: impl IntoIterator<Item = T>) -> Trigger {
    Trigger::AfterEach(triggers.into_iter().map(Into::into).collect())
}

/// Fires once, when all of `triggers` want to.
pub fn after_all<T: Into<Trigger>>(triggers: impl IntoIterator<Item = T>) -> Trigger {
    Trigger::AfterAll(triggers.into_iter().map(Into::into).collect())
}

/// Fires once, when any of `triggers` wants to.
pub fn after_any<T: Into<Trigger>>(triggers: impl IntoIterator<Item = T>) -> Trigger {
    Trigger::AfterAny(triggers.into_iter().map(Into::into).collect())
}

/// Fires as `trigger`, again and again.
pub fn repeatedly(trigger: impl Into<Trigger>) -> Trigger {
    Trigger::Repeatedly(Box::new(trigger.into()))
}

impl Trigger {
    /// Fires as this one until `until` fires, then finishes.
    #[must_use]
    pub fn or_finally(self, until: impl Into<Trigger>) -> Trigger {
        Trigger::OrFinally(Box::new(self), Box::new(until.into()))
    }
}
