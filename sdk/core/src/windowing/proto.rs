//! Windowings in the graph: Beam's own messages.

use super::calendar::{Unit, Zone};
use super::{
    AccumulationMode, CalendarWindows, ClosingBehavior, FixedWindows, OnTimeBehavior, Sessions, SlidingWindows,
    TimestampCombiner, Trigger, WindowingStrategy, Windows, whole_millis,
};
use crate::coder::CoderSpec;
use crate::error::{Error, Result};
use crate::graph::{FnRef, WINDOW_FN};
use bytes::Bytes;
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns;
use pb::{accumulation_mode, closing_behavior, merge_status, on_time_behavior, output_time};
use prost::Message;
use std::time::Duration;

/// URN of calendar windows, which Beam has no message for.
const CALENDAR: &str = "ferrobeam:window_fn:calendar_windows:v1";

/// The payload of calendar windows.
#[derive(Clone, PartialEq, Message)]
struct CalendarPayload {
    /// 0 to 3: days, weeks, months, years.
    #[prost(uint32, tag = "1")]
    unit: u32,
    #[prost(uint32, tag = "2")]
    count: u32,
    /// Days since 1970-01-01.
    #[prost(sint64, tag = "3")]
    start: i64,
    #[prost(string, tag = "4")]
    time_zone: String,
}

const UNITS: [Unit; 4] = [Unit::Days, Unit::Weeks, Unit::Months, Unit::Years];

impl Windows {
    /// The window function as Beam's message; one of the user's own is known by a step that has it.
    pub(crate) fn to_proto(&self, step: &FnRef) -> pb::FunctionSpec {
        let (urn, payload) = match self {
            Windows::Custom(_) => return step.function(WINDOW_FN),
            Windows::Global => (urns::window_fns::GLOBAL, Vec::new()),
            Windows::Fixed(FixedWindows { size, offset }) => {
                let (size, offset) = (Some(length(*size)), Some(time(*offset)));
                (urns::window_fns::FIXED, pb::FixedWindowsPayload { size, offset }.encode_to_vec())
            }
            Windows::Sliding(SlidingWindows { size, period, offset }) => {
                let (size, offset, period) = (Some(length(*size)), Some(time(*offset)), Some(length(*period)));
                (urns::window_fns::SLIDING, pb::SlidingWindowsPayload { size, offset, period }.encode_to_vec())
            }
            Windows::Sessions(Sessions { gap }) => {
                let gap_size = Some(length(*gap));
                (urns::window_fns::SESSIONS, pb::SessionWindowsPayload { gap_size }.encode_to_vec())
            }
            Windows::Calendar(CalendarWindows { unit, count, start, zone, .. }) => {
                let (unit, count, start) = (*unit as u32, *count, *start);
                let payload = CalendarPayload { unit, count, start, time_zone: zone.name().to_owned() };
                (CALENDAR, payload.encode_to_vec())
            }
        };
        pb::FunctionSpec { urn: urn.to_owned(), payload: Bytes::from(payload) }
    }

    /// Reads Beam's message; `custom` finds a function of the user's own by its step.
    ///
    /// # Errors
    /// [`Error::Graph`] if the function is not known or its payload makes no sense.
    pub fn from_proto(spec: &pb::FunctionSpec, custom: &dyn Fn(&FnRef) -> Option<Windows>) -> Result<Windows> {
        let broken = |why: &dyn std::fmt::Display| refused(format!("the window function `{}`: {why}", spec.urn));
        let payload = &spec.payload[..];
        let windows = match spec.urn.as_str() {
            urns::window_fns::GLOBAL => Windows::Global,
            urns::window_fns::FIXED => {
                let payload = pb::FixedWindowsPayload::decode(payload).map_err(|e| broken(&e))?;
                let (size, offset) = (millis(payload.size), millis_of_time(payload.offset));
                Windows::Fixed(FixedWindows { size, offset: offset.rem_euclid(size.max(1)) })
            }
            urns::window_fns::SLIDING => {
                let payload = pb::SlidingWindowsPayload::decode(payload).map_err(|e| broken(&e))?;
                let (size, period) = (millis(payload.size), millis(payload.period));
                let offset = millis_of_time(payload.offset).rem_euclid(period.max(1));
                Windows::Sliding(SlidingWindows { size, period, offset })
            }
            urns::window_fns::SESSIONS => {
                let payload = pb::SessionWindowsPayload::decode(payload).map_err(|e| broken(&e))?;
                Windows::Sessions(Sessions { gap: millis(payload.gap_size) })
            }
            CALENDAR => {
                let payload = CalendarPayload::decode(payload).map_err(|e| broken(&e))?;
                let CalendarPayload { unit, count, start, time_zone } = payload;
                let zone = Zone::named(&time_zone).ok_or_else(|| broken(&"its time zone is not known here"))?;
                let unit = UNITS.get(unit as usize).copied().ok_or_else(|| broken(&"its unit is not known here"))?;
                Windows::Calendar(CalendarWindows { unit, count: count.max(1), start, zone, mistake: None })
            }
            WINDOW_FN => {
                let step = FnRef::decode(payload).map_err(|e| broken(&e))?;
                custom(&step).ok_or_else(|| broken(&format!("this process has no step `{}` with one", step.step)))?
            }
            _ => return Err(broken(&"it is not known here")),
        };
        windows.mistake().map_or(Ok(()), |mistake| Err(broken(&mistake)))?;
        Ok(windows)
    }
}

/// Beam's numbers of the kinds that have a name here.
macro_rules! kinds {
    ($($ours:ident as $theirs:ident { $($our:ident = $their:ident),* })*) => {$(
        impl $ours {
            fn to_proto(self) -> i32 {
                match self {
                    $($ours::$our => $theirs::Enum::$their.into(),)*
                }
            }

            fn from_proto(number: i32) -> Result<Self> {
                match $theirs::Enum::try_from(number) {
                    $(Ok($theirs::Enum::$their) => Ok($ours::$our),)*
                    Ok(other) => Err(refused(format!("windowings with {} are not supported", other.as_str_name()))),
                    Err(_) => Err(refused(format!("{} {number} is not known here", stringify!($ours)))),
                }
            }
        }
    )*};
}

kinds! {
    AccumulationMode as accumulation_mode { Discarding = Discarding, Accumulating = Accumulating }
    TimestampCombiner as output_time { EndOfWindow = EndOfWindow, Earliest = EarliestInPane, Latest = LatestInPane }
    ClosingBehavior as closing_behavior { EmitAlways = EmitAlways, EmitIfNonempty = EmitIfNonempty }
    OnTimeBehavior as on_time_behavior { FireAlways = FireAlways, FireIfNonempty = FireIfNonempty }
}

impl WindowingStrategy {
    /// The coder of the windows.
    pub(crate) fn window_coder(&self) -> CoderSpec {
        CoderSpec::leaf(match self.windows {
            Windows::Global => urns::coders::GLOBAL_WINDOW,
            _ => urns::coders::INTERVAL_WINDOW,
        })
    }

    /// The strategy with every field explicit, for engines take unset ones differently.
    pub(crate) fn to_proto(
        &self,
        step: &FnRef,
        environment: &str,
        coder_id: &mut impl FnMut(&CoderSpec) -> String,
    ) -> pb::WindowingStrategy {
        let merge_status = match (self.windows.is_merging(), self.already_merged) {
            (false, _) => merge_status::Enum::NonMerging,
            (true, false) => merge_status::Enum::NeedsMerge,
            (true, true) => merge_status::Enum::AlreadyMerged,
        };
        pb::WindowingStrategy {
            window_fn: Some(self.windows.to_proto(step)),
            merge_status: merge_status.into(),
            window_coder_id: coder_id(&self.window_coder()),
            trigger: Some(self.trigger.to_proto()),
            accumulation_mode: self.accumulation_mode.to_proto(),
            output_time: self.timestamp_combiner.to_proto(),
            closing_behavior: self.closing_behavior.to_proto(),
            allowed_lateness: whole_millis(self.allowed_lateness),
            on_time_behavior: self.on_time_behavior.to_proto(),
            assigns_to_one_window: self.windows.assigns_to_one_window(),
            environment_id: environment.to_owned(),
        }
    }

    /// Reads Beam's message; `custom` finds a window function of the user's own by its step.
    ///
    /// # Errors
    /// [`Error::Graph`] if something is missing, not known here, or not supported, as retracting panes are.
    pub fn from_proto(
        message: &pb::WindowingStrategy,
        custom: &dyn Fn(&FnRef) -> Option<Windows>,
    ) -> Result<WindowingStrategy> {
        let missing = |what: &str| refused(format!("a windowing in the graph has no {what}"));
        let window_fn = message.window_fn.as_ref().ok_or_else(|| missing("window function"))?;
        let trigger = message.trigger.as_ref().ok_or_else(|| missing("trigger"))?;
        let lateness = u64::try_from(message.allowed_lateness).map_err(|_| refused("a lateness is negative".into()))?;
        Ok(WindowingStrategy {
            windows: Windows::from_proto(window_fn, custom)?,
            already_merged: message.merge_status == i32::from(merge_status::Enum::AlreadyMerged),
            trigger: Trigger::from_proto(trigger).map_err(|e| refused(e.to_string()))?,
            accumulation_mode: AccumulationMode::from_proto(message.accumulation_mode)?,
            timestamp_combiner: TimestampCombiner::from_proto(message.output_time)?,
            closing_behavior: ClosingBehavior::from_proto(message.closing_behavior)?,
            on_time_behavior: OnTimeBehavior::from_proto(message.on_time_behavior)?,
            allowed_lateness: Duration::from_millis(lateness),
        })
    }
}

fn refused(why: String) -> Error {
    Error::Graph(vec![why])
}

fn length(millis: i64) -> prost_types::Duration {
    prost_types::Duration { seconds: millis / 1000, nanos: (millis % 1000) as i32 * 1_000_000 }
}

fn time(millis: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: millis.div_euclid(1000), nanos: millis.rem_euclid(1000) as i32 * 1_000_000 }
}

/// Milliseconds, rounded down; 0, which no window function takes, for a length that is missing or negative.
fn millis(length: Option<prost_types::Duration>) -> i64 {
    length.and_then(|length| Duration::try_from(length).ok()).map_or(0, whole_millis)
}

fn millis_of_time(time: Option<prost_types::Timestamp>) -> i64 {
    let time = time.unwrap_or_default();
    time.seconds.saturating_mul(1000).saturating_add(i64::from(time.nanos.div_euclid(1_000_000)))
}
