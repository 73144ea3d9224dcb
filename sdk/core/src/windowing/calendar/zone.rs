//! Where days begin in a time zone.

use crate::time::civil;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

/// A time zone with the rules that are part of the program.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Zone {
    name: String,
    /// None for UTC, which needs none.
    rules: Option<TimeZone>,
}

const SECONDS: i64 = 86_400;
/// The calendar repeats after 400 years, days of the week included, and so do the rules of time zones.
const CYCLE: i64 = 146_097;
/// How many cycles from 1970 the database's dates reach, both ways: 8,000 years.
const CYCLES: i64 = 20;
/// No day beyond has a timestamp.
const LAST_DAY: i64 = 106_800_000;

impl Zone {
    pub(in super::super) fn utc() -> Zone {
        Zone { name: "UTC".to_owned(), rules: None }
    }

    /// The zone of this name in the IANA database.
    pub(in super::super) fn named(name: &str) -> Option<Zone> {
        if name == "UTC" {
            return Some(Zone::utc());
        }
        let rules = TimeZoneDatabase::bundled().get(name).ok()?;
        Some(Zone { name: rules.iana_name().unwrap_or(name).to_owned(), rules: Some(rules) })
    }

    pub(in super::super) fn name(&self) -> &str {
        &self.name
    }

    /// The day that a time is in.
    pub(super) fn day(&self, millis: i64) -> i64 {
        let seconds = millis.div_euclid(1000);
        let Some(rules) = &self.rules else { return seconds.div_euclid(SECONDS) };
        let (near, _) = near(seconds.div_euclid(SECONDS));
        let near = near * SECONDS + seconds.rem_euclid(SECONDS);
        let offset = jiff::Timestamp::from_second(near).map_or(Offset::UTC, |near| rules.to_offset(near));
        (seconds + i64::from(offset.seconds())).div_euclid(SECONDS)
    }

    /// The first millisecond of a day; it may lie beyond all timestamps.
    pub(super) fn begin_of_day(&self, day: i64) -> i64 {
        let day = day.clamp(-LAST_DAY, LAST_DAY);
        let Some(rules) = &self.rules else { return day * SECONDS * 1000 };
        let (near, cycles) = near(day);
        let midnight = near * SECONDS;
        let seconds = match offset_at_midnight(rules, near) {
            AmbiguousOffset::Unambiguous { offset } => midnight - i64::from(offset.seconds()),
            // Clocks are put back over midnight: the first one counts.
            AmbiguousOffset::Fold { before, .. } => midnight - i64::from(before.seconds()),
            // Clocks are put forward over midnight: the day begins with that. It lies between midnight by the two offsets.
            AmbiguousOffset::Gap { before, after } => {
                let change = jiff::Timestamp::from_second(midnight - i64::from(after.seconds())).ok();
                let change = change.and_then(|at| rules.following(at).next());
                change.map_or(midnight - i64::from(before.seconds()), |change| change.timestamp().as_second())
            }
        };
        (seconds + cycles * CYCLE * SECONDS) * 1000
    }
}

fn offset_at_midnight(rules: &TimeZone, day: i64) -> AmbiguousOffset {
    let (year, month, day) = civil(day);
    // Years of less than 10,000, so that all of them fit.
    let midnight = jiff::civil::DateTime::new(year as i16, month as i8, day as i8, 0, 0, 0, 0);
    let utc = AmbiguousOffset::Unambiguous { offset: Offset::UTC };
    midnight.map_or(utc, |midnight| rules.to_ambiguous_timestamp(midnight).offset())
}

/// The same day of a cycle that the database reaches, and how many cycles that one is before it.
fn near(day: i64) -> (i64, i64) {
    let cycle = day.div_euclid(CYCLE);
    let cycles = cycle - cycle.clamp(-CYCLES, CYCLES - 1);
    (day - cycles * CYCLE, cycles)
}
