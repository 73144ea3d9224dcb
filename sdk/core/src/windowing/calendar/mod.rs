//! Windows of days, weeks, months and years as people count them.

mod date;
mod zone;

pub(super) use date::day_of;
pub(super) use zone::Zone;

use super::Window;
use super::builder::Windowing;
use crate::Timestamp;
use crate::time::civil;
use date::{add_months, months_of};
use std::fmt;

/// Windows of whole days, weeks, months or years of a time zone.
///
/// They begin at midnight there, so a day in which clocks change has 23 or 25 hours. Where midnight is skipped, the day
/// begins with its first moment; where it comes twice, with the first.
///
/// The rules of time zones are part of the program, so that all workers of a pipeline have the same.
///
/// ```
/// use ferrobeam_core::prelude::*;
/// let days = CalendarWindows::days(1).time_zone("Europe/Berlin");
/// let weeks_from_sunday = CalendarWindows::weeks(1).starting(1970, 1, 4);
/// let fiscal_years = CalendarWindows::years(1).starting(2000, 4, 1).time_zone("Asia/Kolkata");
/// # Root::build(|root| {
/// #   let c = root.create([1u64]);
/// #   c.window(days).discard();
/// #   c.window(weeks_from_sunday).discard();
/// #   c.window(fiscal_years).discard();
/// #   Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CalendarWindows {
    pub(super) unit: Unit,
    pub(super) count: u32,
    /// The day that a window starts on, counted from 1970-01-01.
    pub(super) start: i64,
    pub(super) zone: Zone,
    /// What was said and makes no sense.
    pub(super) mistake: Option<String>,
}

/// What calendar windows consist of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Unit {
    Days,
    Weeks,
    Months,
    Years,
}

/// A Monday.
const FIRST_MONDAY: i64 = 4;

impl CalendarWindows {
    /// Windows of so many days, counted from 1970-01-01.
    pub fn days(count: u32) -> Windowing<CalendarWindows> {
        Self::of(Unit::Days, count)
    }

    /// Windows of so many weeks from Monday to Sunday, counted from 1970-01-05.
    pub fn weeks(count: u32) -> Windowing<CalendarWindows> {
        Self::of(Unit::Weeks, count)
    }

    /// Windows of so many months, counted from January 1970.
    pub fn months(count: u32) -> Windowing<CalendarWindows> {
        Self::of(Unit::Months, count)
    }

    /// Windows of so many years, counted from 1970.
    pub fn years(count: u32) -> Windowing<CalendarWindows> {
        Self::of(Unit::Years, count)
    }

    fn of(unit: Unit, count: u32) -> Windowing<CalendarWindows> {
        let start = if unit == Unit::Weeks { FIRST_MONDAY } else { 0 };
        let mistake = (count == 0).then(|| format!("calendar windows of 0 {unit:?}").to_lowercase());
        Windowing::new(CalendarWindows { unit, count, start, zone: Zone::utc(), mistake })
    }

    pub(super) fn window(&self, at: Timestamp) -> Window {
        let day = self.zone.day(at.millis());
        let units = match self.unit {
            Unit::Days => day - self.start,
            Unit::Weeks => (day - self.start).div_euclid(7),
            Unit::Months => months_of(day) - months_of(self.start),
            Unit::Years => (months_of(day) - months_of(self.start)).div_euclid(12),
        };
        let begin = |window| self.zone.begin_of_day(self.first_day(window));
        // Near the truth: a month may begin on its 15th, and a day may have come twice. The begins of days never go back, so
        // windows that are found by comparing with them follow each other without gap or overlap.
        let mut window = units.div_euclid(self.count());
        while begin(window) > at.millis() {
            window -= 1;
        }
        while begin(window + 1) <= at.millis() {
            window += 1;
        }
        Window::cut(begin(window), begin(window + 1))
    }

    fn count(&self) -> i64 {
        i64::from(self.count.max(1))
    }

    /// The day that a window starts on.
    fn first_day(&self, window: i64) -> i64 {
        let units = window * self.count();
        match self.unit {
            Unit::Days => self.start + units,
            Unit::Weeks => self.start + 7 * units,
            Unit::Months => add_months(self.start, units),
            Unit::Years => add_months(self.start, 12 * units),
        }
    }
}

impl fmt::Display for CalendarWindows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.start);
        let unit = format!("{:?}", self.unit).to_lowercase();
        write!(f, "windows of {} {unit} from {year}-{month:02}-{day:02} in {}", self.count, self.zone.name())
    }
}

impl<S> Windowing<CalendarWindows, S> {
    /// Lets a window start on this day, and so all others: weeks from Sunday, months from the 15th, years from April, pairs
    /// of days from today. In a month that lacks the day, windows start on its last one.
    pub fn starting(mut self, year: i32, month: u32, day: u32) -> Self {
        match day_of(year, month, day) {
            Some(start) => self.windows.start = start,
            None => self.windows.mistake = Some(format!("there is no day {year}-{month:02}-{day:02}")),
        }
        self
    }

    /// Takes the midnights of this time zone, by its name in the IANA database, such as `America/New_York`; UTC unless
    /// said otherwise.
    pub fn time_zone(mut self, name: &str) -> Self {
        match Zone::named(name) {
            Some(zone) => self.windows.zone = zone,
            None => self.windows.mistake = Some(format!("there is no time zone `{name}`")),
        }
        self
    }
}
